"""``diptych score FOLDER``."""

from __future__ import annotations

import textwrap
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
    from harness.scoring.facts import MetricScore, ScoreFacts
    from harness.videos.reading import VideoFacts

MOST_LINES = 40
FOLDER = click.Path(path_type=Path)


@click.command("score")
@click.argument("folder", type=FOLDER)
@click.option("--reference", type=FOLDER, metavar="FOLDER", help="Videos to compare with; pairs have one name.")
@click.option("--prompts", type=FOLDER, metavar="FILE", help="The text of each video: .json, .csv or .txt.")
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
    prompts: Path | None,
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
            prompts=prompts,
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
        rows.append([name, value, interval, metric.unit, metric.direction, metric.n])
    output.table(("metric", "value", "95 % interval", "unit", "better", "videos"), rows)
    lines = [f"{name}: {_how(metric)}" for name, metric in facts.metrics.items()]
    bad = [(video.path, video.error) for video in facts.videos if video.error is not None]
    bad += [(f"reference {name}", why) for name, why in facts.reference_errors.items()]
    lines += _listed("not scored:", [f"  {printable(name)}: {why}" for name, why in bad])
    part = [(v.path, what, why) for v in facts.videos if v.error is None for what, why in v.reasons.items()]
    lines += _listed("scored in part:", [f"  {printable(name)}, without {what}: {why}" for name, what, why in part])
    videos = [(video.path, video.facts) for video in facts.videos if video.facts is not None]
    kinds = [*_kinds("videos", videos), *_kinds("reference videos", facts.reference_facts.items())]
    lines += _listed(f"read as {facts.reading}:", kinds)
    remarks: dict[str, list[str]] = {}
    for name, read in [*videos, *((f"reference {name}", read) for name, read in facts.reference_facts.items())]:
        for remark in read.remarks:
            remarks.setdefault(remark, []).append(printable(name))
    lines += [f"note: {', '.join(names[:3])}{' …' * (len(names) > 3)}: {what}" for what, names in remarks.items()]
    lines += [f"note: {printable(note)}" for note in facts.notes]
    scored = sum(video.error is None for video in facts.videos)
    lines.append(f"{scored} of {len(facts.videos)} videos scored ({facts.reused} kept from before), in {facts.kept}")
    output.stream.write("\n".join(wrapped(line) for line in lines) + "\n")


def _how(metric: MetricScore) -> str:
    if metric.value is None:
        return metric.reason or ""
    return metric.method + (f"; no interval: {metric.reason}" if metric.reason else "")


def _listed(title: str, lines: Sequence[str]) -> list[str]:
    """The lines below their title, if there are any; a long list is cut, and that is said."""
    if not lines:
        return []
    more = [f"  … and {len(lines) - MOST_LINES} more; all of them: --json"] if len(lines) > MOST_LINES else []
    return [title, *lines[:MOST_LINES], *more]


def _kinds(what: str, files: Iterable[tuple[str, VideoFacts]]) -> list[str]:
    """One line for all files that were read alike."""
    counts: Counter[str] = Counter()
    for _, read in files:
        size, stored = f"{read.height}x{read.width}", f"{read.stored_height}x{read.stored_width}"
        rate = "" if read.stored_fps is None else f", {read.stored_fps:.4g} fps{' on average' * read.variable_rate}"
        loss = {True: "lossless", False: "lossy", None: "perhaps lossy"}[read.lossless]
        scaled = "" if size == stored else f" (stored as {stored})"
        stored_as = f"{read.codec} {read.pixel_format}, {loss}; colour: {read.colour}"
        counts[f"{read.frames} frames of {size}{scaled}{rate}, {stored_as}"] += 1
    return [f"  {count} {what if count > 1 else what[:-1]}: {kind}" for kind, count in counts.most_common()]


def wrapped(text: str) -> str:
    """At most 100 columns; what goes on is indented."""
    return textwrap.fill(text, 100, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def printable(name: str) -> str:
    """A file's name without what a terminal would obey."""
    return "".join(c if c.isprintable() else "?" for c in name)
