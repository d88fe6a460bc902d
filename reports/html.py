"""The page: one HTML file that needs nothing else. Autoescape is on; only our own drawings go in as they are."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files

from reports.sections import Section
from reports.wording import (
    CONCLUSION_SYMBOLS,
    MARGIN_SYMBOLS,
    VERDICT_MEANINGS,
    VERDICT_SYMBOLS,
    count,
    metric_title,
    typeset,
)


def render(sections: Sequence[Section]) -> str:
    """Render the page.

    Args:
        sections: One per run, at least one.

    Returns:
        The document. The script's hash stands in a content security policy, so that no other script can run in it and
        no address can be fetched.
    """
    from jinja2 import BaseLoader, DictLoader, Environment, StrictUndefined
    from markupsafe import Markup

    templates = files("reports") / "templates"
    names = ("report.html.j2", "macros.html.j2")
    loader: BaseLoader = DictLoader({n: (templates / n).read_text(encoding="utf-8") for n in names})
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["typeset"] = typeset
    environment.globals.update(
        count=count,
        metric_title=metric_title,
        conclusion_symbols=CONCLUSION_SYMBOLS,
        verdict_symbols={**VERDICT_SYMBOLS, **MARGIN_SYMBOLS},
        verdict_meanings=VERDICT_MEANINGS,
        ours=Markup,  # for SVG that this package drew itself
    )
    style = (templates / "report.css").read_text(encoding="utf-8")
    script = (templates / "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("report.html.j2").render(
        sections=sections,
        title=page_title(sections),
        style=Markup(style),
        script=Markup(script),
        script_hash=digest,
    )


def page_title(sections: Sequence[Section]) -> str:
    """Name the page after its suites."""
    suites = dict.fromkeys(s.reading.manifest.suite.name for s in sections)
    return ", ".join(suites)
