"""What may be said of a method, and what only of one checkpoint: arms ``<method>-s<seed>``, training seed by seed.

A method's row is the mean over its training seeds, with the seeds one by one. The seed is the top cluster: fewer than
six seeds carry no interval, however many prompts there are. Its verdict is the one that all seeds share, or
``inconclusive``.

*Improved by the rule*: the score that chose the training pairs cannot be the only judge, so an arm improved where the
interval of the training score lies above 0 and no held-out score regressed. Where fewer than two held-out scores have
an interval that could have shown a regression, nothing is decided. Of a method it is said where at least three seeds
were trained and all of them improved; with fewer it is said of *this checkpoint*.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal

from harness.stats.paired import MINIMUM_CLUSTERS, Scale, estimate_from_pairs, make_pairs
from harness.stats.sentences import count, fixed
from harness.stats.verdict import oriented
from harness.types import Data, Estimate, Finding, Metric, Suite, Verdict

MINIMUM_SEEDS = 3
"""Training seeds without which nothing is said of a method."""
MINIMUM_JUDGES = 2
"""Held-out scores with an interval without which nothing improved."""
Word = Literal["improved", "not improved", "undecided"]
ORDER: tuple[Word, ...] = ("improved", "undecided", "not improved")


class SeedFinding(Data):
    """One training seed of a method.

    Attributes:
        seed: Of the training.
        arm: The arm.
        estimate: Against the baseline.
        verdict: Its own.
    """

    seed: int
    arm: str
    estimate: Estimate
    verdict: Verdict


class MethodFinding(Data):
    """One metric of a method against the baseline, in one group.

    Attributes:
        method: Such as ``"videodpo"``.
        metric: Metric name.
        group: Stratum of cases.
        baseline: What it is judged against.
        estimate: Mean over seeds (geometric for ratios); ``n`` and ``clusters`` count seeds.
        verdict: The word that all seeds share, or ``"inconclusive"``.
        seeds: One by one.
        unit: Of the metric.
    """

    method: str
    metric: str
    group: str
    baseline: str
    estimate: Estimate
    verdict: Verdict
    seeds: tuple[SeedFinding, ...]
    unit: str = ""


class Improvement(Data):
    """Whether one arm improved by the rule.

    Attributes:
        arm: The arm.
        group: Stratum of cases.
        word: ``"improved"``, ``"not improved"`` or ``"undecided"``.
        regressed: Held-out scores that regressed.
        unjudged: Held-out scores without an interval.
        why: What decided it.
    """

    arm: str
    group: str
    word: Word
    regressed: tuple[str, ...] = ()
    unjudged: tuple[str, ...] = ()
    why: str


class MethodConclusion(Data):
    """What is concluded on a method in one group.

    Attributes:
        method: Such as ``"videodpo"``.
        group: Stratum of cases.
        word: ``"improved"`` where all seeds did, ``"not improved"`` where none did, or ``"undecided"``.
        of: ``"the method"``, or ``"this checkpoint"`` with fewer than three training seeds.
        seeds: One by one.
        sentence: All of it.
    """

    method: str
    group: str
    word: Word
    of: Literal["the method", "this checkpoint"]
    seeds: tuple[Improvement, ...]
    sentence: str


def seeds_of(method: str, arms: Sequence[str]) -> dict[int, str]:
    """Return training seed → arm, for the arms called ``<method>-s<seed>``, by seed."""
    found = {int(match[1]): arm for arm in arms if (match := re.fullmatch(rf"{re.escape(method)}-s(\d+)", arm))}
    return dict(sorted(found.items()))


def method_finding(method: str, findings: Sequence[Finding], metric: Metric, level: float = 0.95) -> MethodFinding:
    """Put the findings of a method's seeds together.

    Args:
        method: Its name.
        findings: Of one metric in one group, one a seed, at least one.
        metric: The metric.
        level: Coverage of the interval, where there are seeds enough for one.
    """
    first = findings[0]
    arms = {finding.arm: finding for finding in findings}
    seeds = tuple(
        SeedFinding(seed=seed, arm=arm, estimate=arms[arm].estimate, verdict=arms[arm].verdict)
        for seed, arm in seeds_of(method, list(arms)).items()
    )
    words = {seed.verdict for seed in seeds}
    return MethodFinding(
        method=method,
        metric=metric.name,
        group=first.group,
        baseline=first.baseline,
        estimate=_over_seeds(seeds, metric, first.estimate, level),
        verdict=words.pop() if len(words) == 1 else "inconclusive",
        seeds=seeds,
        unit=metric.unit,
    )


def _over_seeds(seeds: Sequence[SeedFinding], metric: Metric, like: Estimate, level: float) -> Estimate:
    base = Estimate(
        value=None, level=level, n=len(seeds), clusters=len(seeds), unit=like.unit, direction=like.direction
    )
    lacking = [seed.arm for seed in seeds if seed.estimate.value is None]
    if lacking:
        return base.model_copy(update={"reason": f"{', '.join(lacking)} have no value: {_why(seeds)}"})
    scale: Scale = "ratio" if metric.scale == "ratio" else "difference"
    values = [float(seed.estimate.value or 0.0) for seed in seeds]
    nothing = [1.0 if scale == "ratio" else 0.0] * len(values)
    names = [f"{seed.seed:06d}" for seed in seeds]
    found = estimate_from_pairs(
        make_pairs(values, nothing, names), scale, unit=like.unit, direction=like.direction, level=level
    )
    if len(seeds) < MINIMUM_CLUSTERS:
        reason = f"{count(len(seeds), 'training seed')}: an interval over seeds needs at least {MINIMUM_CLUSTERS}"
        return found.model_copy(update={"method": "mean over training seeds", "reason": reason})
    return found.model_copy(update={"method": "studentised t over training seeds"})


def _why(seeds: Sequence[SeedFinding]) -> str:
    return next((seed.estimate.reason or "" for seed in seeds if seed.estimate.value is None), "")


def improved_by_law_i(suite: Suite, findings: Sequence[Finding], metrics: Mapping[str, Metric]) -> Improvement:
    """Decide whether an arm improved: training score's interval above 0, and no held-out score regressed.

    Args:
        suite: Declares ``training_score`` and ``held_out``.
        findings: Of one arm in one group, at least one.
        metrics: By name.
    """
    by_metric = {finding.metric: finding for finding in findings}
    assert suite.training_score is not None
    score = by_metric[suite.training_score]
    interval = oriented(score.estimate, metrics[score.metric].scale)
    judged = {name: by_metric[name] for name in suite.held_out}
    regressed = tuple(name for name, finding in judged.items() if finding.verdict == "regressed")
    unjudged = tuple(name for name, finding in judged.items() if finding.estimate.low is None)

    def decided(word: Word, why: str) -> Improvement:
        return Improvement(
            arm=findings[0].arm, group=score.group, word=word, regressed=regressed, unjudged=unjudged, why=why
        )

    if regressed:
        return decided("not improved", f"{', '.join(regressed)} regressed")
    if interval is not None and interval[0] <= 0:
        return decided("not improved", f"the interval of {score.metric} does not lie above 0")
    if interval is None:
        return decided("undecided", f"{score.metric} has no interval: {score.estimate.reason}")
    if len(judged) - len(unjudged) < MINIMUM_JUDGES:
        why = f"{count(len(judged) - len(unjudged), 'held-out score')} with an interval: at least {MINIMUM_JUDGES}"
        return decided("undecided", f"{why} must have one ({', '.join(unjudged) or 'none are declared'} have none)")
    return decided("improved", "no held-out score regressed")


def conclude(method: str, suite: Suite, seeds: Sequence[Improvement], scores: MethodFinding) -> MethodConclusion:
    """Conclude on a method from its seeds.

    Args:
        method: Its name.
        suite: The question.
        seeds: Whether each seed improved, in order.
        scores: The method's training score.
    """
    words = {seed.word for seed in seeds}
    word: Word = words.pop() if len(words) == 1 else "undecided"
    enough = len(seeds) >= MINIMUM_SEEDS
    of: Literal["the method", "this checkpoint"] = "the method" if enough else "this checkpoint"
    return MethodConclusion(
        method=method,
        group=scores.group,
        word=word,
        of=of,
        seeds=tuple(seeds),
        sentence=_sentence(method, suite, seeds, scores, word, enough=enough),
    )


def _sentence(
    method: str, suite: Suite, seeds: Sequence[Improvement], scores: MethodFinding, word: Word, *, enough: bool
) -> str:
    values = [seed.estimate.value for seed in scores.seeds]
    told = ", ".join("unknown" if value is None else fixed(value, 4, signed=True) for value in values)
    mean = (
        ""
        if scores.estimate.value is None or len(values) == 1
        else f", mean {fixed(scores.estimate.value, 4, signed=True)}"
    )
    why = "; ".join(dict.fromkeys(seed.why for seed in seeds))
    if not enough:
        of = f"this checkpoint of {method}" if len(seeds) == 1 else f"these checkpoints of {method}"
        said = f"{scores.group}: {of} reads {suite.training_score} {told}{mean} against {scores.baseline}"
        return f"{said}: {word} ({why}); {count(len(seeds), 'training seed')} cannot speak for the method."
    said = (
        f"{scores.group}: {method} reads {suite.training_score} {told} over {count(len(seeds), 'training seed')}{mean}"
    )
    split = len({seed.word for seed in seeds}) > 1
    verdict = f"{word}, the seeds disagree" if split else word
    return f"{said} against {scores.baseline}: {verdict} ({why})."


def method_rows(
    suite: Suite, findings: Sequence[Finding], metrics: Mapping[str, Metric], level: float = 0.95
) -> tuple[list[MethodFinding], list[MethodConclusion]]:
    """Return rows and conclusions of every method of a suite in one group; the most useful conclusion first.

    Args:
        suite: Declares ``methods``.
        findings: All of one group.
        metrics: By name.
        level: Coverage of intervals.
    """
    rows: list[MethodFinding] = []
    conclusions: list[MethodConclusion] = []
    for method in suite.methods:
        arms = seeds_of(method, list(dict.fromkeys(finding.arm for finding in findings))).values()
        ours = {arm: [finding for finding in findings if finding.arm == arm] for arm in arms}
        if not ours:
            continue
        own = [
            method_finding(
                method, [f for part in ours.values() for f in part if f.metric == name], metrics[name], level
            )
            for name in dict.fromkeys(f.metric for part in ours.values() for f in part)
        ]
        rows += own
        scores = next((row for row in own if row.metric == suite.training_score), None)
        if scores is not None and scores.estimate.value is not None:
            improved = [improved_by_law_i(suite, part, metrics) for part in ours.values()]
            conclusions.append(conclude(method, suite, improved, scores))
    return rows, conclusions


def most_useful(
    conclusions: Sequence[MethodConclusion], rows: Sequence[MethodFinding], score: str | None
) -> list[MethodConclusion]:
    """Return conclusions with what improved first, a method's before a checkpoint's, and the larger gain first.

    Args:
        conclusions: On methods.
        rows: Their metrics.
        score: The training score, in which the gain is counted.
    """
    gains = {
        (row.group, row.method): (row.estimate.value or 0.0) * (1 if row.estimate.direction == "higher" else -1)
        for row in rows
        if row.metric == score
    }
    return sorted(
        conclusions, key=lambda c: (ORDER.index(c.word), c.of != "the method", -gains.get((c.group, c.method), 0.0))
    )
