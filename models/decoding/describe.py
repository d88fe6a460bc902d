"""A schedule in the words and numbers of ``diptych schedule`` (no torch)."""

from __future__ import annotations

from typing import Any

from harness.errors import UsageError
from models.decoding.grid import Grid
from models.decoding.schedule import effective_delay, get_schedule
from models.decoding.tables import compile_schedule

MOST_SLOTS = 1_000_000
"""Slots of the largest grid that is listed pass by pass."""


def describe_schedule(
    name: str,
    frames: int,
    rows: int,
    columns: int,
    k: int = 1,
    actions: int = 0,
    prompt_frames: int = 1,
) -> dict[str, Any]:
    """Return counts and steps of a schedule on a grid.

    Args:
        name: Registered schedule.
        frames: Generated frames.
        rows: Token rows of a frame.
        columns: Token columns of a frame.
        k: Row delay in tokens.
        actions: Action tokens per frame.
        prompt_frames: Given frames.

    Returns:
        ``name, frames, rows, columns, k, k_effective, tokens, passes, max_width, max_inputs,
        action_lookahead_passes, steps``; ``steps[p]`` lists ``[frame, row, column]`` predicted in pass p.

    Raises:
        UsageError: Unknown schedule, or a size that is not possible.
    """
    grid = Grid(frames=frames, rows=rows, columns=columns, actions=actions, prompt_frames=prompt_frames)
    if grid.slots > MOST_SLOTS:
        raise UsageError(
            f"{grid.slots} tokens, the prompt included, are more than a schedule is listed for: at most {MOST_SLOTS}. "
            "Try fewer --frames."
        )
    tables = compile_schedule(grid, get_schedule(name), k)
    steps: list[list[list[int]]] = [[] for _ in range(tables.passes)]
    for token, pass_ in enumerate(tables.order.tolist()):
        frame, inside = divmod(token, grid.frame_tokens)
        steps[pass_].append([frame, *divmod(inside, columns)])
    return {
        "name": name,
        "frames": frames,
        "rows": rows,
        "columns": columns,
        "k": k,
        "k_effective": tables.k_effective,
        "actions": actions,
        "tokens": grid.tokens,
        "passes": tables.passes,
        "max_width": tables.max_width,
        "max_inputs": tables.max_inputs,
        "action_lookahead_passes": tables.action_lookahead_passes,
        "steps": steps,
    }


def count_passes(name: str, frames: int, rows: int, columns: int, k: int = 1) -> int:
    """Number of forward passes of a schedule on a grid, by its closed form where it declares one.

    Raises:
        UsageError: Unknown schedule, or a size that is not possible.
    """
    grid, schedule = Grid(frames=frames, rows=rows, columns=columns), get_schedule(name)
    delay = effective_delay(k, columns)
    return int(schedule.order(grid, delay).max()) + 1 if schedule.passes is None else schedule.passes(grid, delay)
