"""``diptych assets list | fetch | verify | path``."""

from __future__ import annotations

import click

from harness.cli.assets import AssetsFacts, fetch_assets, list_assets, verify_assets
from harness.cli.options import common
from harness.cli.output import Output
from harness.cli.progress import transferring
from harness.errors import DiptychError

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
    with transferring() as tell:
        facts = fetch_assets(names, everything=everything, tell=tell)
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
    facts = list_assets([name])
    if not facts.assets[0].present and not output.as_json:
        raise DiptychError(str(facts.assets[0].reason))
    output.emit(facts, lambda: str(facts.assets[0].path))
    context.exit(0 if facts.assets[0].present else 1)


def _print(output: Output, facts: AssetsFacts) -> None:
    rows = []
    for asset in facts.assets:
        size = None if asset.bytes is None else f"{asset.bytes / 1e6:.1f} MB"
        state = "here" if asset.present else "WRONG" if asset.path is not None else "absent"
        digest = "pinned at first fetch" if asset.sha256 is None else f"{asset.sha256[:12]}…"
        rows.append([asset.name, state, size, digest, asset.licence.partition(" (")[0].partition(";")[0]])
    output.table(("name", "state", "size", "SHA-256", "licence"), rows)
    for asset in facts.assets:
        if asset.reason is not None:
            output.stream.write(f"{asset.name}: {asset.reason}\n")
