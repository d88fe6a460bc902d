"""Faults of a clip, each at integer strengths from 1; pure functions of frames, strength and a generator.

Frames are uint8 ``[T, H, W, 3]`` and stay so. Spatial faults (noise, blur, rescale) spoil every frame and leave time
alone; temporal ones (freeze, shuffle, swap, reverse) keep every pixel of every frame, or of one, and spoil the order;
jitter does both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]
BLOCK_PIXELS = 8

NOISE_SIGMA = (4.0, 12.0, 36.0)
BLUR_SIGMA_PIXELS = (0.5, 1.0, 2.0)
RESCALE_FACTOR = (2, 3, 6)
FROZEN_SHARE = (0.25, 0.5, 1.0)
SHUFFLE_WINDOW_FRAMES = (2, 4, 0)  # 0: the whole clip
SWAPPED_PAIRS = (1, 2, 3)
DULL_SHARE = (0.25, 0.5, 0.75)
FLICKER_LEVELS = (3.0, 8.0, 20.0)
HELD_FRAMES = (2, 3, 4)
CUT_SHARE = (0.3, 0.6, 1.0)
LUMA = (0.299, 0.587, 0.114)
JITTER_PIXELS = (1, 2, 4)


def noise(frames: Frames, strength: int, rng: np.random.Generator) -> Frames:
    """Add Gaussian noise, the same field scaled by the strength's sigma (in grey levels)."""
    return to_frames(frames + NOISE_SIGMA[strength - 1] * rng.standard_normal(frames.shape))


def blur(frames: Frames, strength: int, rng: np.random.Generator) -> Frames:
    """Blur each frame with a Gaussian of the strength's sigma (in pixels)."""
    from scipy.ndimage import gaussian_filter

    sigma = BLUR_SIGMA_PIXELS[strength - 1]
    return to_frames(gaussian_filter(frames.astype(np.float64), sigma=(0, sigma, sigma, 0), mode="nearest"))


def rescale(frames: Frames, strength: int, rng: np.random.Generator) -> Frames:
    """Shrink each frame by the strength's factor (area) and enlarge it again (bilinear)."""
    from PIL import Image

    height, width = frames.shape[1:3]
    factor = RESCALE_FACTOR[strength - 1]
    small = (max(1, width // factor), max(1, height // factor))
    done = [
        Image.fromarray(frame).resize(small, Image.Resampling.BOX).resize((width, height), Image.Resampling.BILINEAR)
        for frame in frames
    ]
    return np.stack([np.asarray(image) for image in done])


def freeze(frames: Frames, strength: int, rng: np.random.Generator) -> Frames:
    """Repeat one frame over the strength's last share of the clip; at the last strength the first one stands still."""
    first = round((len(frames) - 1) * (1 - FROZEN_SHARE[strength - 1]))
    return frames[np.minimum(np.arange(len(frames)), first)]


def shuffle(frames: Frames, strength: int, rng: np.random.Generator) -> Frames:
    """Shuffle time inside windows of the strength's length; no frame stays but one that is left over at the end."""
    count = len(frames)
    window = SHUFFLE_WINDOW_FRAMES[strength - 1] or count
    order = np.arange(count)
    for start in range(0, count, window):
        part = order[start : start + window]
        if len(part) > 1:
            mixed = rng.permutation(part)
            while (mixed == part).any():
                mixed = rng.permutation(part)
            order[start : start + window] = mixed
    return frames[order]


def swap(frames: Frames, strength: int, rng: np.random.Generator) -> Frames:
    """Swap the strength's number of pairs of frames half a clip apart."""
    count = len(frames)
    order = np.arange(count)
    half = count // 2
    places = rng.permutation(half)[: SWAPPED_PAIRS[strength - 1]]
    order[places], order[places + half] = order[places + half], order[places].copy()
    return frames[order]


def reverse(frames: Frames, strength: int, rng: np.random.Generator) -> Frames:
    """Play the clip backwards: the control, natural to look at and wrong in every frame but the middle one."""
    return frames[::-1]


def dull(frames: Frames, strength: int, rng: np.random.Generator) -> Frames:
    """Take the strength's share of contrast and colour away: every pixel moves towards its frame's mean grey."""
    grey = (frames @ np.array(LUMA)).mean((1, 2))[:, None, None, None]
    share = DULL_SHARE[strength - 1]
    return to_frames(frames * (1 - share) + grey * share)


def flicker(frames: Frames, strength: int, rng: np.random.Generator) -> Frames:
    """Make each frame darker or brighter as a whole, by up to the strength's grey levels, in turn."""
    levels = FLICKER_LEVELS[strength - 1] * rng.uniform(0.5, 1, len(frames)) * (-1.0) ** np.arange(len(frames))
    return to_frames(frames.astype(np.float64) + levels[:, None, None, None])


def stutter(frames: Frames, strength: int, rng: np.random.Generator) -> Frames:
    """Show every frame that is the strength's number after the last shown one, and hold it until the next."""
    held = HELD_FRAMES[strength - 1]
    return frames[np.arange(len(frames)) // held * held]


def cut(frames: Frames, strength: int, rng: np.random.Generator) -> Frames:
    """From the middle on show another picture: upside down, colours exchanged; mixed in by the strength's share."""
    share = CUT_SHARE[strength - 1]
    half = len(frames) // 2
    other = frames[half:, ::-1, :, ::-1]
    mixed = (1 - share) * frames[half:].astype(np.float64) + share * other
    return np.concatenate([frames[:half], to_frames(mixed)])


def jitter(frames: Frames, strength: int, rng: np.random.Generator) -> Frames:
    """Shift every block of every frame by up to the strength's pixels in each direction, anew in each frame."""
    reach = JITTER_PIXELS[strength - 1]
    count, height, width, _ = frames.shape
    rows, columns = -(-height // BLOCK_PIXELS), -(-width // BLOCK_PIXELS)
    # one uniform field for all strengths, so that a stronger jitter is the same one, larger
    field = rng.uniform(-1, 1, size=(2, count, rows, columns))
    moved = np.rint(field * reach).astype(np.int64)
    moved = moved.repeat(BLOCK_PIXELS, axis=2).repeat(BLOCK_PIXELS, axis=3)[:, :, :height, :width]
    y = np.clip(np.arange(height)[None, :, None] + moved[0], 0, height - 1)
    x = np.clip(np.arange(width)[None, None, :] + moved[1], 0, width - 1)
    moved_frames: Frames = frames[np.arange(count)[:, None, None], y, x]
    return moved_frames


def to_frames(values: NDArray[np.float64]) -> Frames:
    """Round to the nearest of 0 … 255."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    Attributes:
        apply: From frames, strength (from 1) and a generator to frames.
        strengths: How many strengths it has.
        kind: What it spoils.
        summary: One line.
    """

    apply: Callable[[Frames, int, np.random.Generator], Frames]
    strengths: int
    kind: Literal["spatial", "temporal", "both"]
    summary: str


FAULTS: dict[str, Fault] = {
    "noise": Fault(noise, len(NOISE_SIGMA), "spatial", "Gaussian noise"),
    "blur": Fault(blur, len(BLUR_SIGMA_PIXELS), "spatial", "Gaussian blur"),
    "rescale": Fault(rescale, len(RESCALE_FACTOR), "spatial", "down- and up-scaling"),
    "freeze": Fault(freeze, len(FROZEN_SHARE), "temporal", "frozen frame"),
    "shuffle": Fault(shuffle, len(SHUFFLE_WINDOW_FRAMES), "temporal", "shuffled time"),
    "swap": Fault(swap, len(SWAPPED_PAIRS), "temporal", "swapped frames"),
    "reverse": Fault(reverse, 1, "temporal", "reversed time"),
    "jitter": Fault(jitter, len(JITTER_PIXELS), "both", "block jitter"),
    "dull": Fault(dull, len(DULL_SHARE), "spatial", "lost contrast and colour"),
    "flicker": Fault(flicker, len(FLICKER_LEVELS), "both", "flickering brightness"),
    "stutter": Fault(stutter, len(HELD_FRAMES), "temporal", "held frames"),
    "cut": Fault(cut, len(CUT_SHARE), "both", "a cut to another picture"),
}
