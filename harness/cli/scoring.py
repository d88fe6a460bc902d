"""The verb ``score``: metrics of a folder of videos, alone or against a reference folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from harness.cli.builtin import load_builtin
from harness.cli.running import stop_on_sigterm
from harness.errors import StoppedError, UsageError, unknown
from harness.store.locate import results_root
from harness.types import Metric

if TYPE_CHECKING:
    from harness.protocols import Extractor
    from harness.scoring.facts import ScoreFacts
    from harness.scoring.folder import Tell
    from harness.videos.reading import Reading

LARGEST_SIDE = 8192
TOLD_BY_MAKERS = ("token_accuracy", "model_bits_per_token")
"""Quality metrics that are read off a maker's tokens, not off its video."""


def score(
    folder: Path,
    metrics: Sequence[str],
    reference: Path | None = None,
    *,
    prompts: Path | None = None,
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
        metrics: Names of quality metrics; of a composite its parts are scored, too.
        reference: Folder of the videos that they are compared with; pairs have one name but for the suffix.
        prompts: File of the texts that the videos were made for (:mod:`harness.scoring.prompts`).
        frames: Frames of each video; all if None.
        start: Frames to skip first.
        fps: Rate to resample to; the stored frames if None.
        size: ``"HEIGHTxWIDTH"``; the stored size if None.
        crop: Cut to the middle in place of stretching.
        device: Of the networks.
        output: Folder where scores are kept; one under ``results/score`` named by the question if None.
        results: Results folder for that.
        fresh: Compute everything again, and forget what the folder of scores holds.
        tell: Told of (done, total, name).

    Raises:
        UsageError: A folder, metric or number that cannot be.
        DiptychError: Weights of another hash, or a scores folder of another question.
        StoppedError: The user stopped it; what was scored is kept.
    """
    from harness.device import parse_device, reproducible, thread_count
    from harness.scoring.depends import dependencies, digest
    from harness.scoring.estimates import absent
    from harness.scoring.facts import ScoreFacts
    from harness.scoring.folder import metric_scores, score_folder
    from harness.scoring.kept import Kept
    from harness.scoring.notes import notes_of
    from harness.scoring.pairing import other_files, pair_videos
    from harness.scoring.prompts import read_prompts
    from harness.scoring.rows import Question

    folder, reference = Path(folder), None if reference is None else Path(reference)
    registry = load_builtin()
    known = {entry.name: entry for entry in registry.list("metric")}
    asked_for = {name: video_metric(name, known) for name in dict.fromkeys(metrics)}
    names = dict.fromkeys(part for name, metric in asked_for.items() for part in (*metric.parts, name))
    chosen: dict[str, Metric] = {name: known[name].load() for name in names}
    if not chosen:
        raise UsageError(f"name at least one metric: --metrics ssim,psnr. Valid: {', '.join(_valid(known))}.")
    reading = _reading(frames, start, fps, size, crop)
    where = parse_device(device)
    found, references = pair_videos(folder, reference)
    texts = {} if prompts is None else read_prompts(Path(prompts), [video.name for video in found])
    missing = _missing(chosen, reference, prompts)
    extractors = _extractors(chosen, missing, str(where))
    used = {name: metric for name, metric in chosen.items() if name not in missing}
    behind = dependencies(used, extractors, str(where))
    by = {name: digest(facts) for name, facts in behind.items()}
    question = Question(folder, reference, used, extractors, reading, by, texts)
    asked = {
        "folder": str(folder.resolve()),
        "reference": None if reference is None else str(reference.resolve()),
        "reading": reading.model_dump(mode="json"),
    }
    kept = Kept(output or results_root(results) / "score" / digest(asked), asked, fresh=fresh)
    learned = bool(extractors) or any(metric.assets for metric in used.values())
    try:
        with stop_on_sigterm(), reproducible(where, thread_count(None)) if learned else nullcontext():
            scored = score_folder(question, found, references, kept, tell or (lambda done, total, name: None))
    except KeyboardInterrupt as error:
        raise StoppedError(
            f"stopped; the scores of {len(kept.rows)} videos are kept in {kept.folder}. The same command goes on there."
        ) from error
    values = metric_scores(question, found, references, scored)
    return ScoreFacts(
        folder=str(folder),
        reference=None if reference is None else str(reference),
        prompts=None if prompts is None else str(prompts),
        metrics={n: values[n] if n in values else absent(m, missing[n]) for n, m in chosen.items()},
        videos=tuple(scored.videos),
        reference_errors=scored.reference_errors,
        reference_facts=scored.reference_facts,
        reading=str(reading),
        settings={**asked, "depends_on": behind},
        kept=str(kept.folder),
        reused=scored.reused,
        notes=notes_of(question, found, references, other_files(folder), scored, kept),
    )


def _valid(known: dict[str, Any]) -> list[str]:
    return [name for name, entry in known.items() if _of_videos(entry.load())]


def _of_videos(metric: Metric) -> bool:
    """True for what can be read off a video and another one, without knowing how they were made."""
    of_one = metric.quality and metric.name not in TOLD_BY_MAKERS and metric.within is None
    return of_one and not metric.counts and not metric.told


def video_metric(name: str, known: dict[str, Any]) -> Metric:
    """A metric that can be read off a video and another one, or a text.

    Raises:
        UsageError: None of that name, or one that needs to know how the video was made.
    """
    if name not in known:
        raise unknown("metric", name, _valid(known), "diptych list metrics")
    metric: Metric = known[name].load()
    if not _of_videos(metric):
        needs = (
            "needs tokens or actions, which files do not hold" if metric.quality else "is measured while one is made"
        )
        if metric.within is not None:
            needs = "needs several videos of each prompt, which a run with repetitions has"
        if metric.told:
            needs = "is read from the result files of the tool that measures it (diptych import --help)"
        raise UsageError(f"metric {name!r} cannot be read off a video: it {needs}. Valid: {', '.join(_valid(known))}.")
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


def _missing(chosen: dict[str, Metric], reference: Path | None, prompts: Path | None) -> dict[str, str]:
    """Why metrics have no value here, for those of which that is known before any video is read."""
    from harness.absent import missing_assets, missing_packages

    missing: dict[str, str] = {}
    for name, metric in chosen.items():
        lacking = missing_packages(metric) or missing_assets(metric)
        if lacking:
            missing[name] = lacking
            continue
        if reference is None and "reference" in metric.needs:
            missing[name] = "needs videos to compare with. Name their folder with --reference"
        elif prompts is None and "caption" in metric.needs:
            missing[name] = "needs the text that each video was made for. Name a file of them with --prompts"
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
