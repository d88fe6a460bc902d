"""``diptych score FOLDER``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import common, results_option
from harness.cli.output import Output
from harness.cli.progress import counting
from harness.cli.scoring import score

if TYPE_CHECKING:
    from harness.scoring.facts import ScoreFacts
    from harness.videos.reading import VideoFacts

MOST_ROWS = 40
FOLDER = click.Path(path_type=Path)


@click.command("score")
@click.argument("folder", type=FOLDER)
@click.option("--reference", type=FOLDER, metavar="FOLDER", help="Videos to compare with; pairs have one name.")
@click.option("--metrics", required=True, metavar="A,B", help="Quality metrics, separated by commas.")
@click.option("--frames", type=int, metavar="N", help="Frames of each video [default: all].")
@click.option("--start", type=int, default=0, metavar="N", help="Frames to skip first [default: 0].")
@click.option("--fps", type=float, metavar="X", help="Resample by time to this rate [default: the stored frames].")
@click.option("--size", metavar="HxW", help="Scale to this height and width [default: the stored size].")
@click.option("--crop", is_flag=True, help="Cut to the middle in place of stretching.")
@click.option("--device", default="cpu", metavar="D", help="Of the networks [default: cpu].")
@click.option("-o", "--output", type=FOLDER, metavar="FOLDER", help="Where scores are kept [default: under results].")
@click.option("--fresh", is_flag=True, help="Compute everything again.")
@results_option
@common
@click.pass_context
def command(
    context: click.Context,
    /,
    folder: Path,
    reference: Path | None,
    metrics: str,
    frames: int | None,
    start: int,
    fps: float | None,
    size: str | None,
    crop: bool,
    device: str,
    output: Path | None,
    fresh: bool,
    results: str | None,
) -> None:
    """Score anyone's videos, alone or against a reference folder; goes on where it was interrupted."""
    said: Output = context.obj
    names = [name.strip() for name in metrics.split(",") if name.strip()]
    with counting("videos") as tell:
        facts = score(
            folder,
            names,
            reference,
            frames=frames,
            start=start,
            fps=fps,
            size=size,
            crop=crop,
            device=device,
            output=output,
            results=results,
            fresh=fresh,
            tell=tell,
        )
    said.emit(facts, lambda: print_scores(said, facts))
    if all(metric.value is None for metric in facts.metrics.values()):
        context.exit(1)


def print_scores(output: Output, facts: ScoreFacts) -> None:
    """Print metrics, what was not scored, what the files held, and how they were read."""
    from harness.stats.sentences import decimals, fixed, interval_text

    rows = []
    for name, metric in facts.metrics.items():
        known = metric.low is not None and metric.high is not None
        places = decimals(metric.low, metric.high) if metric.low is not None and metric.high is not None else 4
        value = None if metric.value is None else fixed(metric.value, places) if known else f"{metric.value:.4g}"
        interval = interval_text(metric.low, metric.high, places) or "-"
        rows.append([name, value, interval, metric.unit, metric.direction, metric.n, metric.reason or metric.method])
    output.table(("metric", "value", "95 % interval", "unit", "better", "n", "how, or why not"), rows)
    bad = [(video.path, video.error) for video in facts.videos if video.error is not None]
    bad += [(f"reference {name}", why) for name, why in facts.reference_errors.items()]
    _listed(output, ("not scored", "why"), [list(pair) for pair in bad])
    part = [
        (video.path, metric, why)
        for video in facts.videos
        if video.error is None
        for metric, why in video.reasons.items()
    ]
    _listed(output, ("scored in part", "without", "why"), [list(row) for row in part])
    kinds = [*_kinds("video", facts.videos_read()), *_kinds("reference", facts.reference_facts.items())]
    _listed(output, ("read", "files", "frames", "size", "fps", "stored as", "colour"), kinds)
    remarks: dict[str, list[str]] = {}
    for path, read in facts.videos_read():
        for remark in read.remarks:
            remarks.setdefault(remark, []).append(path)
    for path, read in facts.reference_facts.items():
        for remark in read.remarks:
            remarks.setdefault(remark, []).append(f"reference {path}")
    lines = ["", f"read as: {facts.reading}"]
    lines += [f"note: {', '.join(paths[:3])}{' …' * (len(paths) > 3)}: {what}" for what, paths in remarks.items()]
    lines += [f"note: {note}" for note in facts.notes]
    scored = sum(video.error is None for video in facts.videos)
    lines.append(
        f"{scored} of {len(facts.videos)} videos scored ({facts.reused} rows kept from before), in {facts.kept}"
    )
    output.stream.write("\n".join(lines) + "\n")


def _listed(output: Output, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table after an empty line, if there is anything in it; a long one is cut, and that is said."""
    if not rows:
        return
    output.stream.write("\n")
    output.table(columns, rows[:MOST_ROWS])
    if len(rows) > MOST_ROWS:
        output.stream.write(f"… and {len(rows) - MOST_ROWS} more; all of them: --json\n")


def _kinds(what: str, files: Iterable[tuple[str, VideoFacts]]) -> list[list[object]]:
    """One line for all files that were read alike."""
    counts: Counter[tuple[str, ...]] = Counter()
    for _, read in files:
        size = f"{read.height}x{read.width}"
        stored = f"{read.stored_height}x{read.stored_width}"
        rate = "-" if read.stored_fps is None else f"{read.stored_fps:.4g}{' (variable)' if read.variable_rate else ''}"
        loss = {True: "lossless", False: "lossy", None: "may be lossy"}[read.lossless]
        counts[
            str(read.frames),
            size if size == stored else f"{stored} to {size}",
            rate,
            f"{read.codec} {read.pixel_format}, {loss}",
            read.colour,
        ] += 1
    return [[what, count, *kind] for kind, count in counts.most_common()]
