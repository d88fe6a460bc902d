"""``diptych score FOLDER``."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import common, results_option
from harness.cli.output import Output
from harness.cli.progress import counting
from harness.cli.scoring import score

if TYPE_CHECKING:
    from harness.scoring.facts import ScoreFacts

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
    """Print metrics, then the videos that were not scored, then how videos were read."""
    from harness.stats.sentences import decimals, fixed, interval_text

    rows = []
    for name, metric in facts.metrics.items():
        known = metric.low is not None and metric.high is not None
        places = decimals(metric.low, metric.high) if metric.low is not None and metric.high is not None else 4
        value = None if metric.value is None else fixed(metric.value, places) if known else f"{metric.value:.4g}"
        interval = interval_text(metric.low, metric.high, places) or "-"
        how = metric.method.split(" ")[0] if metric.value is not None else None  # mean, raw or corrected
        rows.append([name, value, interval, metric.unit, metric.direction, metric.n, how])
    output.table(("metric", "value", "95 % interval", "unit", "better", "videos", "how"), rows)
    for name, metric in facts.metrics.items():
        if metric.reason is not None:
            output.stream.write(wrapped(f"{name}: {metric.reason}") + "\n")
    bad = [(video.path, video.error) for video in facts.videos if video.error is not None]
    bad += [(f"reference {name}", why) for name, why in facts.reference_errors.items()]
    if bad:
        output.stream.write("not scored:\n")
        output.stream.writelines(wrapped(f"  {printable(name)}: {why}") + "\n" for name, why in bad)
    remarks: dict[str, list[str]] = {}
    for video in facts.videos:
        for remark in () if video.facts is None else video.facts.remarks:
            remarks.setdefault(remark, []).append(video.path)
    lines = [f"read: {facts.reading}"]
    colours = {video.facts.colour for video in facts.videos if video.facts is not None}
    lines.append(f"colour: {'; '.join(sorted(colours)) or '-'}")
    lines += [f"note: {', '.join(paths[:3])}{' …' * (len(paths) > 3)}: {what}" for what, paths in remarks.items()]
    lines += [f"note: {note}" for note in facts.notes]
    scored = sum(video.error is None for video in facts.videos)
    lines.append(f"{scored} of {len(facts.videos)} videos scored ({facts.reused} kept from before), in {facts.kept}")
    output.stream.write("\n".join(wrapped(line) for line in lines) + "\n")


def wrapped(text: str) -> str:
    """At most 100 columns; what goes on is indented."""
    return textwrap.fill(text, 100, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def printable(name: str) -> str:
    """A file's name without what a terminal would obey."""
    return "".join(c if c.isprintable() else "?" for c in name)
