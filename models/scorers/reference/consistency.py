"""Whether subject and background stay what they are, as VBench asks: DINO's and CLIP's rows of whole frames.

Huang et al., VBench (arXiv 2311.17982), ``subject_consistency.py`` and ``background_consistency.py`` at 45e79ec: per
frame from the second on, the mean of the cosines to the frame before and to the first one, each negative one as 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.scorers.consistency import against_before_and_first
from models.scorers.pixels import check_clip
from models.scorers.reference.clip import ClipRows, clip_rows
from models.scorers.reference.dino import DinoRows, dino_vitb16


class RowConsistency:
    """A :class:`harness.protocols.Scorer`: how alike each frame is to the one before and to the first.

    Args:
        what: For messages, such as ``"subject consistency"``.
        rows: Of a network.
    """

    least_side = 16
    first = 1
    every = 1

    def __init__(self, what: str, rows: DinoRows | ClipRows) -> None:
        self._what = what
        self._rows = rows

    def __call__(self, video: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Map uint8 ``[T >= 2, H, W, 3]`` to float64 ``[T - 1]`` in [0, 1], higher is better."""
        check_clip(video, self._what, least_frames=2, least_side=self.least_side)
        return against_before_and_first(self._rows(video).astype(np.float64))

    def context(self) -> dict[str, Any]:
        """The weights behind the values."""
        return self._rows.context()


def subject(device: str) -> RowConsistency:
    """The scorer ``subject-dino-vitb16``."""
    return RowConsistency("subject consistency", dino_vitb16(device))


def background(device: str) -> RowConsistency:
    """The scorer ``background-clip-vitb32``."""
    return RowConsistency("background consistency", clip_rows("clip-vitb32", device))
