"""Pictures of one size: scaled bicubically with antialiasing, stretched or cut to the middle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.videos.reading import Reading


def scaled(picture: NDArray[np.uint8], reading: Reading) -> NDArray[np.uint8]:
    """Return one picture ``[H, W, 3]`` at the size that is asked for."""
    height, width = picture.shape[:2]
    target = (reading.height or height, reading.width or width)
    if target == (height, width):
        return picture
    from PIL import Image

    box = None
    if reading.crop:
        zoom = min(height / target[0], width / target[1])  # stored pixels per wanted one
        across, down = target[1] * zoom, target[0] * zoom
        left, top = (width - across) / 2, (height - down) / 2
        box = (left, top, left + across, top + down)
    image = Image.fromarray(picture).resize((target[1], target[0]), Image.Resampling.BICUBIC, box=box)
    return np.asarray(image, np.uint8)
