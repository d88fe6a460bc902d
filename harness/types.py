"""The nouns of a trial: arm, case, scale, suite, metric, estimate, finding.

Everything here is data: frozen, free of torch, and readable as JSON. ``design.md`` calls a matched unit a *block*: one
case × repetition that every arm runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Direction = Literal["higher", "lower"]
Verdict = Literal["improved", "regressed", "within noise", "inconclusive"]
ConclusionWord = Literal[
    "faster at comparable quality",
    "faster but worse",
    "faster, quality inconclusive",
    "not faster",
    "speed only",
    "better quality",
    "worse quality",
    "comparable quality",
    "quality inconclusive",
]
Value = bool | int | float | str | None


class Data(BaseModel):
    """Base of everything that is written to or read from a file: frozen, and refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class Arm(Data):
    """One way of making the video.

    Attributes:
        name: Unique in its suite, such as ``"diagonal-k2"``.
        summary: One line for a reader.
        maker: Registered maker that runs it, such as ``"decoding"``.
        params: What the maker is told, such as ``{"schedule": "diagonal", "k": 2}``.
        seed_shift: Added to the block's seed; 0 everywhere but in the ``null`` suite's shifted arm.
    """

    name: str
    summary: str = ""
    maker: str
    params: dict[str, Value] = Field(default_factory=dict)
    seed_shift: int = 0


class Case(Data):
    """One thing to make, the same for every arm.

    Attributes:
        name: Unique in its suite, such as ``"crafter-9x9/test/0007"``; also the cluster of the statistics.
        group: The stratum whose cases are analysed together, such as ``"crafter-9x9"``.
        model: Registered model name; empty where no model makes the video.
        params: What the maker is told: world, split, clip index, prompt frames, frames, sampling.
        speed_only: True for random weights: no quality can be claimed.
    """

    name: str
    group: str
    model: str
    params: dict[str, Value] = Field(default_factory=dict)
    speed_only: bool = False


class Repeats(Data):
    """When a trial stops repeating its timed call: on count and on time, never on what was measured.

    Attributes:
        count: Most calls.
        limit_seconds: No further call begins once this much time has passed in the trial; None for no limit.
    """

    count: int = Field(default=1, ge=1)
    limit_seconds: float | None = Field(default=None, gt=0)


class Scale(Data):
    """How much of a suite to run.

    Attributes:
        name: ``"smoke"``, ``"small"`` or ``"full"``.
        cases: The cases, in order.
        repetitions: Blocks per case.
        warmups: Fewest unmeasured calls per arm and group before the first trial, on the measured shapes.
        repeats: Most timed calls inside one trial; the trial's value is their median.
        repeat_seconds: No further timed call begins in a trial once this much time has passed; None for no limit.
    """

    name: str
    cases: tuple[Case, ...]
    repetitions: int = 1
    warmups: int = 1
    repeats: int = 1
    repeat_seconds: float | None = None


class Threshold(Data):
    """The size of a change that matters for one metric, fixed before measuring.

    Attributes:
        metric: Metric name.
        tau: For ratios a fraction of change (0.05 is 5 %), for differences in the metric's own unit.
        why: Where the number comes from.
    """

    metric: str
    tau: float
    why: str = ""


class Expectation(Data):
    """What a metric must say of an arm, so that it can be trusted where the answer is not known.

    Attributes:
        arm: The arm.
        metric: Metric of the suite.
        verdict: What it must read against the baseline, or None.
        worse_than: Arm whose estimate must be better than this one's, or None.
        why: The reason, for a reader.
    """

    arm: str
    metric: str
    verdict: Verdict | None = None
    worse_than: str | None = None
    why: str = ""


class Suite(Data):
    """A question: arms × cases, a baseline arm, metrics, thresholds.

    Attributes:
        name: Such as ``"decoding"``.
        version: Raised whenever arms, cases or metrics change their meaning.
        question: One sentence.
        arms: All arms; the baseline is one of them.
        baseline: Name of the baseline arm.
        scales: By name.
        metrics: Names of the metrics to record.
        primary_speed: The metric that decides *faster*; None where the question is of quality alone.
        primary_quality: The metric that decides *worse*.
        margin: Non-inferiority margin of the primary quality metric, in its own unit (positive).
        margin_why: Its justification.
        thresholds: Verdict thresholds of the other metrics.
        negative_control: Arm that must be judged *regressed* in quality, or None.
        placebo: True for A/A suites, which must never say improved or regressed.
        expectations: Verdicts known before measuring; a note names every one that is not met.
        win_rate_of: Metrics whose share of won blocks is told, too.
        methods: Ways of training, each with arms ``<method>-s<training seed>`` that are put together as its seeds.
        training_score: The metric that chose what the methods were trained on.
        held_out: Metrics that never did: where one of them regressed, no method improved.
    """

    name: str
    version: int
    question: str
    arms: tuple[Arm, ...]
    baseline: str
    scales: dict[str, Scale]
    metrics: tuple[str, ...]
    primary_speed: str | None
    primary_quality: str
    margin: float
    margin_why: str
    thresholds: tuple[Threshold, ...] = ()
    negative_control: str | None = None
    placebo: bool = False
    expectations: tuple[Expectation, ...] = ()
    win_rate_of: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    training_score: str | None = None
    held_out: tuple[str, ...] = ()

    @property
    def primaries(self) -> tuple[str, ...]:
        """The metrics that a conclusion rests on: speed, where it is asked for, and quality."""
        return tuple(name for name in (self.primary_speed, self.primary_quality) if name is not None)

    def arm(self, name: str) -> Arm:
        """Return the arm called ``name`` (KeyError if there is none)."""
        return {a.name: a for a in self.arms}[name]


class Estimate(Data):
    """A number with its uncertainty.

    Attributes:
        value: Point estimate, or None with a ``reason``.
        low: Lower end of the interval, or None.
        high: Upper end, or None.
        level: Coverage asked for, such as 0.95; simultaneous over the family where ``method`` says so.
        method: How the interval was made, such as ``"paired log-ratio, studentised t over cases, max-t family of 5"``.
        n: Number of blocks used.
        clusters: Number of cases they come from.
        unit: Unit of value, low and high (``"ratio"`` for ratios).
        direction: Which way is better.
        resamples: Number of resamples, where the method resamples.
        seed: Seed of the resampling.
        reason: Why value or interval is absent.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    method: str = ""
    n: int = 0
    clusters: int = 0
    unit: str = ""
    direction: Direction = "higher"
    resamples: int | None = None
    seed: int | None = None
    reason: str | None = None


class Finding(Data):
    """One metric of one arm against the baseline, in one group of cases.

    Attributes:
        metric: Metric name.
        group: Stratum of cases.
        arm: The arm judged.
        baseline: What it is judged against.
        estimate: Ratio (rates, times, memory) or difference (quality).
        verdict: Interval against threshold.
        threshold: The τ that was used.
        primary: True if it belongs to the declared family; others are exploratory and never gate.
        arm_value: Mean (geometric for rates) of the arm itself, in the metric's unit.
        baseline_value: The same of the baseline.
        correlation: Correlation of the two arms over blocks, or None.
    """

    metric: str
    group: str
    arm: str
    baseline: str
    estimate: Estimate
    verdict: Verdict
    threshold: float | None = None
    primary: bool = False
    arm_value: float | None = None
    baseline_value: float | None = None
    unit: str = ""
    correlation: float | None = None


class Conclusion(Data):
    """What an arm bought and what it cost, in one group of cases.

    Attributes:
        arm: The arm.
        group: Stratum of cases.
        word: One of the fixed conclusions.
        remark: What the word alone would hide, such as ``"speed inconclusive"``; or nothing.
        sentence: All of it with its numbers and intervals.
    """

    arm: str
    group: str
    word: ConclusionWord
    remark: str = ""
    sentence: str


@dataclass(frozen=True)
class Metric:
    """How one number is read off what an arm made.

    Attributes:
        name: Such as ``"frames_per_second"`` or ``"frechet[tokenizer-crafter]"``.
        summary: One line.
        unit: Unit of a trial's value.
        direction: Which way is better.
        scale: ``"ratio"`` analyses log-ratios of pairs, ``"difference"`` differences, ``"set"`` one number per set of
            clips (then ``compute`` returns None and ``feature_space`` names the extractor).
        compute: From a :class:`Made` to the trial's value; None where it does not apply.
        minimum_n: Fewest blocks for a verdict.
        quality: True if it is a matter of quality (absent for random weights).
        machine: True for times, rates, memory and energy: what two runs, or two processes, do not measure side by side.
        packages: Distributions whose version can change its numbers; the context names them.
        feature_space: For set metrics, and for those of one case's videos, the registered extractor.
        distance: For set metrics, ``f(generated, reference) -> float`` on float64 feature rows.
        needs_full_rank: For set metrics, True if a verdict needs more clips than feature dimensions.
        per_frame: From a :class:`Made` to one value per generated frame, in order, where the metric has such; the
            record keeps them beside the trial's value, which is their mean.
        assets: Registered assets (weight files) that it cannot do without. Where one is absent before the run, so is
            the metric, with the reason; nothing is downloaded during a measurement.
        worlds: Registered worlds whose clips its network was made for; empty for any clip. Elsewhere it has no value.
        counts: For set metrics, True if a row is no point of a space but counts (true positives, false positives, false
            negatives of one class after another), which add up over clips. ``distance(reference, reference)`` is then
            the score of real video, the ceiling, and stands beside every value.
        first_frame: Frame to which the first of ``per_frame``'s values belongs: 1 where steps from frame to frame are
            judged.
        every_frames: Frames from one of these values to the next.
        parts: Metrics that a composite is made of. Whoever records it records them too.
        combine: For composites, from the values of the parts by name to its own; raises
            :class:`harness.errors.NoValueError` where one is missing.
        needs: What of :class:`Made` a metric of quality reads beside the video: ``"reference"``, ``"caption"``; empty
            for one that judges a video alone.
        within: For metrics of the videos of one case: from feature rows of its repetitions, float64
            ``[repetitions >= 2, dimensions]`` in ``feature_space``, to one number. Such a metric has no value of a
            trial (``compute`` returns None); a case is its block.
        told: True for what another tool measured and an importer reads from its files: it cannot be computed here, and
            has a value only of the cases that the tool judged by it.
    """

    name: str
    summary: str
    unit: str
    direction: Direction
    scale: Literal["ratio", "difference", "set"]
    compute: Callable[[Made], float | None]
    minimum_n: int = 6
    quality: bool = False
    machine: bool = False
    packages: tuple[str, ...] = ()
    feature_space: str | None = None
    distance: Callable[[Any, Any], float] | None = None
    needs_full_rank: bool = False
    per_frame: Callable[[Made], list[float] | None] | None = None
    assets: tuple[str, ...] = ()
    worlds: tuple[str, ...] = ()
    counts: bool = False
    first_frame: int = 0
    every_frames: int = 1
    parts: tuple[str, ...] = ()
    combine: Callable[[Mapping[str, float | None]], float] | None = None
    needs: tuple[Literal["reference", "caption"], ...] = ("reference",)
    told: bool = False
    within: Callable[[Any], float] | None = None

    def applies(self, made: Made) -> bool:
        """False for a clip of a world that the metric's network was not made for."""
        return not self.worlds or made.world in self.worlds


@dataclass
class Made:
    """What a maker returns for one arm of one block.

    Attributes:
        video: Generated frames, uint8 ``[frames, height, width, 3]``.
        reference: True continuation, same shape, or None.
        prompt: Prompt frames, uint8 ``[prompt frames, height, width, 3]``, or None.
        seconds: Duration of each timed repeat of the generation, in seconds.
        first_call_seconds: Duration of this process's very first call on these shapes (compile, capture), or None; the
            same in all of its trials.
        prefill_seconds: Duration of one pass over the prompt alone, or None.
        peak_memory_bytes: Peak of the measured call, or None; by the process on CPU, by the allocator on CUDA, with the
            pools of captured graphs.
        energy_joules: Energy that the device took for one measured call, or None.
        flags: What was amiss with the measurement (:data:`harness.store.records.FLAGS`); the sample is kept.
        counts: Exact counts: ``frames``, ``tokens``, ``passes``.
        values: Metrics that only the maker can compute, by metric name (``token_accuracy``).
        hashes: SHA-256 of ``prompt``, ``noise``, ``weights`` (needed: halves are matched by them) and ``tokens``.
        info: Anything else worth keeping (JSON).
        frame_seconds: Seconds from the start of the last timed repeat to each frame's completion, in order; empty where
            the maker does not tell.
        tokens: Generated tokens, int ``[frames, rows * columns]``, or None.
        actions: Ids of the actions, int ``[frames]``, or None: ``actions[t]`` leads to generated frame t from the one
            before it (for t = 0, from the last prompt frame).
        world: Registered world that the prompt comes from, or None.
        caption: The text that the video was made for, or that is true of it, or None.
    """

    video: Any
    reference: Any
    prompt: Any
    seconds: list[float]
    first_call_seconds: float | None
    prefill_seconds: float | None
    peak_memory_bytes: int | None
    counts: dict[str, int]
    values: dict[str, float]
    hashes: dict[str, str]
    energy_joules: float | None = None
    flags: list[str] = field(default_factory=list)
    info: dict[str, Any] = field(default_factory=dict)
    frame_seconds: list[float] = field(default_factory=list)
    tokens: Any = None
    actions: Any = None
    world: str | None = None
    caption: str | None = None
