"""How often a text scorer finds the right caption of a clip: ``diptych omniscore retrieval``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.cli.builtin import load_builtin
from harness.types import Data

if TYPE_CHECKING:
    from harness.types import Case, Metric

SUITE, PREFIX = "omniscore-sanity", "text_alignment["
RANKS = (1, 3)


class RetrievalFacts(Data):
    """What text scorers retrieve.

    Attributes:
        rows: One a scorer, group of clips and rank: ``scorer, group, clips, k, hits, value, low, high, chance``.
        absent: Scorer → why it could not be asked.
    """

    rows: tuple[dict[str, Any], ...]
    absent: dict[str, str]


def omniscore_retrieval(scorer: str | None = None) -> RetrievalFacts:
    """Ask which of a group's captions fits each clip best, on the clean clips of suite ``omniscore-sanity``.

    Worlds give the test clips of its scale ``full``; of real clips, which calibrate no network, all are taken.

    Args:
        scorer: A registered text scorer; all of them if None.

    Raises:
        UsageError: No such text scorer.
    """
    from harness.absent import missing_assets, missing_packages
    from harness.stats.retrieval import recall_at

    registry = load_builtin()
    names = [scorer] if scorer is not None else [entry.name for entry in registry.list("text-scorer")]
    rows: list[dict[str, Any]] = []
    absent: dict[str, str] = {}
    clips: dict[str, list[Any]] = {}
    for name in names:
        registry.entry("text-scorer", name)
        metric: Metric = registry.get("metric", f"{PREFIX}{name}]")
        lacking = missing_packages(metric) or missing_assets(metric)
        if lacking:
            absent[name] = lacking
            continue
        ask = registry.get("text-scorer", name)("cpu")
        for group, cases in _groups().items():
            if (group == "real") == bool(metric.worlds) or (metric.worlds and group not in metric.worlds):
                continue
            if group not in clips:
                clips[group] = _clips(cases)
            captions = [clip.caption for clip in clips[group]]
            found = ask.similarities([clip.frames for clip in clips[group]], captions)
            for k in RANKS:
                recall = recall_at(found, captions, captions, k)
                rows.append({"scorer": name, "group": group, "clips": len(captions), **recall.model_dump()})
    return RetrievalFacts(rows=tuple(rows), absent=absent)


def _groups() -> dict[str, list[Case]]:
    """Group → the cases whose clips are asked about, each once."""
    scales = load_builtin().get("suite", SUITE).scales
    found: dict[str, dict[str, Case]] = {}
    for scale in ("full", "calibration"):
        for case in scales[scale].cases:
            if scale == "full" or case.group == "real":
                found.setdefault(case.group, {})[case.name] = case
    return {group: list(cases.values()) for group, cases in found.items()}


def _clips(cases: list[Case]) -> list[Any]:
    maker = load_builtin().get("maker", "fault")("cpu", 1)
    return [maker.clip(case) for case in cases]
