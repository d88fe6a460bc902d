"""Measured parts of VideoDPO's tables: blocks of their own, for a light score is no VBench total."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.types import Suite
from reports.methods import MethodRow, judge, method_rows, motion, reported_score
from reports.papers.aligned import interval_methods
from reports.papers.measured import run_text
from reports.papers.tabular import Block, Layout
from reports.papers.writing import NOT_AVAILABLE, Cell
from reports.reading import Reading
from reports.wording import count, number

MEASURED_COLUMNS = (
    "run", "scale", "group", "metric", "training_seed", "value", "difference", "low", "high", "verdict",
)  # fmt: skip
NO_MEASURED = ("",) * len(MEASURED_COLUMNS)
MAIN_LAYOUT = Layout(
    heads=("Model", "Training", "OmniScore", "Δ mean", "Δ by training seed", "Δ text", "Δ motion", "wins", "From"),
    places=(0.0, 0.17, 0.38, 0.46, 0.49, 0.73, 0.81, 0.87, 0.885),
    numeric=(False, False, True, True, False, True, True, True, False),
)
ABLATION_LAYOUT = Layout(
    heads=("Model", "What is changed", "OmniScore", "Δ mean", "Δ by training seed", "Δ text", "Δ motion", "From"),
    places=(0.0, 0.13, 0.47, 0.55, 0.575, 0.8, 0.88, 0.892),
    numeric=(False, False, True, True, False, True, True, False),
)
LONGEST = 40
"""Characters of a setting that the table has room for; the data have all of them."""


@dataclass(frozen=True)
class Part:
    """A run's part of a table.

    Attributes:
        block: Its lines.
        data: One row per arm and metric, in :data:`MEASURED_COLUMNS`, behind the group and the training.
        caption: What its columns are, and which trials they were made of.
    """

    block: Block
    data: tuple[tuple[str, str, tuple[Cell, ...]], ...]
    caption: str


def measured_part(reading: Reading, layout: Layout) -> Part:
    """Make the measured block of a table.

    Args:
        reading: A run of an alignment suite.
        layout: :data:`MAIN_LAYOUT` or :data:`ABLATION_LAYOUT`; the latter says what is changed and has no wins.
    """
    suite, rows = reading.manifest.suite, method_rows(reading)
    score, text, moved = reported_score(suite), judge(suite), motion(suite)
    ablation = layout is ABLATION_LAYOUT
    lines = []
    for row in rows:
        training = row.method
        if ablation and row.summary:
            training = row.summary if len(row.summary) <= LONGEST else f"{row.summary[: LONGEST - 1]}…"
        cells = [
            row.group, training, _cell(row.value(score) if score else None, signed=False),
            _change(row, score), " ".join(number(v, 3, signed=True) for v in row.changes(score or "")) or "–",
            _change(row, text), _change(row, moved),
        ]  # fmt: skip
        if not ablation:
            won = row.won(score or "")
            cells.append("–" if row.baseline else NOT_AVAILABLE if won is None else f"{100 * won:.0f} %")
        lines.append((*cells, row.origin))
    shown = [name for name in (score, text, moved) if name]
    return Part(
        block=Block(lines, layout, f"Measured here, run {reading.manifest.run_id}: light scores, no VBench total"),
        data=tuple(_data(rows, shown)),
        caption=_caption(reading, suite, rows, shown),
    )


def _cell(value: float | None, *, signed: bool = True) -> str:
    return NOT_AVAILABLE if value is None else number(value, 3, signed=signed)


def _change(row: MethodRow, metric: str | None) -> str:
    return "–" if row.baseline else _cell(row.change(metric) if metric else None)


def _data(rows: Sequence[MethodRow], metrics: Sequence[str]) -> list[tuple[str, str, tuple[Cell, ...]]]:
    found: list[tuple[str, str, tuple[Cell, ...]]] = []
    for row in rows:
        head: tuple[Cell, ...] = (row.run_id, row.scale, row.group)
        for metric in metrics:
            if row.baseline:
                found.append((row.model, row.method, (*head, metric, "", row.value(metric), "", "", "", "")))
            for seed in row.seeds.get(metric, ()):
                e = seed.estimate
                told: tuple[Cell, ...] = (seed.value, e.value, e.low, e.high, seed.verdict)
                found.append((row.model, row.method, (*head, metric, "" if seed.seed is None else seed.seed, *told)))
    return found


def _caption(reading: Reading, suite: Suite, rows: Sequence[MethodRow], metrics: Sequence[str]) -> str:
    named = dict(
        zip(("OmniScore", "text", "motion"), (reported_score(suite), judge(suite), motion(suite)), strict=True)
    )
    columns = ", ".join(f"{words} is {name}" for words, name in named.items() if name)
    chosen = f"; pairs were chosen by {suite.training_score}" if suite.training_score else ""
    seeds = max((len(s) for row in rows for s in row.seeds.values()), default=0)
    how = interval_methods(rows, metrics)
    told = [c.sentence for c in reading.analysis.method_conclusions]
    return (
        f"Measured: {columns}{chosen}. Δ: difference to the baseline on the same prompts and noise, mean over "
        f"{count(seeds, 'training seed')} and one by one; so few seeds carry no interval. "
        + (f"Intervals of single seeds, in the data: {how}. " if how else "")
        + "Wins: share of videos that beat the baseline's by that OmniScore, ties half. "
        + "".join(f"{sentence} " for sentence in told)
        + f"Records: {run_text(reading, reading.groups)}."
    )
