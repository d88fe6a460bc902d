"""Clips to feature rows, a batch at a time, without ever holding more than a batch of clips."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from harness.errors import DiptychError, UsageError
from harness.protocols import Extractor

BATCH = 8
"""Clips that an extractor is given at a time."""


def extract_rows(
    extractor: Extractor, clips: Iterable[NDArray[np.uint8]], *, batch: int = BATCH
) -> Iterator[NDArray[np.float64]]:
    """Yield one feature row per clip, in order; at most ``batch`` clips are held at a time.

    Clips of one shape that follow each other go through the extractor's ``rows`` together where it has that method
    (:class:`harness.protocols.BatchedExtractor`), otherwise one by one. Batches change a row by rounding alone.

    Args:
        extractor: The feature space.
        clips: Each uint8 ``[frames, height, width, 3]``; they may differ in shape.
        batch: Most clips at a time.

    Yields:
        Float64 ``[dimensions]``, the same for all clips.

    Raises:
        UsageError: ``batch`` is not positive.
        DiptychError: A clip is no video, or a row holds NaN or infinity, or is as long as no other; says which clip.

    >>> class MeanColour:
    ...     def __call__(self, video):
    ...         return video.mean((0, 1, 2))
    >>> clips = (np.full((4, 8, 8, 3), grey, np.uint8) for grey in (0, 255))
    >>> [row.tolist() for row in extract_rows(MeanColour(), clips)]
    [[0.0, 0.0, 0.0], [255.0, 255.0, 255.0]]
    """
    if batch < 1:
        raise UsageError(f"a batch holds at least one clip, not {batch}.")
    width: int | None = None
    for number, row in enumerate(_rows(extractor, clips, batch)):
        if width is None:
            width = row.shape[0]
        if row.shape != (width,):
            raise DiptychError(f"clip {number}: its features have shape {list(row.shape)}, those before it [{width}]")
        if not np.isfinite(row).all():
            raise DiptychError(f"clip {number}: its features hold NaN or infinity")
        yield row


def check_clip(clip: NDArray[np.uint8], number: int) -> None:
    """Refuse what is no video.

    Raises:
        DiptychError: Not uint8 ``[frames >= 1, height, width, 3]``; says which clip of a sequence.
    """
    shape: tuple[int, ...] = getattr(clip, "shape", ())
    if getattr(clip, "dtype", None) != np.uint8 or len(shape) != 4 or shape[-1] != 3 or 0 in shape:
        what = f"{getattr(clip, 'dtype', type(clip).__name__)} {list(shape)}"
        raise DiptychError(f"clip {number} is {what}; expected uint8 [frames, height, width, 3] of 0 to 255")


def _rows(extractor: Extractor, clips: Iterable[NDArray[np.uint8]], batch: int) -> Iterator[NDArray[np.float64]]:
    together = getattr(extractor, "rows", None)
    held: list[NDArray[np.uint8]] = []
    for number, clip in enumerate(clips):
        check_clip(clip, number)
        if together is None:
            yield extractor(clip)
            continue
        if held and (len(held) == batch or held[0].shape != clip.shape):
            yield from together(held)
            held = []
        held.append(clip)
    if held and together is not None:
        yield from together(held)
