"""``diptych list KIND``."""

from __future__ import annotations

import click

from harness.cli.listing import KINDS, list_items
from harness.cli.options import common
from harness.cli.output import Output, say


@click.command("list", help=f"List everything of one KIND: {', '.join(KINDS)}.")
@click.argument("kind")
@common
@click.pass_obj
def command(output: Output, kind: str) -> None:
    """List everything of one kind."""
    listing = list_items(kind)
    for module, why in listing.broken.items():
        say(f"warning: {module} could not be imported: {why}")
    for collision in listing.collisions:
        say(f"warning: {collision}")
    extra = ["suite"] if kind == "arms" else ["bytes", "sha256"] if kind == "assets" else []

    def text() -> None:
        rows = [[item.name, *(item.details[key] for key in extra), item.summary] for item in listing.items]
        output.table(["name", *extra, "summary"], rows)

    items = [{**item.model_dump(exclude={"details"}), **item.details} for item in listing.items]
    output.emit({"kind": kind, "items": items, "broken": listing.broken, "collisions": listing.collisions}, text)
