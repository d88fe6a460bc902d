"""``diptych assets list | fetch | verify | path``."""

from __future__ import annotations

import textwrap
from typing import TypedDict

import click

from harness.cli.assets import AssetsFacts, fetch_assets, list_assets, verify_assets
from harness.cli.options import common
from harness.cli.output import Output
from harness.cli.progress import transferring
from harness.errors import DiptychError, StoppedError


class _Unbroken(TypedDict):
    break_long_words: bool
    break_on_hyphens: bool


WIDTH = 100
UNBROKEN: _Unbroken = {"break_long_words": False, "break_on_hyphens": False}  # a path or a command stays one word
NAMES = click.argument("names", metavar="[NAME]...", nargs=-1)


@click.group("assets")
def command() -> None:
    """Weight files that Diptych uses: which are here, where they come from, whether their bytes are right."""


@command.command("list")
@NAMES
@common
@click.pass_obj
def list_command(output: Output, names: tuple[str, ...]) -> None:
    """List every asset, and whether it is on this machine."""
    facts = list_assets(names)
    output.emit(facts, lambda: _print(output, facts))


@command.command("fetch")
@NAMES
@click.option("--all", "everything", is_flag=True, help="Fetch everything.")
@common
@click.pass_context
def fetch_command(context: click.Context, names: tuple[str, ...], everything: bool) -> None:
    """Fetch assets: mirror folders, then wheels, then their canonical addresses; hashes are checked."""
    output: Output = context.obj
    try:
        with transferring() as tell:
            facts = fetch_assets(names, everything=everything, tell=tell)
    except KeyboardInterrupt as error:
        again = " ".join(names) or "--all"
        raise StoppedError(f"stopped; what came is kept. Go on with: diptych assets fetch {again}") from error
    output.emit(facts, lambda: _print(output, facts))
    context.exit(0 if facts.ok else 1)


@command.command("verify")
@NAMES
@common
@click.pass_context
def verify_command(context: click.Context, names: tuple[str, ...]) -> None:
    """Hash what is here; exit 1 if a file has other bytes than the table says, or a named one is not here."""
    output: Output = context.obj
    facts = verify_assets(names)
    output.emit(facts, lambda: _print(output, facts))
    context.exit(0 if facts.ok else 1)


@command.command("path")
@click.argument("name")
@common
@click.pass_context
def path_command(context: click.Context, name: str) -> None:
    """Print the checked file of an asset."""
    output: Output = context.obj
    facts = verify_assets([name])
    if not facts.ok and not output.as_json:
        raise DiptychError(str(facts.assets[0].reason))
    output.emit(facts, lambda: str(facts.assets[0].path))
    context.exit(0 if facts.ok else 1)


def _print(output: Output, facts: AssetsFacts) -> None:
    rows = []
    for asset in facts.assets:
        state = "here" if asset.present else "WRONG" if asset.path is not None else "absent"
        digest = "at first fetch" if asset.sha256 is None else f"{asset.sha256[:12]}…"
        rows.append([asset.name, state, _size(asset.bytes), digest, asset.licence.partition(" (")[0].partition(";")[0]])
    output.table(("name", "state", "size", "SHA-256", "licence"), rows)
    for asset in facts.assets:
        if asset.reason is not None:
            told = textwrap.wrap(asset.reason, WIDTH, initial_indent="- ", subsequent_indent="  ", **UNBROKEN)
            output.stream.write("\n".join(told) + "\n")


def _size(count: int | None) -> str | None:
    if count is None:
        return None
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"
