"""How well commands are followed, group by group of actions: every arm, and real video as the ceiling."""

from __future__ import annotations

from collections.abc import Mapping

from harness.stats.actions import SCORES, GroupScores, group_scores
from harness.stats.outcome import TRUE_CONTINUATION
from harness.types import Estimate, Metric
from reports.reading import Reading
from reports.tables import Cell, Column, Table
from reports.wording import ABSENT, interval_decimals, number, sentence_case

Rows = tuple[list[list[float]], list[str]]
"""Rows of counts, and the case of each."""


def action_tables(reading: Reading, metrics: Mapping[str, Metric], group: str) -> tuple[Table, ...]:
    """One table for every space of counts that the run's metrics read and that has names for its groups.

    Args:
        reading: The run.
        metrics: Registered metrics by name.
        group: Stratum of cases.
    """
    named = reading.manifest.suite.metrics
    spaces = dict.fromkeys(metrics[n].feature_space for n in named if n in metrics and metrics[n].counts)
    extractors = reading.manifest.context.get("extractors") or {}
    tables = []
    for space in spaces:
        names = [str(found["name"]) for found in (extractors.get(space) or {}).get("groups") or ()]
        rows = counted(reading, str(space), group)
        if names and rows:
            scores = {arm: group_scores(*found, names) for arm, found in rows.items()}
            tables.append(action_table(scores))
    return tuple(tables)


def counted(reading: Reading, space: str, group: str) -> dict[str, Rows]:
    """The rows of every arm in the suite's order, and last those of the true continuations, one a case."""
    found: dict[str, Rows] = {arm: ([], []) for arm in reading.styles}
    truth: dict[str, list[float]] = {}
    for record in reading.finished(group):
        row = record.features.get(space)
        if row is None or record.arm not in found:
            continue
        found[record.arm][0].append(row.generated)
        found[record.arm][1].append(record.block.case)
        if row.reference:
            truth.setdefault(record.block.case, row.reference)
    if truth:
        found[TRUE_CONTINUATION] = (list(truth.values()), list(truth))
    return {arm: rows for arm, rows in found.items() if rows[0]}


def action_table(scores: Mapping[str, list[GroupScores]]) -> Table:
    """Write the groups' scores of each arm.

    Args:
        scores: By arm, every arm with the same groups in the same order; groups that no arm was told to do are left
            out.
    """
    columns = (
        Column("Action"),
        Column("Arm"),
        Column("Commanded", kind="number"),
        *(Column(sentence_case(score) if score != "f1" else "F1", kind="number") for score in SCORES),
    )
    rows = []
    arms = list(scores)
    for place in range(len(scores[arms[0]])):
        for arm in arms:
            found = scores[arm][place]
            if not any(scores[other][place].support for other in arms):
                continue
            ceiling = "the ceiling" if arm == TRUE_CONTINUATION else ""
            values = (Cell(score_text(getattr(found, score))) for score in SCORES)
            own = "" if arm == TRUE_CONTINUATION else arm
            rows.append((Cell(found.group), Cell(arm, arm=own, note=ceiling), Cell(str(found.support)), *values))
    caption = (
        "What an inverse-dynamics network sees in the frames, against the commands, with 95 % jackknife intervals over "
        "cases. Precision: of what looks like it, the share that was commanded; recall: of what was commanded, the "
        "share that looks like it. The network errs on real video too: a perfect arm has the scores of the "
        f"{TRUE_CONTINUATION}. Exploratory: gates nothing."
    )
    return Table("Actions followed, by group", caption, columns, tuple(rows))


def score_text(estimate: Estimate) -> str:
    """Write a score in [0, 1] with its interval: ``0.91 [0.87, 0.95]``."""
    if estimate.value is None:
        return ABSENT
    if estimate.low is None or estimate.high is None or estimate.low == estimate.high:
        return number(estimate.value, 2)
    decimals = interval_decimals(estimate.low, estimate.high)
    value, low, high = (number(v, decimals) for v in (estimate.value, estimate.low, estimate.high))
    return f"{value} [{low}, {high}]"
