"""Figure: the analysis of OmniScore on videos of one's own, in the four panels of VideoDPO's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.histogram import BIN_WIDTH, ScoreHistogram
from harness.stats.paired import few_clusters
from reports.papers.published import Published
from reports.papers.score_analysis import (
    LEVEL,
    Correlations,
    RangeAt,
    correlations,
    differences,
    ranges,
    usual_count,
)
from reports.papers.score_file import ScoreFile
from reports.papers.writing import COLOURS, GREY, INK, RULE, Cell, PaperFigure, new_figure, paper_style, render
from reports.wording import count, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = (
    "panel", "kind", "source_quality", "videos_of_a_prompt", "bin_low", "first", "second", "value", "low", "high",
    "count",
)  # fmt: skip
MOST_NUMBERS = 12
"""Most dimensions whose correlations are written into the map."""
NO_PROMPTS = "no two scored videos have a prompt in common"
ALL_EQUAL = "the scores of every prompt are all equal"
NO_DIMENSIONS = "fewer than two dimensions vary"


@dataclass(frozen=True)
class Analysis:
    """What is drawn."""

    file: ScoreFile
    ranges: list[RangeAt]
    scores: ScoreHistogram
    differences: ScoreHistogram | None
    correlations: Correlations


def analyse(file: ScoreFile) -> Analysis:
    """Count what the four panels show."""
    groups = file.by_prompt()
    gaps = differences(groups)
    return Analysis(
        file,
        ranges(groups),
        ScoreHistogram.of(file.composites),
        ScoreHistogram.of(gaps) if gaps else None,
        correlations(file),
    )


def score_figure(file: ScoreFile, published: Published) -> PaperFigure:
    """Draw range against N, both histograms and the correlations of a file of scores.

    Args:
        file: The scores.
        published: Published numbers: the one correlation that is told.
    """
    found = analyse(file)
    prompts = len({row.prompt for row in file.videos if row.prompt is not None})
    of = f" of {count(prompts, 'prompt')}" if prompts else ""
    title = f"Analysis of {file.composite} over {count(len(file.composites), 'video')}{of}"
    with paper_style():
        figure = new_figure(4.3, title)
        (a, b), (c, d) = figure.subplots(2, 2, width_ratios=(1, 1.25), height_ratios=(1, 1.2))
        _ranges(a, found.ranges)
        _histogram(b, found.scores, "score", "videos")
        if found.differences is None:
            _absent(c, ALL_EQUAL if found.ranges else NO_PROMPTS)
        else:
            _histogram(c, found.differences, "best − worst score of a prompt", "pairs")
        _map(d, found.correlations)
        for axes, words in (
            (a, "(a) Range against videos per prompt"),
            (b, "(b) Score"),
            (c, "(c) Difference inside a pair"),
            (d, "(d) Correlation of dimensions"),
        ):
            axes.set_title(words)
        drawing = render(figure, title)
    return PaperFigure("score_analysis", title, _caption(found, published), COLUMNS, _data(found, published), drawing)


def _ranges(axes: Axes, rows: Sequence[RangeAt]) -> None:
    from matplotlib.ticker import MaxNLocator

    if not rows:
        _absent(axes, NO_PROMPTS)
        return
    x = [row.n for row in rows]
    bounded = [row for row in rows if row.low is not None and row.high is not None]
    if bounded:
        axes.fill_between(
            [row.n for row in bounded], [row.low or 0.0 for row in bounded], [row.high or 0.0 for row in bounded],
            color=COLOURS[0], alpha=0.2, lw=0,
        )  # fmt: skip
    axes.plot(x, [row.mean for row in rows], color=COLOURS[0], marker="o", ms=3.4)
    if len(rows) == 1:  # a band has no width there
        low, high = rows[0].low, rows[0].high
        if low is not None and high is not None:
            axes.plot([x[0], x[0]], [low, high], color=COLOURS[0], lw=0.9)
        axes.set_xlim(1.5, 2.5)
        axes.set_xticks(x)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    axes.set_ylim(0, None)
    axes.set_xlabel("videos per prompt N")
    axes.set_ylabel("max − min score")
    axes.grid(axis="y")


def _histogram(axes: Axes, histogram: ScoreHistogram, what: str, of: str) -> None:
    from matplotlib.ticker import MaxNLocator

    lows = [bin_low(number_) for number_ in histogram.counts]
    axes.bar(lows, list(histogram.counts.values()), width=BIN_WIDTH, align="edge", color=COLOURS[0], lw=0)
    room = max(0.03 * (lows[-1] - lows[0]), 3 * BIN_WIDTH)
    axes.set_xlim(lows[0] - room, lows[-1] + BIN_WIDTH + room)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.set_xlabel(f"{what} (bins of {BIN_WIDTH:g})")
    axes.set_ylabel(of)
    axes.grid(axis="y")


def bin_low(bin_number: int) -> float:
    """Lower edge of a bin, as its decimals are printed."""
    return bin_number / 100


def _map(axes: Axes, found: Correlations) -> None:
    size = len(found.names)
    if size < 2:
        _absent(axes, NO_DIMENSIONS)
        return
    from matplotlib import colormaps

    shades = colormaps["RdBu_r"].with_extremes(bad=RULE)
    matrix = found.matrix()
    off_diagonal = np.where(np.eye(size, dtype=bool), math.nan, matrix)
    image = axes.imshow(off_diagonal, cmap=shades, vmin=-1, vmax=1, interpolation="nearest")
    if size <= MOST_NUMBERS:
        for i in range(size):
            for j in range(size):
                if i != j:
                    r = matrix[i, j]
                    words, dark = ("–", False) if math.isnan(r) else (_short(float(r)), abs(r) > 0.6)
                    axes.text(
                        j, i, words, ha="center", va="center", fontsize=5.4 if size <= 8 else 4.2,
                        color="white" if dark else INK,
                    )  # fmt: skip
    small = 6.2 if size <= MOST_NUMBERS else 4.6
    axes.set_yticks(range(size), [f"{name.replace('_', ' ')}  {i}" for i, name in enumerate(found.names, 1)])
    axes.set_xticks(range(size), [str(i) for i in range(1, size + 1)])
    axes.tick_params(length=0, labelsize=small)
    for spine in axes.spines.values():
        spine.set_visible(False)
    figure = axes.figure
    assert figure is not None
    bar = figure.colorbar(image, ax=axes, shrink=0.85, pad=0.02, ticks=[-1, -0.5, 0, 0.5, 1])
    bar.set_label("Pearson's r")
    bar.outline.set_visible(False)


def _short(r: float) -> str:
    """Two decimals without the leading zero, as correlations are written in narrow cells."""
    words = number(r, 2)
    return words.replace("0.", ".", 1) if abs(r) < 0.995 else words


def _absent(axes: Axes, why: str) -> None:
    axes.set_axis_off()
    axes.text(0, 0.9, f"not available:\n{why}", transform=axes.transAxes, va="top", color=GREY)


def _caption(found: Analysis, published: Published) -> str:
    file, groups = found.file, found.file.by_prompt()
    usual = usual_count(groups)
    used = sum(len(scores) >= usual for scores in groups.values())
    homeless = sum(row.prompt is None for row in file.videos)
    equal = sum(len(scores) > 1 and max(scores) == min(scores) for scores in groups.values())
    alone = sum(len(scores) == 1 for scores in groups.values())
    without = len(file.videos) - len(file.composites)
    said = []
    if found.ranges:
        few = few_clusters(used)
        said.append(
            "(a) Mean over prompts of the largest minus the smallest score among N videos of a prompt, over all its "
            f"subsets of N videos in closed form; the same {count(used, 'prompt')} with {usual} scored videos or more "
            "at every N"
            + (f", {count(len(groups) - used, 'prompt')} with fewer left out. " if used < len(groups) else ". ")
            + (f"No interval: {few}." if few else f"Band: {LEVEL:.0%} Student t interval over prompts.")
        )
    else:
        said.append(f"(a) Not available: {NO_PROMPTS}.")
    mode = found.scores.mode
    said.append(
        f"(b) Histogram of {file.composite} over {count(found.scores.n, 'video')}; a score of 0.29 is in the bin that "
        f"begins there. Most frequent bin: {bin_low(mode):.2f} to {bin_low(mode + 1):.2f}, "
        f"{number(100 * found.scores.mode_probability, 1)} % of the videos."
    )
    if found.differences is None:
        said.append(f"(c) Not available: {ALL_EQUAL if found.ranges else NO_PROMPTS}.")
    else:
        said.append(
            f"(c) Best minus worst score of a prompt, {count(found.differences.n, 'pair')}; "
            f"{count(equal, 'prompt')} whose scores are all equal and {count(alone, 'prompt')} with one scored video "
            "have none."
        )
    said.append(_map_words(found.correlations))
    claim = published.claim("correlation")
    said.append(f"Published: {claim.what}, {number(claim.value, 2)}; {published.cite(claim)}.")
    if homeless and groups:
        said.append(f"Left out of (a) and (c): {count(homeless, 'video')} without a prompt.")
    if without:
        said.append(f"Left out of (a), (b) and (c): {count(without, 'video')} without {file.composite}.")
    if file.absent:
        said.append(f"No video has {', '.join(file.absent)}.")
    said.append(f"Scores: {file.name}, SHA-256 {file.sha256}.")
    return " ".join(said)


def _map_words(found: Correlations) -> str:
    constants = ", ".join(f"{name} (always {value:.4g})" for name, value in found.constants.items())
    tail = f" Constant, and therefore not in the map: {constants}." if constants else ""
    if len(found.names) < 2:
        return f"(d) Not available: {NO_DIMENSIONS}.{tail}"
    counts = [pair.videos for pair in found.pairs]
    of = f"{counts[0]}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
    return f"(d) Pearson's correlation of dimensions over all videos that have both, {of} videos.{tail}"


def _data(found: Analysis, published: Published) -> tuple[tuple[Cell, ...], ...]:
    made: list[tuple[Cell, ...]] = [
        ("a", "measured", "", row.n, None, "", "", row.mean, row.low, row.high, row.prompts) for row in found.ranges
    ]
    for panel, histogram in (("b", found.scores), ("c", found.differences)):
        if histogram is not None:
            made += [
                (panel, "measured", "", None, bin_low(low), "", "", videos / histogram.n, None, None, videos)
                for low, videos in histogram.counts.items()
            ]
    made += [
        ("d", "measured", "", None, None, pair.first, pair.second, pair.r, None, None, pair.videos)
        for pair in found.correlations.pairs
    ]
    claim = published.claim("correlation")
    made.append(
        ("d", "published", claim.quality, None, None, "dynamic degree", "temporal flickering", claim.value, None, None,
         None)
    )  # fmt: skip
    return tuple(made)
