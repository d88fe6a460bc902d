"""Figure: which token is predicted in which pass, from compiled schedules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.errors import DiptychError
from reports.papers.writing import INK, PaperFigure, new_figure, paper_style, render
from reports.wording import count

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Describe = Callable[..., dict[str, Any]]
"""``describe(name, frames, rows, columns, k=…)``: the facts of ``diptych schedule``."""

FRAMES, ROWS, COLUMNS = 2, 4, 6
FIRST = (
    ("sequential", None),
    ("diagonal", 1),
    ("diagonal", 2),
    ("diagonal-st", 2),
    ("zipar", 2),
    ("nar", None),
    ("next-row-block", None),
    ("frame-at-once", None),
)
"""Orders that are drawn first, as far as they are registered; others follow by name."""
MOST_PANELS = 9
PER_LINE = 3
OUTLINE = "#D55E00"


@dataclass(frozen=True)
class Order:
    """One schedule on the small grid: the pass of token (frame, row, column), and the passes in all."""

    title: str
    passes: int
    of: dict[tuple[int, int, int], int]


def read_orders(describe: Describe, registered: Sequence[str]) -> tuple[list[Order], list[str]]:
    """Return the orders to draw, and what is said of those that are not drawn."""
    known = {name for name, _ in FIRST}
    wanted = [item for item in FIRST if item[0] in registered]
    wanted += [(name, None) for name in sorted(registered) if name not in known]
    orders: list[Order] = []
    left_out: list[str] = []
    for name, k in wanted:
        title = name if k is None else f"{name}, k = {k}"
        try:
            facts = describe(name, FRAMES, ROWS, COLUMNS, k=k or 1)
        except DiptychError as error:
            left_out.append(f"{title} is not drawn: {error}")
            continue
        of = {(f, r, c): number for number, step in enumerate(facts["steps"]) for f, r, c in step}
        twin = next((order for order in orders if order.of == of), None)
        if twin is not None:
            left_out.append(f"{title} predicts in the order of {twin.title} and is not drawn.")
        elif len(orders) == MOST_PANELS:
            left_out.append(f"{title} is not drawn for want of room.")
        else:
            orders.append(Order(title, facts["passes"], of))
    return orders, left_out


def orders_figure(describe: Describe, registered: Sequence[str]) -> PaperFigure:
    """Draw the decoding orders of two small frames.

    Args:
        describe: Gives the facts of a schedule on a grid.
        registered: Names of the registered schedules.
    """
    orders, left_out = read_orders(describe, registered)
    title = "Decoding orders (computed from the schedules)"
    lines = -(-len(orders) // PER_LINE)
    with paper_style():
        figure = new_figure(0.3 + 0.98 * lines, title)
        grid = figure.subplots(lines, PER_LINE, squeeze=False)
        for place, axes in enumerate(grid.flat):
            axes.set_axis_off()
            if place < len(orders):
                _draw(axes, orders[place])
        drawing = render(figure, title)
    caption = (
        f"{count(FRAMES, 'frame')} of {ROWS} × {COLUMNS} tokens, side by side; the number and the shade of a token are "
        "the pass that predicts it (pass 0 is the prefill). Outlined: the tokens of one of the widest passes, "
        "predicted together. Computed from the schedules that the engine runs: diptych schedule NAME "
        f"--frames {FRAMES} --rows {ROWS} --columns {COLUMNS} --k K." + "".join(f" {said}" for said in left_out)
    )
    rows = tuple((o.title, o.passes, f, r, c, o.of[f, r, c]) for o in orders for f, r, c in sorted(o.of))
    columns = ("schedule", "passes", "frame", "row", "column", "pass")
    return PaperFigure("decoding_order", title, caption, columns, rows, drawing)


def widest_pass(order: Order) -> int | None:
    """The pass that predicts most tokens: of several the one in most frames, then the first. None if all have one."""
    tokens: dict[int, list[int]] = {}
    for (frame, _, _), number in order.of.items():
        tokens.setdefault(number, []).append(frame)
    best = min(tokens, key=lambda number: (-len(tokens[number]), -len(set(tokens[number])), number))
    return best if len(tokens[best]) > 1 else None


def _draw(axes: Axes, order: Order) -> None:
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    shades = colormaps["Blues"]
    widest = widest_pass(order)
    outlined = []
    for (f, r, c), number in sorted(order.of.items()):
        x, y = f * (COLUMNS + 0.6) + c, r
        share = number / max(order.passes - 1, 1)
        axes.add_patch(Rectangle((x, y), 1, 1, facecolor=shades(0.08 + 0.82 * share), edgecolor="white", lw=0.8))
        axes.text(
            x + 0.5,
            y + 0.53,
            str(number),
            ha="center",
            va="center",
            fontsize=6.0,
            color="white" if share > 0.55 else INK,
        )
        if number == widest:
            outlined.append((x, y))
    for corner in outlined:
        axes.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=OUTLINE, lw=1.3, zorder=3))
    axes.set_xlim(-0.1, FRAMES * COLUMNS + 0.6 * (FRAMES - 1) + 0.1)
    axes.set_ylim(ROWS + 0.1, -0.1)
    axes.set_aspect("equal")
    axes.set_title(f"{order.title}: {count(order.passes, 'pass', 'passes')}", pad=3)
