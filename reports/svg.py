"""From a matplotlib figure to an inline SVG that takes its colours from the page and is the same bytes every time."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# matplotlib draws in these stand-in colours; each becomes a CSS variable of the page, so that one drawing serves the
# light and the dark page.
INK, MUTED, RULE, BAND, PAPER, CONTROL = "#010101", "#020202", "#030303", "#040404", "#050505", "#060606"
_VARIABLES = {INK: "ink", MUTED: "muted", RULE: "rule", BAND: "band", PAPER: "paper", CONTROL: "arm-control"}
ARM_COLOURS = 8
_VARIABLES.update({f"#0707{i:02x}": f"arm-{i}" for i in range(ARM_COLOURS)})


def arm_colour(index: int) -> str:
    """Stand-in colour of arm ``index`` (they repeat after :data:`ARM_COLOURS`)."""
    return f"#0707{index % ARM_COLOURS:02x}"


@contextmanager
def drawing_style() -> Iterator[None]:
    """Settings for all figures: library defaults (never the user's file), text as text, ids from a fixed salt."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(
            {
                "svg.fonttype": "none",
                "svg.hashsalt": "diptych",
                "font.family": "DejaVu Sans",
                "font.size": 10.0,
                "text.color": INK,
                "axes.edgecolor": MUTED,
                "axes.labelcolor": INK,
                "axes.linewidth": 0.8,
                "axes.spines.top": False,
                "axes.spines.right": False,
                "axes.facecolor": "none",
                "figure.facecolor": "none",
                "xtick.color": MUTED,
                "ytick.color": MUTED,
                "grid.color": RULE,
                "grid.linewidth": 0.7,
                "axes.axisbelow": True,
                "axes.unicode_minus": True,
                "text.parse_math": False,  # an arm may be called $x$
                "figure.dpi": 72.0,
            }
        )
        yield


def to_svg(figure: Figure, name: str, title: str) -> str:
    """Write ``figure`` as an ``<svg>`` element.

    Args:
        figure: Drawn under :func:`drawing_style`.
        name: Unique on the page; every id inside is prefixed with it, because ids of inline drawings share one space.
        title: What the drawing shows, for readers who cannot see it.

    Returns:
        The element, without XML prologue, metadata, fixed size or colours.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    FigureCanvasSVG(figure)
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    text = re.sub(r'<style type="text/css">.*?</style>', "", text, flags=re.S)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.S)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'href="#([^"]+)"', rf'href="#{name}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", text)
    text = re.sub(r"font: (?:(bold|\d+) )?([\d.]+px) [^;\"]+", _font, text)
    text = re.sub(r"#0[0-9a-f]{5}\b", lambda m: f"var(--{_VARIABLES[m[0]]})" if m[0] in _VARIABLES else m[0], text)
    view = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text)
    assert view is not None  # matplotlib always writes one
    head = (
        f'<svg class="figure" role="img" aria-label="{escape(title, quote=True)}" viewBox="0 0 {view[1]} {view[2]}" '
        f'style="max-width:{float(view[1]) * 1.3:.0f}px" xmlns:xlink="http://www.w3.org/1999/xlink">'
    )
    return head + re.sub(r"^<svg[^>]*>", "", text).replace("\n", " ").strip()


def _font(match: re.Match[str]) -> str:
    weight = f";font-weight:{match[1]}" if match[1] else ""
    return f"font-size:{match[2]}{weight}"
