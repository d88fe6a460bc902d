"""What paper figures take from runs: one row per arm and group, with the intervals that the analysis gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from harness.store.records import Manifest
from harness.types import Arm, Estimate, Finding
from reports.figures import Reach
from reports.reading import Reading, difference, speed_up
from reports.wording import count, level_text, spans

SPEED = "frames_per_second"
FINETUNE_SUITE = "decoding-finetune"
"""Its run fills the table, where weights differ between arms; figures take one set of weights."""


@dataclass(frozen=True)
class MeasuredRow:
    """One arm of one group of a run.

    Attributes:
        run_id: The run.
        group: Stratum of cases.
        model: Registered model.
        parameters: Its size, or None where the model is not registered here.
        speed_only: True for random weights.
        arm: The arm.
        role: Baseline, negative control, or another arm.
        schedule: Its decoding order.
        k: Row delay, or None where the arm names none.
        weights: Finetuned weights that it names, or None.
        passes: Passes of one generation, or None where cases differ.
        by_passes: Passes of the baseline over its own.
        by_bound: Bound of the baseline over its own, or None.
        speed_up: Measured, with its interval; None where there is no number.
        differences: Quality against the baseline by metric, with intervals.
        values: The arm's own mean by metric (geometric for rates).
        methods: How the intervals were made, by metric.
    """

    run_id: str
    group: str
    model: str
    parameters: int | None
    speed_only: bool
    arm: str
    role: Literal["baseline", "arm", "control"]
    schedule: str
    k: int | None
    weights: str | None
    passes: int | None
    by_passes: float | None = None
    by_bound: float | None = None
    speed_up: Reach | None = None
    differences: dict[str, Reach] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)
    methods: dict[str, str] = field(default_factory=dict)

    @property
    def fps(self) -> float | None:
        """Frames per second, geometric mean."""
        return self.values.get(SPEED)

    @property
    def label(self) -> str:
        """The order in a few characters: ``"k=2"``, ``"st k=2"``, or the arm's name."""
        if self.schedule == "diagonal" and self.k is not None:
            return f"k={self.k}"
        if self.schedule == "diagonal-st" and self.k is not None:
            return f"st k={self.k}"
        return self.arm


def measured_rows(reading: Reading, sizes: Mapping[str, int]) -> list[MeasuredRow]:
    """Return every arm that ran, group by group, the baseline first.

    Args:
        reading: A run.
        sizes: Parameters by registered model.
    """
    suite, rows = reading.manifest.suite, []
    cases = {case.group: case for case in reading.manifest.asked.cases}
    arms = {arm.name: arm for arm in suite.arms}
    for group in reading.groups:
        finished = reading.finished(group)
        ran = {record.arm for record in finished}
        gains = {gain.arm: gain for gain in reading.expected(group)}
        for name in sorted(ran & arms.keys(), key=lambda n: (n != suite.baseline, list(arms).index(n))):
            style, case, gain = reading.styles[name], cases[group], gains.get(name)
            counts = {record.counts.get("passes") for record in finished if record.arm == name}
            found = [f for f in reading.analysis.findings if f.group == group and f.arm == name]
            speed = next((f for f in found if f.metric == SPEED), None)
            rows.append(
                MeasuredRow(
                    run_id=reading.manifest.run_id,
                    group=group,
                    model=case.model,
                    parameters=sizes.get(case.model),
                    speed_only=group in reading.speed_only,
                    arm=name,
                    role=style.role,
                    schedule=str(arms[name].params.get("schedule", name)),
                    k=_delay(arms[name]),
                    weights=_weights(arms[name]),
                    passes=counts.pop() if len(counts) == 1 else None,
                    by_passes=gain.by_passes if gain else None,
                    by_bound=gain.by_bound if gain else None,
                    speed_up=speed_up(speed) if speed else None,
                    differences=_differences(found),
                    values=_values(reading, group, name),
                    methods={f.metric: method(f.estimate) for f in found if f.estimate.low is not None},
                )
            )
    return rows


def _delay(arm: Arm) -> int | None:
    k = arm.params.get("k")
    return k if isinstance(k, int) else None


def _weights(arm: Arm) -> str | None:
    weights = arm.params.get("weights") or arm.params.get("finetune")
    return None if weights is None else str(weights)


def _differences(findings: Sequence[Finding]) -> dict[str, Reach]:
    found = {f.metric: difference(f) for f in findings if f.estimate.unit != "ratio"}
    return {metric: reach for metric, reach in found.items() if reach is not None}


def _values(reading: Reading, group: str, arm: str) -> dict[str, float]:
    values: dict[str, float] = {}
    for f in reading.analysis.findings:
        if f.group == group and arm in (f.arm, f.baseline):
            value = f.arm_value if f.arm == arm else f.baseline_value
            if value is not None:
                values.setdefault(f.metric, value)
    return values


def methods_of(rows: Sequence[MeasuredRow], metrics: Sequence[str]) -> str:
    """How the intervals of some metrics were made, each way once; nothing where there are none."""
    return "; ".join(dict.fromkeys(row.methods[m] for row in rows for m in metrics if m in row.methods))


def method(estimate: Estimate) -> str:
    """How an interval was made, for a caption."""
    return f"{level_text(estimate.level)}, {estimate.method}"


def device_text(manifest: Manifest) -> str:
    """The device of a run in words: the card's name, or the processor's and the threads."""
    context = manifest.context
    if manifest.device != "cpu":
        return str(context.get("gpu", manifest.device))
    cpu = context.get("cpu", "CPU")
    return f"{cpu if isinstance(cpu, str) else 'CPU'}, {count(manifest.threads, 'thread')}"


def run_text(reading: Reading, groups: Sequence[str]) -> str:
    """Say which records of a run a figure was drawn from."""
    m = reading.manifest
    trials = "; ".join(f"{group}: trials {spans(r.index for r in reading.finished(group))}" for group in groups)
    return (
        f"run {m.run_id} (suite {m.suite.name}, version {m.suite.version}, scale {m.plan.scale}, {device_text(m)}): "
        f"{trials}"
    )
