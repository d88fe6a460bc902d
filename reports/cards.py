"""The card of a group's leading conclusion: what it bought, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.stats.methods import MethodConclusion
from harness.stats.verdict import against_margin
from harness.types import Conclusion, Estimate, Metric
from reports.method_tables import change_decimals, change_text, taus, told_seeds
from reports.methods import motion
from reports.reading import Reading, speed_up, speed_up_estimate
from reports.wording import count, display_unit, estimate_text, level_text, metric_title, plain, with_unit

UNJUDGED = "not judged"


@dataclass(frozen=True)
class Leaf:
    """One half of a conclusion's card.

    Attributes:
        label: ``"what it bought"`` or ``"what it cost"``.
        metric: Metric in words, with its unit.
        value: The number, without its interval.
        interval: The interval with its level, or why there is none.
        verdict: Verdict word, for its colour and symbol, or empty.
    """

    label: str
    metric: str
    value: str
    interval: str
    verdict: str


def card_leaves(reading: Reading, metrics: Mapping[str, Metric], best: Conclusion) -> tuple[Leaf, ...]:
    """The card of an arm: what it bought in speed, and what it cost in quality; none where speed is not asked for."""
    suite = reading.manifest.suite
    if suite.primary_speed is None:
        return ()  # the card has two leaves: what was bought and what it cost
    speed = reading.finding(suite.primary_speed, best.group, best.arm)
    reach = None if speed is None else speed_up(speed)
    against = f"against {suite.baseline}"
    if speed is None or reach is None:
        reason = (speed.estimate.reason if speed else None) or "no complete pair"
        bought = Leaf("what it bought", metric_title(suite.primary_speed), UNJUDGED, reason, "")
    else:
        metric = f"{metric_title(suite.primary_speed)}, {against}"
        bought = Leaf("what it bought", metric, *_split(speed_up_estimate(speed), 1.0, ""), speed.verdict)
    if best.group in reading.speed_only:
        return bought, Leaf("what it cost", "", UNJUDGED, "random weights: nothing can be said of quality", "")
    quality = reading.finding(suite.primary_quality, best.group, best.arm)
    title = metric_title(suite.primary_quality)
    if quality is None or quality.estimate.value is None:
        reason = (quality.estimate.reason if quality else None) or "no complete pair"
        return bought, Leaf("what it cost", title, UNJUDGED, reason, "")
    known = quality.metric in metrics
    unit = display_unit(metrics[quality.metric].unit if known else quality.unit, [])
    margin = with_unit(f"margin {plain(suite.margin)}", unit.label)
    cost = Leaf(
        "what it cost",
        f"{title}, {against} · {margin}",
        *_split(quality.estimate, unit.factor, unit.label),
        # the margin decides this card, not the threshold of the metric's own table
        against_margin(quality.estimate, suite.margin, metrics[quality.metric].scale if known else "difference"),
    )
    return bought, cost


def method_leaves(reading: Reading, best: MethodConclusion) -> tuple[Leaf, ...]:
    """The card of a method: what it bought in the score that it was trained on, and what it cost in motion."""
    suite = reading.manifest.suite
    found = {m.metric: m for m in reading.analysis.methods if (m.method, m.group) == (best.method, best.group)}
    leaves = []
    for label, metric in (("what it bought", suite.training_score), ("what it cost", motion(suite))):
        m = found.get(metric or "")
        if m is None or m.estimate.value is None:
            reason = "no metric of motion in this suite" if metric is None else "no value of every training seed"
            leaves.append(Leaf(label, metric_title(metric) if metric else "motion", UNJUDGED, reason, ""))
            continue
        unit = display_unit(m.unit, [m.estimate.value])
        seeds = [seed.estimate.value * unit.factor for seed in m.seeds if seed.estimate.value is not None]
        decimals = change_decimals(seeds, taus(suite).get(m.metric, 0.0) * unit.factor)
        value = change_text(m.estimate, unit.factor, decimals)
        title = f"{metric_title(m.metric)}{f' ({unit.label})' if unit.label else ''}, against {m.baseline}"
        leaves.append(Leaf(label, title, value, told_seeds(m, unit.factor, decimals), m.verdict))
    return tuple(leaves)


def _split(e: Estimate, factor: float, unit: str) -> tuple[str, str]:
    value, _, rest = estimate_text(e, factor).partition(" [")
    interval = f"[{rest} {unit}".strip() + f" · {level_text(e.level)} interval" if rest else (e.reason or "no interval")
    return f"{value} {unit}".strip(), f"{interval} · {count(e.n, 'block')}"
