"""The live components of a run: makers, metrics, extractors, built from their registered names."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.absent import missing_packages
from harness.assets.locate import AbsentError, asset_sha256
from harness.declaration import check_suite, judged_metrics
from harness.device import Device
from harness.errors import DiptychError
from harness.plan import chosen_scale
from harness.protocols import ActionExtractor, Extractor, Maker
from harness.provenance import context_facts
from harness.registry import Registry
from harness.store.records import Plan
from harness.types import Arm, Case, Metric, Suite

LOG = logging.getLogger("diptych")


def load_metrics(suite: Suite, registry: Registry) -> dict[str, Metric]:
    """Return the suite's metrics by name, in its order, the primary ones among them.

    Raises:
        DiptychError: One is unknown, or the suite could not be judged by them.
    """
    found = {name: registry.get("metric", name) for name in judged_metrics(suite)}
    check_suite(suite, found)
    return found


@dataclass
class Parts:
    """The live components of a run.

    Attributes:
        makers: One per name, shared by all arms that name it.
        metrics: By name, in the suite's order.
        extractors: By feature space.
        plugins: Distributions besides Diptych's own whose components take part.
        assets: SHA-256 of the weight files that metrics name, by asset.
        absent: Metrics that cannot be computed here, with the reason; they are not among ``metrics``.
    """

    makers: dict[str, Maker]
    metrics: dict[str, Metric]
    extractors: dict[str, Extractor | ActionExtractor]
    plugins: tuple[str, ...] = ()
    assets: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)

    @classmethod
    def build(cls, suite: Suite, plan: Plan, device: Device, threads: int, registry: Registry) -> Parts:
        """Build every component that the cases need, and let the makers check all arms against all cases.

        Raises:
            DiptychError: A component is unknown or cannot be built, an arm cannot run a case (names both), or the
                primary quality metric lacks its weights. Other metrics that lack theirs are left out, and it is said.
        """
        metrics = load_metrics(suite, registry)
        assets, absent = present_assets(metrics, registry)
        arms = [suite.arm(name) for name in plan.arms]
        names = sorted({arm.maker for arm in arms})
        makers: dict[str, Maker] = {name: registry.get("maker", name)(str(device), threads) for name in names}
        cases = chosen_scale(suite, plan.scale).cases
        for case in cases:
            for arm in arms:
                try:
                    makers[arm.maker].check(arm, case)
                except DiptychError as error:
                    error.args = (f"arm {arm.name!r} cannot run case {case.name!r}: {error}",)
                    raise
        # Random weights have no quality: a run of speed alone needs no extractor, and no weights of one.
        judged = [] if all(case.speed_only for case in cases) else list(metrics.values())
        extractors: dict[str, Extractor | ActionExtractor] = {}
        for metric in judged:
            space = metric.feature_space
            if space is None or space in extractors or metric.name in absent:
                continue
            try:
                extractors[space] = registry.get("extractor", space)(str(device))
            except AbsentError as error:
                absent |= {other.name: str(error) for other in judged if other.feature_space == space}
        if judged and suite.primary_quality in absent:
            why = absent[suite.primary_quality]
            raise DiptychError(
                f"suite {suite.name!r} is judged by {suite.primary_quality}, which cannot be computed here: {why}"
            )
        for name, reason in absent.items():
            LOG.warning("metric %s is left out: %s", name, reason)
        known = {name: metric for name, metric in metrics.items() if name not in absent}
        return cls(makers, known, extractors, plugins_of(arms, cases, metrics, registry), assets, absent)

    def context(self, device: Device, threads: int) -> dict[str, Any]:
        """Collect what can change a number; call it inside :func:`harness.device.reproducible`.

        An extractor may have a ``context()`` like a maker's (its weights' hash); the protocol does not ask for it.
        """
        makers = {name: maker.context() for name, maker in self.makers.items()}
        extractors: dict[str, Any] = {}
        for name, extractor in self.extractors.items():
            tell = getattr(extractor, "context", None)
            extractors[name] = {} if tell is None else tell()
        packages = sorted({name for metric in self.metrics.values() for name in metric.packages})
        facts = context_facts(device, threads, makers, extractors, packages, self.plugins)
        facts |= {"assets": self.assets} if self.assets else {}
        return facts | ({"absent_metrics": self.absent} if self.absent else {})


def present_assets(metrics: Mapping[str, Metric], registry: Registry) -> tuple[dict[str, str], dict[str, str]]:
    """Look for the packages and weight files that metrics name; nothing is installed or fetched.

    Returns:
        Asset → SHA-256 of those that are here; metric → reason of those that lack something.

    Raises:
        DiptychError: A file is here with other bytes than it should have.
    """
    assets: dict[str, str] = {}
    absent: dict[str, str] = {}
    for name, metric in metrics.items():
        lacking = missing_packages(metric)
        if lacking:
            absent[name] = lacking
        for asset in metric.assets:
            try:
                assets[asset] = asset_sha256(asset, registry)
            except AbsentError as error:
                absent[name] = f"{absent[name]} {error}" if name in absent else str(error)
    return assets, absent


def plugins_of(
    arms: Sequence[Arm], cases: Sequence[Case], metrics: Mapping[str, Metric], registry: Registry
) -> tuple[str, ...]:
    """Distributions whose makers, metrics, extractors, models, worlds, schedules and so on take part, by name."""
    entries = registry.entries
    named = {("maker", arm.maker) for arm in arms} | {("model", case.model) for case in cases}
    named |= {("metric", name) for name in metrics}
    named |= {("extractor", metric.feature_space) for metric in metrics.values() if metric.feature_space is not None}
    params = [arm.params for arm in arms] + [case.params for case in cases]
    named |= {(kind, value) for given in params for kind, value in given.items() if isinstance(value, str)}
    worlds = [getattr(entry.load(), "world", None) for key in named if key[0] == "model" if (entry := entries.get(key))]
    named |= {("world", world) for world in worlds if isinstance(world, str)}
    found = {registry.entries[key].distribution for key in named if key in registry.entries}
    return tuple(sorted(found - {""}))
