"""What a suite's TOML file may say; ``diptych schema suite`` prints it as JSON Schema."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from harness.types import Value

Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=1)]
Clips = Annotated[int, Field(ge=1, le=100_000)]


class Table(BaseModel):
    """A table of the file: strict, and keys that nobody reads are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class ArmTable(Table):
    """One way of making the video. In a suite that extends another, what is not said is as in its arm of that name."""

    name: Text
    """Unique in the suite."""
    summary: str | None = None
    """One line for a reader."""
    maker: Text | None = None
    """Registered maker; `decoding` where nothing is said."""
    params: dict[str, Value] | None = None
    """What the maker is told, such as `{ schedule = "diagonal", k = 2 }`."""
    seed_shift: int | None = None
    """Added to the block's seed; for placebo suites only."""


class CaseTable(Table):
    """One thing to make, the same for every arm."""

    name: Text
    """Unique in its scale; the cluster of the statistics."""
    group: Text
    """The stratum whose cases are analysed together."""
    model: str = ""
    """Registered model; empty where no model makes the video."""
    params: dict[str, Value] = Field(default_factory=dict)
    """What the maker is told: split, index, frames, sampling."""
    speed_only: bool = False
    """True for random weights: no quality can be claimed."""


class CasesTable(Table):
    """Many cases at once: consecutive clips of the model's world, or lines of a file of prompts, one case each."""

    model: str = ""
    """Registered model; empty where no model makes the video: a case is then told its `index`, and no split."""
    clips: Clips
    """How many."""
    split: Text = "test"
    """Split of the world: train, validation or test."""
    first: Annotated[int, Field(ge=0)] = 0
    """Index of the first clip."""
    group: Text | None = None
    """The stratum whose cases are analysed together; the model's world, or for random weights its name, if not said."""
    speed_only: bool = False
    """True for random weights, where the model's card does not say it: no quality can be claimed."""
    params: dict[str, Value] = Field(default_factory=dict)
    """Further parameters of every case, such as `{ temperature = 1.0, top_p = 0.8 }`."""


class ScaleTable(Table):
    """How much of the suite to run: cases one by one (`cases`), many at once (`cases_of`), or both."""

    cases: list[CaseTable] = Field(default_factory=list)
    """Cases one by one."""
    cases_of: list[CasesTable] = Field(default_factory=list)
    """Cases by model and number of clips."""
    repetitions: Count = 1
    """Blocks per case."""
    warmups: Annotated[int, Field(ge=0)] = 1
    """Unmeasured calls per arm and group before the first trial."""
    repeats: Count = 1
    """Most timed calls inside one trial."""
    repeat_seconds: Annotated[float, Field(gt=0)] | None = None
    """No further timed call begins in a trial once this much time has passed."""


class ThresholdTable(Table):
    """The size of a change that matters for one metric, fixed before measuring."""

    metric: Text
    """One of the suite's metrics."""
    tau: Annotated[float, Field(ge=0)]
    """For ratios a fraction of change (0.05 is 5 %), for differences in the metric's own unit."""
    why: Text
    """Where the number comes from."""


class SuiteFile(Table):
    """A suite: a question, arms × cases, a baseline arm, metrics and thresholds."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    """Names the folder of its results; no registered suite has it."""
    version: Count = 1
    """Raised whenever arms, cases or metrics change their meaning."""
    question: Text | None = None
    """One sentence."""
    extends: Text | None = None
    """A registered suite: whatever is not said here is as there."""
    arms: list[ArmTable] | None = None
    """All arms, at least two; the baseline is one of them."""
    baseline: Text | None = None
    """Name of the arm that the others are judged against."""
    scales: dict[str, ScaleTable] | None = None
    """By name; `diptych run` takes `smoke` where no --scale is given."""
    metrics: list[Text] | None = None
    """Registered metrics to record."""
    primary_speed: Text | Literal[False] | None = None
    """The metric that decides *faster*; false where the question is of quality alone."""
    primary_quality: Text | None = None
    """The metric that decides *worse*."""
    margin: Annotated[float, Field(gt=0)] | None = None
    """Non-inferiority margin of the primary quality metric, in its own unit."""
    margin_why: Text | None = None
    """Its justification."""
    thresholds: list[ThresholdTable] | None = None
    """Of the primary speed metric at least; added to those of the extended suite."""
    negative_control: str | bool | None = None
    """Arm that must be judged regressed in quality, so that quality verdicts count; false for none."""
    placebo: bool | None = None
    """True for suites whose arms are all the same: they must never say improved or regressed."""
