"""How a video is to be read, and what reading it found: data only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.errors import DiptychError
from harness.types import Data

MOST_BYTES = 4 << 30
"""Most that the frames of one video may take in memory."""


class VideoError(DiptychError):
    """A video that cannot be read as asked; the message says why, in one line, without its path."""


class Reading(Data):
    """How videos are read: the same for all that are compared.

    Attributes:
        frames: How many, or None for all.
        start: Frames to skip first, counted after resampling.
        fps: Frames per second to resample to, by the nearest frame in time; None keeps every stored frame.
        height: Height in pixels, or None for the stored one.
        width: Width in pixels, or None.
        crop: True scales a picture to cover height × width and cuts its middle; False stretches it.
    """

    frames: int | None = Field(default=None, ge=1)
    start: int = Field(default=0, ge=0)
    fps: float | None = Field(default=None, gt=0, le=1000, allow_inf_nan=False)
    height: int | None = Field(default=None, ge=1)
    width: int | None = Field(default=None, ge=1)
    crop: bool = False

    def __str__(self) -> str:
        count = "all frames" if self.frames is None else f"{self.frames} frames"
        rate = "stored rate" if self.fps is None else f"{self.fps:g} fps (nearest frame)"
        size = "stored size" if self.height is None else f"{self.height}x{self.width} (bicubic, antialiased)"
        cut = ", cut to the middle" if self.crop and self.height is not None else ""
        return f"{count} from {self.start}, {rate}, {size}{cut}, 8-bit RGB"


class VideoFacts(Data):
    """What a file held and what was done to it.

    Attributes:
        container: FFmpeg's name of the file's format, such as ``"matroska,webm"``; ``"array"`` for arrays.
        codec: Such as ``"h264"``; ``"tensor"`` for arrays.
        lossless: False for codecs that change pixels; None where it is not known.
        pixel_format: As stored, such as ``"yuv420p10le"``.
        bits: Bits per channel as stored.
        colour: How YUV became RGB, such as ``"bt709 (assumed), limited range"``; ``"rgb"`` where nothing was converted.
        rotation_degrees: Counter-clockwise turn that its metadata ask for; it was made.
        stored_height: Pixels, before that.
        stored_width: Pixels.
        stored_fps: Average rate by the container, or None.
        variable_rate: True if the decoded frames are unevenly spaced in time.
        stored_frames: Frames that were decoded (up to the last one needed).
        stored_seconds: How long those last, or None for arrays.
        frames: Frames returned.
        height: Of those.
        width: Of those.
        remarks: What a reader should know: variable rate, 10 bits, odd size, rotation.
    """

    container: str
    codec: str
    lossless: bool | None
    pixel_format: str
    bits: int
    colour: str
    rotation_degrees: int = 0
    stored_height: int
    stored_width: int
    stored_fps: float | None
    variable_rate: bool = False
    stored_frames: int
    stored_seconds: float | None
    frames: int
    height: int
    width: int
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReadVideo:
    """Frames and facts.

    Attributes:
        frames: uint8 ``[T, H, W, 3]``, RGB.
        facts: Where they come from.
    """

    frames: NDArray[np.uint8]
    facts: VideoFacts
