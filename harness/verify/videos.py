"""The kept videos of a run: their frames are what their names promise, and give the scores that are recorded."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from harness.assets.locate import AbsentError
from harness.errors import DiptychError
from harness.provenance import cpu_model, installed_packages
from harness.store.cleaning import is_baseline
from harness.store.names import SAMPLES
from harness.store.records import Manifest, TrialRecord
from harness.store.video import load_video
from harness.trial import trial_hashes
from harness.types import Made, Metric
from harness.verify.facts import Notes
from harness.verify.records import NeedsMoreError, Remembered, name_of

TOLD = 25  # videos from one line of progress to the next
ELSEWHERE = 1e-6  # of a score that other versions compute again: they may round another way, and nothing else

Frames = NDArray[np.uint8]


def check_videos(
    folder: Path,
    records: Mapping[int, TrialRecord],
    manifest: Manifest,
    metrics: Mapping[str, Metric],
    notes: Notes,
    tell: Callable[[str], None],
) -> None:
    """Decode every kept video once and hash its frames, hold references against their trial's hash, and score again.

    A name binds a video to its frames; the scores bind it to the trial that it is said to be of.
    """
    samples = folder / SAMPLES
    present = {path.stem for path in samples.glob("*.mkv")}
    wanted: dict[str, str] = {}
    for record in records.values():
        for kind, name in record.sample or ():
            if name is not None:
                wanted.setdefault(name, f"{kind} of {name_of(record)}")
    missing = {name: who for name, who in wanted.items() if name not in present}
    if missing and is_baseline(folder) and not present:
        notes.skip("video", f"a committed baseline keeps no samples: {len(missing)} videos")
    elif missing:
        for name, who in missing.items():
            notes.problem("video", f"{SAMPLES}/{name}.mkv", f"it is not there: the {who}")
    orphans = len(present - wanted.keys())
    if orphans:
        notes.skip("video", f"{orphans} videos that no record names; they are removed by: diptych results gc")
    decoded = Decoded(samples, records, present & wanted.keys(), notes, tell)
    for record in records.values():
        if record.sample is None:
            continue
        videos = {kind: decoded.take(name) for kind, name in record.sample if name is not None}
        check_reference(record, videos.get("reference"), notes)
        check_scores(record, videos, manifest, metrics, notes)


class Decoded:
    """Videos by name, each decoded once and let go after its last use: the arms of a block lie next to each other."""

    def __init__(
        self,
        samples: Path,
        records: Mapping[int, TrialRecord],
        kept: set[str],
        notes: Notes,
        tell: Callable[[str], None],
    ) -> None:
        self._samples, self._kept, self._notes, self._tell = samples, kept, notes, tell
        self._uses = Counter(name for record in records.values() for _, name in record.sample or () if name)
        self._frames: dict[str, Frames | None] = {}
        self._number = 0

    def take(self, name: str) -> Frames | None:
        """Return the frames of a video, or None where it is missing or unsound, which is noted once."""
        if name not in self._frames:
            self._frames[name] = self._decode(name) if name in self._kept else None
        self._uses[name] -= 1
        return self._frames[name] if self._uses[name] > 0 else self._frames.pop(name)

    def _decode(self, name: str) -> Frames | None:
        if self._number % TOLD == 0:
            self._tell(f"decoding video {self._number + 1} of {len(self._kept)}")
        self._number += 1
        self._notes.count("videos")
        try:
            return load_video(self._samples, name)
        except DiptychError as error:
            self._notes.problem("video", f"{SAMPLES}/{name}.mkv", str(error))
            return None


def check_reference(record: TrialRecord, frames: Frames | None, notes: Notes) -> None:
    """Hold the kept true continuation against the hash of the one that the trial was judged by."""
    if frames is not None and record.sample and reference_hash(frames) != record.hashes.get("reference"):
        why = f"it is not the true continuation that {name_of(record)} was judged by"
        notes.problem("video", f"{SAMPLES}/{record.sample.reference}.mkv", why)


def reference_hash(frames: NDArray[np.uint8]) -> str:
    """Return the hash that a trial keeps of its true continuation."""
    return trial_hashes(cast(Made, SimpleNamespace(reference=frames, hashes={})))["reference"]


def check_scores(
    record: TrialRecord,
    videos: Mapping[str, Frames | None],
    manifest: Manifest,
    metrics: Mapping[str, Metric],
    notes: Notes,
) -> None:
    """Compute again every quality value that follows from the kept video and its true continuation."""
    generated, reference = videos.get("generated"), videos.get("reference")
    random = {case.name for case in manifest.suite.scales[manifest.plan.scale].cases if case.speed_only}
    if generated is None or reference is None or record.status != "finished" or record.block.case in random:
        return
    made = cast(Made, Remembered(record, video=generated, reference=reference))
    for name, value in record.values.items():
        metric = metrics.get(name)
        if metric is None or not metric.quality or metric.scale == "set":
            continue
        try:
            again = metric.compute(made)
        except NeedsMoreError:
            continue
        except (ImportError, AbsentError) as error:
            notes.skip("value", f"{name} cannot be computed from the kept videos here: {error}")
            continue
        except Exception as error:  # noqa: BLE001 - a video of another shape, say: an answer, not a crash
            notes.problem("value", name_of(record), f"its kept videos give no {name}: {error}")
            continue
        notes.count("values from videos")
        if value == again:
            continue
        why = f"{name} is {value}, but its kept video and true continuation give {again}"
        close = value is not None and again is not None and math.isclose(value, again, rel_tol=ELSEWHERE)
        if close and not same_arithmetic(manifest, metric):
            notes.skip("value", f"{name_of(record)}: {why}: another processor or version rounds another way")
        else:
            notes.problem("value", name_of(record), why)


def same_arithmetic(manifest: Manifest, metric: Metric) -> bool:
    """Tell whether a metric must give the recorded bits here: on the run's processor, with its versions."""
    installed, recorded = installed_packages(), dict(manifest.context.get("metric_packages") or {})
    recorded["numpy"] = manifest.context.get("numpy")
    if "torch" in metric.packages or manifest.context.get("cpu") != cpu_model():  # torch: threads are not pinned here
        return False
    return all(installed.get(name.lower()) == recorded.get(name) for name in ("numpy", *metric.packages))
