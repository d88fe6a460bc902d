"""``diptych align``: preferences from a model's own videos, and what is trained on them."""

from __future__ import annotations

import click

from harness.cli.commands.align_collect import command as collect_command
from harness.cli.commands.align_demo import command as demo_command
from harness.cli.commands.align_pairs import command as pairs_command
from harness.cli.commands.align_train import command as train_command


@click.group("align")
def command() -> None:
    """Align a text-to-video model with preferences among its own videos (VideoDPO)."""


command.add_command(collect_command)
command.add_command(demo_command)
command.add_command(pairs_command)
command.add_command(train_command)
