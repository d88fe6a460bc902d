"""One trial: make the video, check it, read the metrics off it, and turn whatever happens into a record."""

from __future__ import annotations

import gc
import hashlib
import math
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from harness.errors import DiptychError, NoValueError, RejectedError
from harness.load import FLAGGED_CORES, LoadReading, foreign_cores, load_average, read_load
from harness.metrics.by_frame import mean_of_frames
from harness.protocols import ActionExtractor, Extractor, Maker
from harness.provenance import now
from harness.samples import save_sample
from harness.stats.pairing import shared_hashes
from harness.store.records import FeatureRows, PlannedTrial, TrialError, TrialRecord
from harness.types import Arm, Case, Made, Metric, Repeats

SHAPE_PARAMS = ("world", "frames", "prompt_frames", "rows", "columns", "height", "width", "batch")
WEIGHT_PARAMS = ("model", "weights", "checkpoint", "lora", "lora_scale")
"""Arms that differ in one of these are meant to differ in weights."""


@dataclass
class Bench:
    """Everything that trials of one run share.

    Attributes:
        makers: By name.
        metrics: By name, in the suite's order.
        extractors: By feature space.
        arms: By name.
        cases: By name.
        repeats: When a trial stops repeating its timed call.
        kept: Blocks whose videos are saved.
        folder: The run's folder, where they go; None saves none.
        spent: True once an error has left the device unusable for this process: whatever follows would fail too.
        load: Reads the machine's load; tests inject one.
        references: Feature rows of the last true continuation, by space and hash: the arms of a block share it.
    """

    makers: Mapping[str, Maker]
    metrics: Mapping[str, Metric]
    extractors: Mapping[str, Extractor | ActionExtractor]
    arms: Mapping[str, Arm]
    cases: Mapping[str, Case]
    repeats: Repeats
    kept: frozenset[Any] = frozenset()
    folder: Path | None = None
    spent: bool = False
    load: Callable[[], LoadReading] = read_load
    references: dict[tuple[str, str], NDArray[np.float64]] = field(default_factory=dict)


def run_trial(bench: Bench, trial: PlannedTrial, session: int, halves: Iterable[TrialRecord]) -> TrialRecord:
    """Run one trial and return its record, finished or failed; it is not appended here.

    Args:
        bench: What trials share.
        trial: The trial.
        session: Which of the processes that wrote the run this one is.
        halves: Finished records of the same block; their hashes must agree with this one's.

    Returns:
        The record. Only ``KeyboardInterrupt`` and ``SystemExit`` pass through.
    """
    arm, case = bench.arms[trial.arm], bench.cases[trial.block.case]
    started = now()
    before = bench.load()
    common: dict[str, Any] = {
        "index": trial.index,
        "block": trial.block,
        "arm": trial.arm,
        "seed": trial.seed,
        "started_at": started,
        "session": session,
    }
    info: dict[str, Any] = {"load_average": load_average()}
    flags: list[str] = []
    try:
        made = bench.makers[arm.maker].make(arm, case, trial.seed, bench.repeats)
        cores = foreign_cores(before, bench.load())
        info["foreign_cores"] = None if cores is None else round(cores, 3)
        if cores is not None and cores > FLAGGED_CORES:
            flags.append("load")
        flags += made.flags
        check_output(made)
        hashes = trial_hashes(made)
        deterministic = bool(made.info.get("deterministic"))
        check_hashes(hashes, trial, arm, halves, bench.arms, deterministic=deterministic)
        reasons: dict[str, str] = {}
        frame_values = metric_frame_values(made, case, bench.metrics, reasons)
        values = metric_values(made, case, bench.metrics, frame_values, reasons)
        if reasons:
            info["no_value"] = reasons
        record = TrialRecord(
            **common,
            status="finished",
            values=values,
            frame_values=frame_values,
            seconds=[float(s) for s in made.seconds],
            first_call_seconds=made.first_call_seconds,
            prefill_seconds=made.prefill_seconds,
            peak_memory_bytes=made.peak_memory_bytes,
            energy_joules=made.energy_joules,
            counts={name: int(n) for name, n in made.counts.items()},
            hashes=hashes,
            features={}
            if case.speed_only
            else feature_rows(made, bench.extractors, bench.metrics, hashes, bench.references),
            flags=flags,
            info={**info, "video_shape": list(np.shape(made.video)[:3]), **made.info},
        )
        check_json(record)
        if bench.folder is None or trial.block not in bench.kept:
            return record
        return with_sample(bench.folder, record, made)
    except Exception as error:  # noqa: BLE001 - whatever an arm does wrong is this trial's failure, not the run's
        record = TrialRecord(**common, status="failed", error=describe_error(error), flags=flags, info=info)
        bench.spent = bench.spent or is_device_broken(error)
        out_of_memory = is_out_of_memory(error)
    if out_of_memory:  # outside the handler: the exception's frames hold what is to be released
        release_memory()
    return record


def with_sample(folder: Path, record: TrialRecord, made: Made) -> TrialRecord:
    """Keep the videos of a finished trial; where they cannot be written the trial stays good, and is flagged."""
    try:
        return record.model_copy(update={"sample": save_sample(folder, made)})
    except Exception as error:  # noqa: BLE001 - a codec that is missing or fails is no fault of the trial
        info = {**record.info, "sample_error": str(error)}
        return record.model_copy(update={"flags": [*record.flags, "sample-not-kept"], "info": info})


def trial_hashes(made: Made) -> dict[str, str]:
    """Return the maker's hashes, and that of the true continuation, by which every arm of a block is judged."""
    if made.reference is None:
        return dict(made.hashes)
    frames = np.ascontiguousarray(made.reference)
    digest = hashlib.sha256(f"{frames.dtype} {frames.shape}".encode() + frames.tobytes()).hexdigest()
    return {**made.hashes, "reference": digest}


def failed(trial: PlannedTrial, session: int, kind: str, message: str) -> TrialRecord:
    """Return the record of a trial that left nothing but the reason of its failure."""
    return TrialRecord(
        index=trial.index,
        block=trial.block,
        arm=trial.arm,
        seed=trial.seed,
        session=session,
        started_at=now(),
        status="failed",
        error=TrialError(type=kind, message=message),
    )


def check_output(made: Made) -> None:
    """Refuse what is no video or no duration.

    Raises:
        RejectedError: NaN or infinity among the frames or durations, or a video that is not uint8 ``[T, H, W, 3]``.
    """
    if not made.seconds or not all(math.isfinite(s) and s > 0 for s in made.seconds):
        raise RejectedError("NotFinite", f"the maker's durations must be positive and finite: {made.seconds}")
    for name, frames in (("video", made.video), ("reference", made.reference), ("prompt", made.prompt)):
        if frames is None:
            continue
        array = np.asarray(frames)
        if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
            raise RejectedError("NotFinite", f"the {name} holds NaN or infinity")
        if array.dtype != np.uint8 or array.ndim != 4 or array.shape[-1] != 3:
            raise RejectedError(
                "InvalidOutput", f"the {name} must be uint8 [T, H, W, 3], not {array.dtype} {list(array.shape)}"
            )


def check_hashes(
    hashes: Mapping[str, str],
    trial: PlannedTrial,
    arm: Arm,
    halves: Iterable[TrialRecord],
    arms: Mapping[str, Arm],
    *,
    deterministic: bool = False,
) -> None:
    """Prove that this half met what the other halves of its block met.

    :func:`harness.stats.pairing.shared_hashes` must agree, and ``weights`` unless the arms name other weights (a
    parameter of ``WEIGHT_PARAMS``). What cannot be proved does not count as matched: all but the reference must be
    there.

    Raises:
        RejectedError: A hash is missing, or differs.
    """
    needed = ("prompt", "weights") if deterministic else ("prompt", "weights", "noise")
    for name in needed:
        if not hashes.get(name):
            raise RejectedError(
                "NoHash", f"the maker of arm {arm.name!r} gives no hash of its {name}, so no half can be matched to it"
            )
    for half in halves:
        other = arms[half.arm]
        names = shared_hashes(
            same_seed=half.seed == trial.seed, deterministic=deterministic or bool(half.info.get("deterministic"))
        )
        if all(arm.params.get(key) == other.params.get(key) for key in WEIGHT_PARAMS):
            names.append("weights")
        for name in names:
            mine, theirs = hashes.get(name), half.hashes.get(name)
            if mine != theirs:
                raise RejectedError(
                    "HashMismatch",
                    f"the {name} of arm {arm.name!r} ({mine or 'no hash'}) is not that of arm {other.name!r} "
                    f"({theirs or 'no hash'}) in the same block: the halves do not match",
                )


def check_json(record: TrialRecord) -> None:
    """Refuse what cannot be written down: a NumPy number or a tensor among what the maker tells.

    Raises:
        RejectedError: It is no JSON.
    """
    try:
        record.model_dump_json()
    except Exception as error:
        why = str(error).strip().split("\n")[0]
        raise RejectedError("NotJson", f"what the maker tells of the trial is no JSON: {why}") from error


def metric_values(
    made: Made,
    case: Case,
    metrics: Mapping[str, Metric],
    frame_values: Mapping[str, list[float]],
    reasons: dict[str, str],
) -> dict[str, float | None]:
    """Compute every metric of a trial; quality is None for random weights, set metrics for single clips.

    What :func:`metric_frame_values` found is not computed again: such a metric's value is the mean over frames. A
    composite is put together from the values of its parts, which are among the metrics.

    Args:
        made: What was made.
        case: What for.
        metrics: By name.
        frame_values: Of :func:`metric_frame_values`.
        reasons: Why metrics have no value: those of :func:`metric_frame_values`, to which others are added.

    Raises:
        RejectedError: A metric is NaN or infinite.
    """
    values: dict[str, float | None] = dict.fromkeys(metrics)
    for name in sorted(metrics, key=lambda name: metrics[name].combine is not None):  # composites last
        metric = metrics[name]
        if name in frame_values:
            value: float | None = mean_of_frames(frame_values[name])
        elif name in reasons or not _asked(metric, case, made):
            continue
        else:
            try:
                value = metric.compute(made) if metric.combine is None else metric.combine(values)
            except NoValueError as error:
                reasons[name] = str(error)
                continue
        if value is not None and not math.isfinite(value):
            raise RejectedError("NotFinite", f"metric {name} is {value}")
        values[name] = None if value is None else float(value)
    return values


def metric_frame_values(
    made: Made, case: Case, metrics: Mapping[str, Metric], reasons: dict[str, str]
) -> dict[str, list[float]]:
    """Compute the metrics that have values of generated frames, or of steps between them.

    Args:
        made: What was made.
        case: What for.
        metrics: By name.
        reasons: Filled: why metrics have no value.

    Raises:
        RejectedError: One is NaN or infinite.
    """
    found: dict[str, list[float]] = {}
    for name, metric in metrics.items():
        if metric.per_frame is None or not _asked(metric, case, made):
            continue
        try:
            values = metric.per_frame(made)
        except NoValueError as error:
            reasons[name] = str(error)
            continue
        if values is None:
            continue
        if not all(math.isfinite(value) for value in values):
            raise RejectedError("NotFinite", f"metric {name} is {values} frame by frame")
        found[name] = [float(value) for value in values]
    return found


def _asked(metric: Metric, case: Case, made: Made) -> bool:
    """False for quality of random weights, and for a clip of a world that the metric's network was not made for."""
    return not (case.speed_only and metric.quality) and metric.applies(made)


def feature_rows(
    made: Made,
    extractors: Mapping[str, Extractor | ActionExtractor],
    metrics: Mapping[str, Metric],
    hashes: Mapping[str, str] | None = None,
    known: dict[tuple[str, str], NDArray[np.float64]] | None = None,
) -> dict[str, FeatureRows]:
    """Extract the features of what was made and of its reference, in the spaces of metrics that apply to it.

    A space that judges actions has no row where the maker tells no prompt or no actions.

    Args:
        made: What was made.
        extractors: By space.
        metrics: By name.
        hashes: Of :func:`trial_hashes`; they are needed for ``known``.
        known: Rows of references by space and hash, kept from arm to arm of a block; None computes each anew.

    Raises:
        RejectedError: A feature is NaN or infinite.
    """
    rows: dict[str, FeatureRows] = {}
    spaces = {metric.feature_space for metric in metrics.values() if metric.applies(made)}
    for name, extract in extractors.items():
        if name not in spaces:
            continue
        generated = clip_row(extract, made.video, made)
        if generated is None:
            continue
        reference = np.zeros(0) if made.reference is None else reference_row(name, extract, made, hashes, known)
        generated, reference = short(generated), short(reference)
        if not (np.isfinite(generated).all() and np.isfinite(reference).all()):
            raise RejectedError("NotFinite", f"extractor {name} gives NaN or infinity")
        rows[name] = FeatureRows(generated=generated.tolist(), reference=reference.tolist())
    return rows


def short(row: NDArray[np.float64]) -> NDArray[np.float64]:
    """The row to float32's precision, which is its networks', in the fewest digits: half of a record's text."""
    return np.array([float(str(value)) for value in row.astype(np.float32)])


def reference_row(
    space: str,
    extract: Extractor | ActionExtractor,
    made: Made,
    hashes: Mapping[str, str] | None,
    known: dict[tuple[str, str], NDArray[np.float64]] | None,
) -> NDArray[np.float64]:
    """Return the row of the true continuation: that of the arm before, where it was the same; empty where none is."""
    if hashes is None or known is None:
        row = clip_row(extract, made.reference, made)
        return np.zeros(0) if row is None else row
    digest = f"{hashes['reference']} {hashes.get('prompt')}"  # actions belong to the prompt
    key = (space, digest)
    for stale in [old for old in known if old[1] != digest]:
        del known[stale]
    if key not in known:
        row = clip_row(extract, made.reference, made)
        known[key] = np.zeros(0) if row is None else row
    return known[key]


def clip_row(extract: Extractor | ActionExtractor, video: Any, made: Made) -> NDArray[np.float64] | None:
    """Return the row of one video of a trial, or None where its extractor needs what the maker does not tell."""
    if not getattr(extract, "reads_actions", False):
        return cast(Extractor, extract)(video)
    if made.prompt is None or len(made.prompt) == 0 or made.actions is None:
        return None
    return cast(ActionExtractor, extract)(video, prompt=made.prompt, actions=made.actions)


def describe_error(error: Exception) -> TrialError:
    """Turn an exception into text, so that it holds on to no tensor."""
    if isinstance(error, RejectedError):
        return TrialError(type=error.type, message=writable(str(error)))
    kind = "OutOfMemory" if is_out_of_memory(error) else type(error).__name__
    message = str(error).strip().split("\n")[0] or type(error).__name__
    text = None if isinstance(error, DiptychError) else "".join(traceback.format_exception(error))
    return TrialError(type=kind, message=writable(message), traceback=None if text is None else writable(text))


def writable(text: str) -> str:
    """Return ``text`` as UTF-8 can hold it: file names may bring lone surrogates."""
    return text.encode("utf-8", "backslashreplace").decode()


def is_device_broken(error: BaseException) -> bool:
    """Tell whether a card will refuse this process from now on: any CUDA error but a lack of memory is sticky."""
    text = str(error)
    told = type(error).__name__ == "AcceleratorError" or "CUDA error" in text or "CUDNN_STATUS" in text
    return told and not is_out_of_memory(error)


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether memory ran out, on the CPU or a GPU; torch need not be there."""
    text = str(error).lower()
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text))
    )


def release_memory() -> None:
    """Give back what a trial held that ran out of memory, so that the next one has room."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def shape_key(case: Case) -> str:
    """Return what tells measured shapes apart: group, model, and those parameters of the case that are sizes."""
    sizes = [f"{name}={case.params[name]}" for name in SHAPE_PARAMS if name in case.params]
    return "\x00".join([case.group, case.model, *sizes])


def warm_up(bench: Bench, trial: PlannedTrial) -> list[float] | None:
    """Make one unmeasured video on the shapes of ``trial`` and return the durations of its calls.

    A warm-up that fails says nothing and returns None: its trial fails in the same way and is recorded.
    """
    arm, case = bench.arms[trial.arm], bench.cases[trial.block.case]
    out_of_memory = False
    try:
        return [float(seconds) for seconds in bench.makers[arm.maker].make(arm, case, trial.seed, Repeats()).seconds]
    except Exception as error:  # noqa: BLE001 - the trial meets the same error and records it
        bench.spent = bench.spent or is_device_broken(error)
        out_of_memory = is_out_of_memory(error)
    if out_of_memory:  # outside the handler: the exception's frames hold what is to be released
        release_memory()
    return None
