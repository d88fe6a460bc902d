"""The verb ``score``: metrics of a folder of videos, alone or against a reference folder."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from harness.cli.builtin import load_builtin
from harness.errors import UsageError, unknown
from harness.store.locate import results_root
from harness.types import Metric

if TYPE_CHECKING:
    from harness.protocols import Extractor
    from harness.scoring.facts import ScoreFacts
    from harness.scoring.folder import Tell
    from harness.scoring.pairing import Found
    from harness.videos.reading import Reading


LARGEST_SIDE = 8192


def score(
    folder: Path,
    metrics: Sequence[str],
    reference: Path | None = None,
    *,
    frames: int | None = None,
    start: int = 0,
    fps: float | None = None,
    size: str | None = None,
    crop: bool = False,
    device: str = "cpu",
    output: Path | None = None,
    results: str | Path | None = None,
    fresh: bool = False,
    tell: Tell | None = None,
) -> ScoreFacts:
    """Score the videos of a folder.

    Args:
        folder: Videos (files, or arrays uint8 ``[T, H, W, 3]``).
        metrics: Names of quality metrics.
        reference: Folder of the videos that they are compared with; pairs have one name but for the suffix.
        frames: Frames of each video; all if None.
        start: Frames to skip first.
        fps: Rate to resample to; the stored frames if None.
        size: ``"HEIGHTxWIDTH"``; the stored size if None.
        crop: Cut to the middle in place of stretching.
        device: Of the networks.
        output: Where scores are kept; a folder under ``results/score`` named by the question if None.
        results: Results folder for that.
        fresh: Compute everything again.
        tell: Told of (done, total, name).

    Raises:
        UsageError: A folder, metric or number that cannot be.
        DiptychError: Weights of another hash, or a scores folder of another question.
    """
    from harness.device import parse_device, reproducible, thread_count
    from harness.scoring.folder import Question, absent, facts_of, metric_scores, score_folder
    from harness.scoring.kept import Kept
    from harness.scoring.pairing import pair_videos, stem

    registry = load_builtin()
    known = {entry.name: entry for entry in registry.list("metric")}
    chosen = {name: _quality_metric(name, known) for name in dict.fromkeys(metrics)}
    if not chosen:
        raise UsageError(f"name at least one metric: --metrics ssim,psnr. Valid: {', '.join(_valid(known))}.")
    reading = _reading(frames, start, fps, size, crop)
    where = parse_device(device)
    found, references = pair_videos(folder, reference)
    missing = _missing(chosen, reference)
    extractors = _extractors(chosen, missing, str(where))
    used = {name: metric for name, metric in chosen.items() if name not in missing}
    question = Question(folder, reference, used, missing, extractors, reading)
    settings = _settings(question, str(where))
    place = output or results_root(results) / "score" / _digest(settings)
    kept = Kept(place, settings, fresh=fresh)
    learned = bool(extractors) or any(metric.assets for metric in used.values())
    with reproducible(where, thread_count(None)) if learned else nullcontext():
        scored = score_folder(question, found, references, kept, tell or (lambda done, total, name: None))
    names = [{stem(where, path) for path in paths} for where, paths in _folders(folder, reference, found, references)]
    values = metric_scores(question, scored[0], scored[1], scored[2], paired=names[0] == names[-1])
    ordered = {n: values[n] if n in values else absent(m, missing[n]) for n, m in chosen.items()}
    return facts_of(question, ordered, scored, settings, kept)


def _folders(
    folder: Path, reference: Path | None, found: Sequence[Found], references: Sequence[Path]
) -> list[tuple[Path, list[Path]]]:
    """Both folders with their videos."""
    ours = (folder, [video.path for video in found])
    return [ours] if reference is None else [ours, (reference, list(references))]


def _valid(known: dict[str, Any]) -> list[str]:
    return [name for name, entry in known.items() if entry.load().quality]


def _quality_metric(name: str, known: dict[str, Any]) -> Metric:
    if name not in known:
        raise unknown("metric", name, _valid(known), "diptych list metrics")
    metric: Metric = known[name].load()
    if not metric.quality:
        raise UsageError(
            f"metric {name!r} is measured while a video is made, not on the video. "
            f"Metrics of videos: {', '.join(_valid(known))}."
        )
    return metric


def _reading(frames: int | None, start: int, fps: float | None, size: str | None, crop: bool) -> Reading:
    from harness.videos.reading import Reading

    height = width = None
    if size is not None:
        match = re.fullmatch(r"(\d+)[x×](\d+)", size)
        if match is None:
            raise UsageError(f"--size takes HEIGHTxWIDTH in pixels, not {size!r}. Try: --size 256x256")
        height, width = int(match[1]), int(match[2])
        if not (1 <= height <= LARGEST_SIDE and 1 <= width <= LARGEST_SIDE):
            raise UsageError(f"--size takes sides of 1 to {LARGEST_SIDE} pixels, not {size!r}. Try: --size 256x256")
    try:
        return Reading(frames=frames, start=start, fps=fps, height=height, width=width, crop=crop)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"--{first['loc'][0]}: {first['msg'].lower()}, not {first['input']!r}.") from error


def _missing(chosen: dict[str, Metric], reference: Path | None) -> dict[str, str]:
    """Why metrics have no value here, for those of which that is known before any video is read."""
    from harness.assets.locate import AbsentError, asset_path

    missing: dict[str, str] = {}
    for name, metric in chosen.items():
        lacking = []
        for asset in metric.assets:
            try:
                asset_path(asset)
            except AbsentError as error:
                lacking.append(str(error))
        if lacking:
            missing[name] = " ".join(lacking)
            continue
        if reference is None:
            missing[name] = "needs videos to compare with. Name their folder with --reference"
    return missing


def _extractors(chosen: dict[str, Metric], missing: dict[str, str], device: str) -> dict[str, Extractor]:
    """Build the networks of set metrics; one that is absent makes its metrics absent."""
    from harness.assets.locate import AbsentError

    registry = load_builtin()
    built: dict[str, Extractor] = {}
    for name, metric in chosen.items():
        space = metric.feature_space
        if space is None or name in missing or space in built:
            continue
        try:
            extractor = registry.get("extractor", space)(device)
        except AbsentError as error:
            missing[name] = str(error)
            continue
        if getattr(extractor, "reads_actions", False):
            missing[name] = "needs the actions of each video, which files do not hold"
            continue
        built[space] = extractor
    return built


def _settings(question: Any, device: str) -> dict[str, Any]:
    """Everything that a kept score depends on."""
    import importlib.metadata

    from harness.assets.locate import asset_sha256

    assets = sorted({asset for metric in question.metrics.values() for asset in metric.assets})
    used = {p for metric in question.metrics.values() for p in metric.packages} | {"numpy", "av", "pillow", "diptych"}
    packages = sorted(used | ({"torch"} if question.extractors or assets else set()))
    networks = {}
    for space, extractor in sorted(question.extractors.items()):
        tell = getattr(extractor, "context", None)
        networks[space] = {} if tell is None else tell()
    return {
        "folder": str(question.folder.resolve()),
        "reference": None if question.reference is None else str(question.reference.resolve()),
        "metrics": sorted(question.metrics),
        "reading": question.reading.model_dump(mode="json"),
        "device": device,
        "packages": {name: importlib.metadata.version(name) for name in packages},
        "networks": networks,
        "assets": {asset: asset_sha256(asset) for asset in assets},
    }


def _digest(settings: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:12]
