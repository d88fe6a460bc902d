"""The grid of slots that a video's tokens fill."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError


@dataclass(frozen=True)
class Grid:
    """Frames of ``rows × columns`` image tokens, each followed by its action tokens.

    Slots are numbered in raster order: frame ``t`` (prompt frames first) fills slots ``t·stride .. t·stride +
    rows·columns − 1``, then its ``actions`` action tokens. The action of frame ``t`` leads to frame ``t + 1``.

    Attributes:
        frames: Generated frames, ≥ 1 (the prompt excluded).
        rows: Token rows of a frame, ≥ 1.
        columns: Token columns of a frame, ≥ 1.
        actions: Action tokens per frame, ≥ 0.
        prompt_frames: Frames given, ≥ 0; with 0 there must be a start slot (``start_tokens`` ≥ 1).
        start_tokens: Given tokens before the first frame (a start symbol or a caption), ≥ 0.
    """

    frames: int
    rows: int
    columns: int
    actions: int = 0
    prompt_frames: int = 1
    start_tokens: int = 0

    def __post_init__(self) -> None:
        """Refuse impossible grids."""
        for name, least in (
            ("frames", 1),
            ("rows", 1),
            ("columns", 1),
            ("actions", 0),
            ("prompt_frames", 0),
            ("start_tokens", 0),
        ):
            value = getattr(self, name)
            if value < least:
                raise UsageError(f"{name} must be at least {least}, not {value}.")
        if self.prompt_frames == 0 and self.start_tokens == 0:
            raise UsageError(
                "prompt_frames must be at least 1, not 0, where there are no start tokens: something must be fed first."
            )

    @property
    def frame_tokens(self) -> int:
        """Image tokens per frame."""
        return self.rows * self.columns

    @property
    def stride(self) -> int:
        """Slots per frame, actions included."""
        return self.frame_tokens + self.actions

    @property
    def prompt_slots(self) -> int:
        """Slots given before the first generated token."""
        return self.start_tokens + self.prompt_frames * self.stride

    @property
    def slots(self) -> int:
        """All slots, the last frame's actions excluded: nothing follows them."""
        return self.prompt_slots + self.frames * self.stride - self.actions

    @property
    def tokens(self) -> int:
        """Generated tokens."""
        return self.frames * self.frame_tokens

    def slot(self, frame: int, row: int, column: int) -> int:
        """Slot of image token (generated ``frame`` from 0, ``row``, ``column``); negative frames are prompt frames."""
        return self.prompt_slots + frame * self.stride + row * self.columns + column

    def token_slots(self) -> NDArray[np.int64]:
        """Slots of the generated image tokens in raster order, ``[tokens]``."""
        frame, inside = np.divmod(np.arange(self.tokens, dtype=np.int64), self.frame_tokens)
        return self.prompt_slots + frame * self.stride + inside

    def action_slots(self, frame: int) -> range:
        """Slots of the actions of generated ``frame``; −1 is the last prompt frame."""
        first = self.prompt_slots + frame * self.stride + self.frame_tokens
        return range(first, first + self.actions)

    def positions(self, axes: int) -> NDArray[np.int64]:
        """Position ids of every slot.

        Args:
            axes: 1 for the slot index, 3 for (frame, row, column); an action token sits at (frame, rows, its index),
                a start token at (0, 0, its index) with image frames counted from 1 where there are start tokens.

        Returns:
            ``[slots, axes]``.
        """
        index = np.arange(self.slots, dtype=np.int64)
        if axes == 1:
            return index[:, None]
        if axes != 3:
            raise ValueError(f"positions have 1 or 3 axes, not {axes}")
        start = index < self.start_tokens
        frame, inside = np.divmod(index - self.start_tokens, self.stride)
        action = inside >= self.frame_tokens
        row = np.where(action, self.rows, inside // self.columns)
        column = np.where(action, inside - self.frame_tokens, inside % self.columns)
        frame = frame + (1 if self.start_tokens else 0)
        return np.stack([np.where(start, 0, frame), np.where(start, 0, row), np.where(start, index, column)], axis=1)
