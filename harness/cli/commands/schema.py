"""``diptych schema suite``."""

from __future__ import annotations

import json

import click

from harness.cli.options import common
from harness.cli.output import Output
from harness.cli.schemas import describe_schema


@click.command("schema")
@click.argument("what")
@common
@click.pass_obj
def command(output: Output, what: str) -> None:
    """Print the JSON Schema of a file that you write: WHAT is `suite`, the TOML file that `diptych run` takes."""
    schema = describe_schema(what)
    output.emit(schema, lambda: json.dumps(schema, indent=2, ensure_ascii=False))
