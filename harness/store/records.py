"""What a run leaves on disk: blocks, plan, manifest, trial records. Data only; this file is the format's documentation.

``manifest.json`` holds one :class:`Manifest`; every line of ``trials.jsonl`` one :class:`TrialRecord` and, since
version 2, its checksum (:mod:`harness.store.lines`). Facts are split in *case* (what was asked: suite, scale, arms,
plan), *context* (what can change a number) and *info* (what cannot).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field

from harness.types import Data, Scale, Suite

SCHEMA_VERSION = 3
Status = Literal["finished", "failed"]

IMPORTED = "imported"
"""Flag of a trial, and key of a run's context and info, that come from another tool's files."""

FLAGS = {
    IMPORTED: "read from another tool's result files, not measured here",
    "load": "other processes used the machine meanwhile",
    "clock": "the device's clock and the host's disagree",
    "unsteady": "the repeats of a trial became faster or slower as it went on",
    "not-steady": "the warm-ups were still becoming faster",
    "throttled": "the card ran slower than asked for, for heat or power",
    "clock-changed": "the card ran at another clock than in the trial before",
    "foreign-process": "another process computed on the card",
    "sample-not-kept": "the videos could not be written",
}
"""What can be amiss with a sample, which is kept all the same."""


class BlockKey(Data):
    """The matched unit: one case × repetition that every arm runs.

    Attributes:
        group: Stratum of the case.
        case: Case name; the cluster of the statistics.
        repetition: Repetition inside the case, from 0.
    """

    group: str
    case: str
    repetition: int = Field(ge=0)


class PlannedTrial(Data):
    """One arm of one block, before it is run.

    Attributes:
        index: Position in the plan, from 0; the identity of the trial inside its run.
        block: The block.
        arm: Arm name.
        seed: Seed of the block plus the arm's ``seed_shift`` (0 everywhere but in the ``null`` suite), in [0, 2**63).
    """

    index: int = Field(ge=0)
    block: BlockKey
    arm: str
    seed: int = Field(ge=0)


def by_block(trials: Iterable[PlannedTrial]) -> dict[BlockKey, list[PlannedTrial]]:
    """Return the trials of every block, in order."""
    found: dict[BlockKey, list[PlannedTrial]] = {}
    for trial in trials:
        found.setdefault(trial.block, []).append(trial)
    return found


class Plan(Data):
    """Every trial of a run, in the order in which they are run.

    Attributes:
        suite: Suite name.
        version: Suite version.
        scale: Scale name.
        seed: The run's seed (``--seed``).
        order_seed: Seed of the order of arms, derived from ``seed``.
        trials: The trials; ``trials[i].index == i``, the arms of a block next to each other.
    """

    suite: str
    version: int
    scale: str
    seed: int
    order_seed: int
    trials: tuple[PlannedTrial, ...]

    @property
    def arms(self) -> tuple[str, ...]:
        """Names of the arms that are run, sorted."""
        return tuple(sorted({t.arm for t in self.trials}))

    @property
    def blocks(self) -> tuple[BlockKey, ...]:
        """The blocks, in order."""
        return tuple(by_block(self.trials))


class FeatureRows(Data):
    """One clip's row in a feature space, and its reference's.

    Attributes:
        generated: Features of what the arm made, ``[dimensions]``.
        reference: Features of the true continuation, same length; empty where there is none. On disk also empty where
            another record of the block has the same (:mod:`harness.store.references`).
    """

    generated: list[float]
    reference: list[float] = Field(default_factory=list)


class Sample(Data):
    """Kept videos of a trial, by content: SHA-256 names of files in ``samples/`` (without ``.mkv``), or None.

    Attributes:
        generated: What the arm made.
        reference: The true continuation.
        prompt: The prompt frames.
    """

    generated: str | None = None
    reference: str | None = None
    prompt: str | None = None


class TrialError(Data):
    """Why a trial failed.

    Attributes:
        type: Class of the exception, ``"HashMismatch"`` or ``"NotFinite"``.
        message: One line for a reader.
        traceback: Full text, or None where the message says it all.
    """

    type: str
    message: str
    traceback: str | None = None


class TrialRecord(Data):
    """One arm of one block, finished or failed: one line of ``trials.jsonl``.

    Attributes:
        schema_version: Version of this format.
        index: The planned trial's index.
        block: Its block.
        arm: Its arm.
        seed: Its seed.
        status: ``"finished"`` or ``"failed"``.
        started_at: ISO 8601, UTC.
        session: Which process made it: 0 began the run, each resume counts one more (``sessions.jsonl``).
        values: Metric name → value; None where the metric does not apply to this trial.
        frame_values: Metric name → one value per generated frame, for metrics that have such.
        seconds: Duration of each timed repeat, in seconds.
        first_call_seconds: Duration of the session's first call on these shapes, or None; the same in all its trials.
        prefill_seconds: Duration of one pass over the prompt alone, or None.
        peak_memory_bytes: Peak of the measured call, or None.
        energy_joules: Energy that the device took for one measured call, or None.
        warmup_seconds: Durations of the unmeasured calls that this trial had to wait for; empty for most.
        counts: ``frames``, ``tokens``, ``passes``.
        hashes: SHA-256 of ``prompt``, ``noise``, ``weights``, ``tokens``, and ``reference``, the true continuation.
        features: Extractor name → feature rows.
        sample: Kept videos, or None.
        error: Why it failed; None for finished trials.
        flags: What was amiss, of :data:`FLAGS`; flagged trials are kept.
        info: Anything else worth keeping.
        context_differences: Facts of its session's context that are not the manifest's: ``sessions.jsonl`` says them,
            :class:`~harness.store.run_store.RunStore` fills them in, and no line holds them.
    """

    schema_version: int = SCHEMA_VERSION
    index: int = Field(ge=0)
    block: BlockKey
    arm: str
    seed: int
    status: Status
    started_at: str
    session: int = Field(default=0, ge=0)
    values: dict[str, float | None] = Field(default_factory=dict)
    frame_values: dict[str, list[float]] = Field(default_factory=dict)
    seconds: list[float] = Field(default_factory=list)
    first_call_seconds: float | None = None
    prefill_seconds: float | None = None
    peak_memory_bytes: int | None = None
    energy_joules: float | None = None
    warmup_seconds: list[float] = Field(default_factory=list)
    counts: dict[str, int] = Field(default_factory=dict)
    hashes: dict[str, str] = Field(default_factory=dict)
    features: dict[str, FeatureRows] = Field(default_factory=dict)
    sample: Sample | None = None
    error: TrialError | None = None
    flags: list[str] = Field(default_factory=list)
    info: dict[str, Any] = Field(default_factory=dict)
    context_differences: tuple[str, ...] = Field(default=(), exclude=True)


class Manifest(Data):
    """What was asked of a run, by which code, where: ``manifest.json``.

    Attributes:
        schema_version: Version of this format.
        run_id: Unique name of the run, also its folder's.
        suite: The whole declaration, so that a run outlives a change of its suite.
        plan: Every trial.
        device: Such as ``"cpu"`` or ``"cuda:0"``.
        threads: Threads that computation was pinned to.
        created_at: ISO 8601, UTC.
        argv: The command line.
        context: Facts that can change a number.
        info: Facts that cannot: commit, packages, settings of the run that are not asked of the suite.
        comparability_key: SHA-256 of case and context; runs with equal keys may be compared.
        declaration_sha256: SHA-256 of the whole declaration as the run began (thresholds, margin, primary metrics,
            controls): all of it is fixed before measuring. Empty in a manifest that was not written by a run.
    """

    schema_version: int = SCHEMA_VERSION
    run_id: str
    suite: Suite
    plan: Plan
    device: str
    threads: int
    created_at: str
    argv: list[str] = Field(default_factory=list)
    context: dict[str, Any] = Field(default_factory=dict)
    info: dict[str, Any] = Field(default_factory=dict)
    comparability_key: str
    declaration_sha256: str = ""

    @property
    def asked(self) -> Scale:
        """The scale that was run: another one of the suite may declare a case of the same name otherwise."""
        return self.suite.scales[self.plan.scale]

    @property
    def imported(self) -> bool:
        """True for a run that was read from another tool's files: nothing of it was, or can be, run here.

        The context says so, which the comparability key covers: info could be added to any run.
        """
        return IMPORTED in self.context

    @property
    def absent_metrics(self) -> dict[str, str]:
        """Metrics that could not be computed where the run was made (weights that were not there), with the reason."""
        return dict(self.context.get("absent_metrics", {}))

    @property
    def as_run(self) -> Suite:
        """The declaration with no other scale than :attr:`asked`: what an analysis is given."""
        return self.suite.model_copy(update={"scales": {self.plan.scale: self.asked}})
