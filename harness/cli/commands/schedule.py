"""``diptych schedule NAME``."""

from __future__ import annotations

from typing import Any

import click

from harness.cli.options import common
from harness.cli.output import Output, align
from harness.cli.verbs import describe_schedule
from harness.stats.sentences import count

SHOWN_FRAMES = 2


@click.command("schedule")
@click.argument("name")
@click.option("--frames", type=int, required=True, help="Generated frames, the prompt excluded.")
@click.option("--rows", type=int, required=True, help="Token rows of a frame.")
@click.option("--columns", type=int, required=True, help="Token columns of a frame.")
@click.option("--k", type=int, default=1, show_default=True, help="Row delay in tokens, at least 1.")
@click.option("--actions", type=int, default=0, show_default=True, help="Action tokens per frame.")
@click.option("--prompt-frames", type=int, default=1, show_default=True, help="Frames given as prompt.")
@common
@click.pass_obj
def command(
    output: Output, name: str, frames: int, rows: int, columns: int, k: int, actions: int, prompt_frames: int
) -> None:
    """Show which tokens the schedule NAME predicts in which pass (`diptych list schedules`)."""
    facts = describe_schedule(name, frames, rows, columns, k=k, actions=actions, prompt_frames=prompt_frames)
    output.emit(facts, lambda: "\n".join(_lines(facts)))


def _lines(facts: dict[str, Any]) -> list[str]:
    lines = [
        f"{facts['name']}: {count(facts['tokens'], 'token')} ({count(facts['frames'], 'frame')} of {facts['rows']} × "
        f"{facts['columns']}) in {count(facts['passes'], 'pass', 'passes')}; k = {facts['k_effective']}",
        f"at most {count(facts['max_width'], 'token')} predicted and {count(facts['max_inputs'], 'entry', 'entries')} "
        f"fed in a pass; actions are read up to {count(facts['action_lookahead_passes'], 'pass', 'passes')} ahead",
    ]
    passes = {tuple(token): number for number, step in enumerate(facts["steps"]) for token in step}
    for frame in range(min(facts["frames"], SHOWN_FRAMES)):
        lines += ["", f"pass that predicts each token of frame {frame}:"]
        grid = [[str(passes[frame, r, c]) for c in range(facts["columns"])] for r in range(facts["rows"])]
        lines += [f"  {line}" for line in align(grid)]
    return lines
