"""A state reader: every tile of a frame to the material or creature that the simulator has there.

Crafter draws a tile from what stands on it and from the daylight, so a small network that sees one tile at a time is
enough; seeing no neighbours it cannot guess from what usually stands beside what, and judges each tile by its looks.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from harness.errors import UsageError
from models.state.shapes import StateReaderShape
from models.tokenizers.fsq import draw_weights

BATCH = 64


class StateReader(nn.Module):
    """Frames to the logits of every tile's id.

    Args:
        shape: Hyper-parameters.
    """

    def __init__(self, shape: StateReaderShape) -> None:
        super().__init__()
        self.shape = shape
        self.first = nn.Linear(3 * shape.tile_pixels**2, shape.width)
        self.second = nn.Linear(shape.width, shape.width)
        self.out = nn.Linear(shape.width, shape.states)

    def reset(self, generator: torch.Generator) -> StateReader:
        """Draw fresh weights; see :func:`models.tokenizers.fsq.draw_weights`."""
        draw_weights(self, generator)
        return self

    def to_float(self, frames: Tensor | NDArray[np.uint8]) -> Tensor:
        """Frames uint8 ``[N, H, W, 3]`` → float ``[N, 3, H, W]`` in [-1, 1], on the network's device.

        Raises:
            UsageError: Another type or shape, or sides that are not whole tiles.
        """
        if not isinstance(frames, Tensor):
            frames = torch.from_numpy(np.ascontiguousarray(frames))
        tile = self.shape.tile_pixels
        fits = frames.dim() == 4 and frames.shape[-1] == 3 and min(frames.shape[1:3]) >= tile
        if not fits or frames.dtype != torch.uint8 or frames.shape[1] % tile or frames.shape[2] % tile:
            raise UsageError(
                f"a state reader takes frames uint8 [N, height, width, 3] with sides divisible by {tile}, "
                f"not {frames.dtype} {list(frames.shape)}."
            )
        return frames.to(self.first.weight.device).permute(0, 3, 1, 2).float() / 127.5 - 1.0

    def forward(self, frames: Tensor) -> Tensor:
        """Logits of every tile's id: float ``[N, 3, H, W]`` → ``[N, rows, columns, states]``."""
        tiles = F.pixel_unshuffle(frames, self.shape.tile_pixels).permute(0, 2, 3, 1)
        logits: Tensor = self.out(F.gelu(self.second(F.gelu(self.first(tiles)))))
        return logits

    @torch.no_grad()
    def read(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The likeliest id of every tile: uint8 ``[N, H, W, 3]`` → uint8 ``[N, rows, columns]``."""
        parts = [frames[start : start + BATCH] for start in range(0, len(frames), BATCH)]
        found = [self(self.to_float(part)).argmax(-1).to(torch.uint8).cpu().numpy() for part in parts]
        return np.concatenate(found)
