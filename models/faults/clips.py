"""The clips that are spoiled: of worlds, and of real videos in a mirror folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from models.faults.declared import CaseParams
from models.worlds.caption_text import GRAMMARS, caption_of


@dataclass(frozen=True)
class Source:
    """A real clip, cut.

    Attributes:
        prompt: Its first frame, uint8 ``[1, H, W, 3]``.
        frames: The frames after it, uint8 ``[T, H, W, 3]``.
        actions: What led to each of them, int64 ``[T]``; None for files.
        caption: What is true of them, in words, or None.
    """

    prompt: NDArray[np.uint8]
    frames: NDArray[np.uint8]
    actions: NDArray[np.int64] | None
    caption: str | None = None


def world_clips(world: Any, asked: CaseParams, processes: int) -> list[Source]:
    """Cut the first ``of`` clips of a world's split.

    Raises:
        UsageError: The world's clips are too short.
    """
    count = max(asked.index + 1, asked.of or 0)
    if asked.frames + 1 > world.spec.clip_frames:
        raise UsageError(f"{asked.frames} frames and a prompt do not fit in clips of {world.spec.clip_frames} frames.")
    name = world.spec.name
    return [
        Source(
            clip.frames[:1],
            clip.frames[1 : asked.frames + 1],
            clip.actions[: asked.frames],
            caption_of(name, clip, 1, asked.frames) if name in GRAMMARS else None,
        )
        for clip in world.clips(asked.split, count, processes=processes)
    ]


def real_clip(asked: CaseParams) -> Source:
    """Cut a window of a real video: resampled in time, scaled so that it fills the frame, and cropped to its middle.

    Raises:
        AbsentError: No mirror folder has the file; says how to name one.
        DiptychError: The file cannot be read, or is too short.
    """
    from harness.assets.locate import mirror_folder
    from harness.videos.read import Reading, read_video

    path = mirror_folder("videos") / str(asked.file)
    reading = Reading(
        start=asked.start, frames=asked.frames + 1, fps=asked.fps, height=asked.height, width=asked.width, crop=True
    )
    frames = read_video(path, reading).frames
    return Source(frames[:1], frames[1:], None, asked.caption)
