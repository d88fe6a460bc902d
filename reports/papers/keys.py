"""What colours and marks mean: one look for a group of cases and for an arm in every figure, and its legend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from reports.papers.measured import MeasuredRow
from reports.papers.writing import COLOURS, GREY, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GROUP_MARKS = ("o", "s", "^", "v", "P", "X")
ARM_MARKS = {"k=1": "o", "k=2": "s", "k=4": "D", "st k=2": "^"}
OTHER_MARK, CONTROL_MARK = "P", "x"
Group = tuple[str, str]


def groups_of(rows: Sequence[MeasuredRow]) -> list[Group]:
    """Run and group of cases, in order, each once."""
    return list(dict.fromkeys((row.run_id, row.group) for row in rows))


def group_colour(index: int) -> str:
    """Colour of the group of that number."""
    return COLOURS[index % len(COLOURS)]


def group_mark(index: int) -> str:
    """Mark of the group of that number, where a figure's marks tell groups; changes as colours begin again."""
    return GROUP_MARKS[(index + index // len(COLOURS)) % len(GROUP_MARKS)]


def arm_mark(row: MeasuredRow) -> str:
    """Mark of an arm, where a figure's marks tell arms."""
    return CONTROL_MARK if row.role == "control" else ARM_MARKS.get(row.label, OTHER_MARK)


def arm_words(row: MeasuredRow) -> str:
    """An arm in a legend."""
    if row.role == "control":
        return "negative control"
    return row.label if row.label in ARM_MARKS else "other order"


def legend(
    place: Figure | Axes,
    groups: Sequence[Group],
    arms: Sequence[MeasuredRow] = (),
    *,
    marks: bool = False,
    published: str = "",
) -> None:
    """Write the key beside the panels, or in one that is left over: groups, then arms, then what is published.

    Args:
        place: A figure, or an empty panel.
        groups: Groups in the order of their colours.
        arms: Rows whose arms are told by marks.
        marks: True if groups have marks of their own.
        published: Words for hollow diamonds, or nothing.
    """
    from matplotlib.figure import FigureBase
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], ls="", marker=group_mark(i) if marks else "o", ms=4.4, color=group_colour(i), label=group)
        for i, (_, group) in enumerate(groups)
    ]
    words = {arm_words(row): arm_mark(row) for row in arms}
    known = [*ARM_MARKS, "other order", "negative control"]
    handles += [
        Line2D([], [], ls="", marker=words[word], ms=4.2, mfc="none", mec=GREY, label=word)
        for word in known
        if word in words
    ]
    if published:
        handles.append(Line2D([], [], ls="", marker="D", ms=3.6, mfc="white", mec=INK, mew=0.8, label=published))
    if handles:
        where: Any = "outside right upper" if isinstance(place, FigureBase) else "upper left"
        look: dict[str, Any] = {"frameon": False, "fontsize": 6.5, "handletextpad": 0.2, "borderaxespad": 0.8}
        place.legend(handles=handles, loc=where, **look)
