"""From a recorded run to the next one's size: how many blocks a wished effect needs, and what the recorded number sees.

The spread of the case effects and the confidence that each interval had in its family are read off the recorded run;
thresholds and margin are those that the next run will be judged by. The rule is :mod:`harness.stats.power`'s.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.analyse import analyse
from harness.stats.findings import threshold
from harness.stats.paired import Pairs, Scale, cluster_means, effects, identical
from harness.stats.pairing import pair_values, tabulate, without_mismatches
from harness.stats.power import cases_needed, distance_needed, power_beyond, upper_sd
from harness.stats.verdict import bound, oriented
from harness.store.records import Manifest, TrialRecord
from harness.types import Data, Finding, Metric, Suite

Kind = Literal["difference", "comparable"]


class PowerRow(Data):
    """What one arm's primary metric needs in one group of cases.

    Attributes:
        kind: ``"difference"``: to be judged improved or regressed; ``"comparable"``: to be shown not worse than the
            baseline by the margin.
        group: Stratum of cases.
        arm: The arm.
        metric: The metric.
        unit: Unit of effect, threshold and detectable effect: the metric's, or ``"ratio"``, whose effects are fractions
            of change (0.03 is 3 %).
        effect: The true effect that is planned for; for ``"comparable"`` the true loss.
        threshold: The τ, or the margin, that the whole interval must keep clear of.
        sd: Standard deviation of the recorded case effects, of logarithms for ratios; None with a reason.
        confidence: Of the recorded interval alone, as its family needed it.
        blocks_recorded: Blocks that the recorded interval rests on.
        blocks_needed: Fewest blocks that show the effect with the wished power if ``sd`` is the true one, repeated as
            recorded; None with a reason.
        blocks_needed_cautious: The same for the upper limit of ``sd`` (:data:`CAUTION`): ``sd`` is itself an estimate,
            and with few recorded cases half of all plans made from it are too small.
        power: Probability that the recorded number of blocks shows the effect.
        detectable_effect: Smallest effect (``"comparable"``: largest loss) that the recorded number of blocks shows
            with the wished power; None with a reason.
        reason: Why a number is absent.
    """

    kind: Kind
    group: str
    arm: str
    metric: str
    unit: str
    effect: float
    threshold: float
    sd: float | None = None
    confidence: float | None = None
    blocks_recorded: int
    blocks_needed: int | None = None
    blocks_needed_cautious: int | None = None
    power: float | None = None
    detectable_effect: float | None = None
    reason: str | None = None


class PowerFacts(Data):
    """How large the next run of a suite should be.

    Attributes:
        suite: Suite name.
        run_id: The recorded run that the spread comes from.
        path: Its folder.
        scale: Its scale.
        power: The wished probability.
        rows: Per kind, group, arm and primary metric.
        method: The rule, and where the confidence comes from.
        notes: What a reader must know.
    """

    suite: str
    run_id: str
    path: str
    scale: str
    power: float
    rows: tuple[PowerRow, ...]
    method: str
    notes: tuple[str, ...] = ()


CAUTION = 0.8
"""Confidence of the upper limit of the spread that the cautious number is planned with: so many pilots suffice."""

METHOD = (
    "noncentral t over cases; whole interval beyond the threshold; confidence of each interval as its recorded max-t "
    f"family needed it; cautious: planned with the {CAUTION:.0%} one-sided upper limit of the spread (chi-square)"
)


@dataclass(frozen=True)
class Effect:
    """A wished effect.

    Attributes:
        value: Percent of change for ratios, the metric's unit otherwise; > 0.
        percent: True if it is meant for ratios alone.
    """

    value: float
    percent: bool

    def of(self, metric: Metric) -> float | None:
        """Return the effect on ``metric`` (a fraction for ratios), or None if it is not meant for it."""
        if metric.scale == "ratio":
            return self.value / 100
        return None if self.percent else self.value


def power_rows(
    manifest: Manifest,
    records: Sequence[TrialRecord],
    metrics: Mapping[str, Metric],
    suite: Suite,
    *,
    power: float,
    effect: Effect | None = None,
    only: str | None = None,
) -> list[PowerRow]:
    """Plan every primary finding of a recorded run.

    Args:
        manifest: Of the recorded run.
        records: Its records.
        metrics: All metrics by name.
        suite: The suite as it is declared today: its thresholds and margin are used.
        power: The wished probability, at least 0.5 and below 1.
        effect: The true effect; None for twice the threshold, and for no loss where quality shall be comparable.
        only: Only this metric.

    Raises:
        DiptychError: The recorded suite cannot be judged.
    """
    recorded = manifest.suite
    table, _ = without_mismatches(tabulate(records), recorded.baseline)
    rows = []
    for finding in analyse(manifest.as_run, records, metrics, absent=manifest.absent_metrics).findings:
        tau = threshold(suite, finding.metric)
        if not finding.primary or tau is None or only not in (None, finding.metric):
            continue
        metric = metrics[finding.metric]
        asked = None if effect is None else effect.of(metric)
        pairs = pair_values(table, finding.group, metric, finding.arm, recorded.baseline)[0]
        rows.append(_row("difference", finding, metric, pairs, tau, 2 * tau if asked is None else asked, power))
        if finding.metric == suite.primary_quality:
            rows.append(_row("comparable", finding, metric, pairs, suite.margin, asked or 0.0, power))
    return rows


def _row(
    kind: Kind, finding: Finding, metric: Metric, pairs: Pairs, limit: float, effect: float, power: float
) -> PowerRow:
    base = PowerRow(
        kind=kind,
        group=finding.group,
        arm=finding.arm,
        metric=metric.name,
        unit="ratio" if metric.scale == "ratio" else metric.unit,
        effect=effect,
        threshold=limit,
        blocks_recorded=finding.estimate.n,
    )
    if metric.scale == "set":
        why = f"{metric.name} is one number per set of clips: its spread over cases is not recorded"
        return base.model_copy(update={"reason": why})
    interval = oriented(finding.estimate, metric.scale)
    if interval is None:
        return base.model_copy(update={"reason": finding.estimate.reason})
    scale: Scale = "ratio" if metric.scale == "ratio" else "difference"
    _, means = cluster_means(effects(pairs, scale), pairs.clusters)
    sd = 0.0 if identical(means) else float(np.std(means, ddof=1))
    cases = len(means)
    confidence = _confidence(interval, sd, cases, finding.estimate.level)
    far, near = bound(effect, scale), bound(limit, scale)
    distance = far - near if kind == "difference" else near - far
    repeated = finding.estimate.n / cases
    needed = cases_needed(distance, sd, confidence, power)
    cautious = cases_needed(distance, upper_sd(sd, cases, CAUTION), confidence, power)
    away = distance_needed(sd, cases, confidence, power)
    assert away is not None  # an interval has at least 6 cases
    seen = near + away if kind == "difference" else near - away

    def blocks(cases: int | None) -> int | None:
        return None if cases is None else max(math.ceil(cases * repeated), metric.minimum_n)

    reasons = [] if needed is not None else [_never(kind, distance)]
    if needed is not None and cautious is None:
        reasons.append("cautiously, no number of blocks that could be run is enough")
    if seen < 0:
        reasons.append("too few blocks even at no loss")
    return base.model_copy(
        update={
            "sd": sd,
            "confidence": confidence,
            "blocks_needed": blocks(needed),
            "blocks_needed_cautious": blocks(cautious),
            "power": power_beyond(distance, sd, cases, confidence),
            "detectable_effect": None if seen < 0 else math.expm1(seen) if scale == "ratio" else seen,
            "reason": "; ".join(reasons) or None,
        }
    )


def _confidence(interval: tuple[float, float], sd: float, cases: int, level: float) -> float:
    """Read back the confidence of a recorded interval from its width; ``level`` where nothing varied."""
    if sd == 0:
        return level
    from scipy.special import stdtr

    critical = (interval[1] - interval[0]) / 2 / (sd / math.sqrt(cases))
    return float(2 * stdtr(cases - 1, critical) - 1)


def _never(kind: Kind, distance: float) -> str:
    if distance > 0:
        return "no number of blocks that could be run is enough"
    if kind == "difference":
        return "the effect does not exceed the threshold: by definition it is never judged"
    return "the loss is not smaller than the margin: by definition it is never comparable"
