"""What a report reads of a run: its manifest, its records and the analysis of them. Nothing is computed here twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.analyse import Analysis, analyse
from harness.stats.expected import Expected
from harness.stats.methods import seeds_of
from harness.store.records import Manifest, TrialRecord
from harness.store.run_store import RunStore
from harness.types import Conclusion, Estimate, Finding, Metric
from reports.figures import ArmStyle, Reach


@dataclass(frozen=True)
class Reading:
    """One run, read and analysed.

    Attributes:
        store: The open run folder, for its videos and problems.
        manifest: What was asked.
        records: Every trial's record, by index.
        analysis: Findings and conclusions.
        styles: How each arm looks, by name, in the suite's order.
        groups: Strata, in the order of the cases.
        speed_only: Strata of random weights.
    """

    store: RunStore
    manifest: Manifest
    records: tuple[TrialRecord, ...]
    analysis: Analysis
    styles: dict[str, ArmStyle]
    groups: tuple[str, ...]
    speed_only: frozenset[str]

    @property
    def looks(self) -> dict[str, ArmStyle]:
        """Looks of arms and, by their seeds', of methods."""
        arms = list(self.styles)
        seeds = {method: seeds_of(method, arms) for method in self.manifest.suite.methods}
        return {**{m: self.styles[next(iter(own.values()))] for m, own in seeds.items() if own}, **self.styles}

    def finding(self, metric: str | None, group: str, arm: str) -> Finding | None:
        """The finding of ``arm`` for ``metric`` in ``group``, or None; no metric has none."""
        for f in self.analysis.findings:
            if (f.metric, f.group, f.arm) == (metric, group, arm):
                return f
        return None

    def conclusions(self, group: str) -> list[Conclusion]:
        """Conclusions of ``group``, in the suite's order of arms."""
        order = list(self.styles)
        found = [c for c in self.analysis.conclusions if c.group == group]
        return sorted(found, key=lambda c: order.index(c.arm) if c.arm in order else len(order))

    def best(self, group: str) -> Conclusion | None:
        """The most useful conclusion of ``group``: the analysis puts it first, and the negative control's last."""
        return next((c for c in self.analysis.conclusions if c.group == group), None)

    def expected(self, group: str) -> list[Expected]:
        """What each arm of ``group`` should gain, in the suite's order."""
        return [e for e in self.analysis.expected if e.group == group]

    def finished(self, group: str) -> list[TrialRecord]:
        """Finished trials of ``group``."""
        return [r for r in self.records if r.block.group == group and r.status == "finished"]


def read_run(path: Path, metrics: Mapping[str, Metric]) -> Reading:
    """Open a run folder and analyse its records.

    Args:
        path: The run's folder.
        metrics: Registered metrics by name.

    Raises:
        DiptychError: The folder holds no readable run.
    """
    store = RunStore.open(path)
    manifest = store.manifest
    records = tuple(sorted(store.records(), key=lambda r: r.index))
    suite = manifest.suite
    cases = suite.scales[manifest.plan.scale].cases
    planned = [b.group for b in manifest.plan.blocks]
    return Reading(
        store=store,
        manifest=manifest,
        records=records,
        analysis=analyse(manifest.as_run, records, metrics, absent=manifest.absent_metrics),
        styles=arm_styles([a.name for a in suite.arms], suite.baseline, suite.negative_control, suite.methods),
        groups=tuple(dict.fromkeys(planned)),
        speed_only=frozenset(c.group for c in cases if c.speed_only),
    )


def arm_styles(
    arms: Iterable[str], baseline: str, control: str | None, methods: Sequence[str] = ()
) -> dict[str, ArmStyle]:
    """Give every arm its look: baseline and negative control have fixed ones, the others colours in turn.

    Arms ``<method>-s<seed>`` of one of ``methods`` share a colour.
    """
    arms = list(arms)
    styles: dict[str, ArmStyle] = {}
    shared = {arm: method for method in methods for arm in seeds_of(method, arms).values()}
    colours: dict[str, int] = {}
    for arm in arms:
        if arm == baseline:
            styles[arm] = ArmStyle(arm, "baseline")
        elif arm == control:
            styles[arm] = ArmStyle(arm, "control")
        else:
            styles[arm] = ArmStyle(arm, "arm", colours.setdefault(shared.get(arm, arm), len(colours)))
    return styles


def speed_up(finding: Finding) -> Reach | None:
    """Turn a finding of a speed metric into a speed-up: above 1 is faster, whichever way the metric points."""
    e = finding.estimate
    if e.value is None or e.value <= 0:
        return None
    if e.direction == "higher":
        return Reach(e.value, e.low, e.high)
    inverse = [None if v is None or v <= 0 else 1 / v for v in (e.high, e.low)]
    return Reach(1 / e.value, *inverse)


def speed_up_estimate(finding: Finding) -> Estimate:
    """The same as an estimate, for tables: value and interval turned, all else kept."""
    reach = speed_up(finding)
    if reach is None:
        return finding.estimate
    return finding.estimate.model_copy(update={"value": reach.value, "low": reach.low, "high": reach.high})


def difference(finding: Finding) -> Reach | None:
    """Turn a finding into a value with its interval's ends, or None where there is no number."""
    e = finding.estimate
    return None if e.value is None else Reach(e.value, e.low, e.high)
