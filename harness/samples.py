"""Which trials keep their videos, and keeping them."""

from __future__ import annotations

from pathlib import Path

from harness.store.names import SAMPLES
from harness.store.records import BlockKey, Plan, Sample
from harness.store.video import save_video
from harness.types import Made

DEFAULT_KEPT_BLOCKS = 4


def kept_blocks(plan: Plan, blocks_per_group: int) -> frozenset[BlockKey]:
    """Return the first blocks of each group, one repetition of a case before the second of any.

    Whole blocks are kept, so that a viewer can put every arm beside the baseline.

    Args:
        plan: The plan.
        blocks_per_group: How many; 0 keeps nothing.
    """
    groups: dict[str, list[BlockKey]] = {}
    for block in sorted(plan.blocks, key=lambda block: block.repetition):  # stable: cases stay in the plan's order
        groups.setdefault(block.group, []).append(block)
    return frozenset(block for blocks in groups.values() for block in blocks[: max(0, blocks_per_group)])


def save_sample(folder: Path, made: Made) -> Sample:
    """Save what was made, its reference and its prompt in a run's folder; equal videos are stored once."""

    def keep(frames: object) -> str | None:
        return None if frames is None or len(frames) == 0 else save_video(folder / SAMPLES, frames)  # type: ignore[arg-type]

    return Sample(generated=keep(made.video), reference=keep(made.reference), prompt=keep(made.prompt))
