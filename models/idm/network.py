"""An inverse-dynamics network on tiles: a frame and the next one in, the action between them out.

VPT's (arXiv 2206.11795) idea in small: telling what *was* done is far easier than deciding what to do, because the
answer is seen. The network looks for what actions leave behind:

* a tile's embedding is compared with those around it in the other frame, so that a map which scrolls by one tile lights
  up one shift everywhere;
* both embeddings and their difference go on through a few blocks over neighbouring tiles, so that a sprite that turned,
  a material that is gone or a number in the inventory can be read;
* mean and maximum over all tiles make it free of the frame's size: one file serves every size of one world.

What leaves no trace cannot be told: a step against a wall that is already faced, or a blow that does not kill, looks
like doing nothing. The ceiling on real video is therefore below 1, and stands beside every score.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from harness.errors import UsageError
from models.idm.shapes import IDMShape
from models.tokenizers.fsq import Block, draw_weights


class InverseDynamics(nn.Module):
    """Frames to the logits of the actions between them.

    Args:
        shape: Hyper-parameters.
    """

    feature_mean: Tensor
    feature_projection: Tensor

    def __init__(self, shape: IDMShape) -> None:
        super().__init__()
        if shape.tile_width % shape.heads:
            raise UsageError(f"tile_width ({shape.tile_width}) must be a multiple of heads ({shape.heads}).")
        self.shape = shape
        shifts = (2 * shape.reach + 1) ** 2
        self.embed_in = nn.Linear(3 * shape.tile_pixels**2, shape.tile_width)
        inside = (Block(shape.tile_width, 1, shape.expansion) for _ in range(shape.tile_blocks))
        self.tile_layers = nn.Sequential(*inside)
        self.tile_norm = nn.LayerNorm(shape.tile_width)
        self.join = nn.Linear(3 * shape.tile_width + shifts * shape.heads, shape.width)
        self.layers = nn.Sequential(*(Block(shape.width, 3, shape.expansion) for _ in range(shape.blocks)))
        self.norm = nn.LayerNorm(shape.width)
        self.hidden = nn.Linear(shape.pooled_width, shape.hidden)
        self.out = nn.Linear(shape.hidden, len(shape.actions))
        # set once, after training: principal directions of the pooled states of training frames, whitened
        self.register_buffer("feature_mean", torch.zeros(shape.pooled_width))
        self.register_buffer("feature_projection", torch.zeros(shape.feature_width, shape.pooled_width))

    def reset(self, generator: torch.Generator) -> InverseDynamics:
        """Draw fresh weights; see :func:`draw_weights`."""
        draw_weights(self, generator)
        return self

    def to_float(self, frames: Tensor | NDArray[np.uint8]) -> Tensor:
        """Clips uint8 ``[N, T ≥ 2, H, W, 3]`` → float ``[N, T, 3, H, W]`` in [-1, 1], on the network's device.

        Raises:
            UsageError: Another type or shape, fewer than two frames, or sides that are not whole tiles.
        """
        if not isinstance(frames, Tensor):
            frames = torch.from_numpy(np.ascontiguousarray(frames))
        tile = self.shape.tile_pixels
        fits = frames.dim() == 5 and frames.shape[-1] == 3 and frames.shape[1] >= 2 and min(frames.shape[2:4]) >= tile
        if not fits or frames.dtype != torch.uint8 or frames.shape[2] % tile or frames.shape[3] % tile:
            raise UsageError(
                f"inverse dynamics reads clips uint8 [N, frames, height, width, 3] of at least 2 frames with sides "
                f"divisible by {tile}, not {frames.dtype} {list(frames.shape)}."
            )
        weight = self.embed_in.weight
        return frames.to(weight.device).permute(0, 1, 4, 2, 3).to(weight.dtype) / 127.5 - 1.0

    def tiles(self, frames: Tensor) -> Tensor:
        """Embeddings of tiles: float ``[N, 3, H, W]`` → ``[N, rows, columns, tile_width]``."""
        pixels = F.pixel_unshuffle(frames, self.shape.tile_pixels).permute(0, 2, 3, 1)
        embedded: Tensor = self.tile_norm(self.tile_layers(self.embed_in(pixels)))
        return embedded

    def compare(self, before: Tensor, after: Tensor) -> Tensor:
        """Similarity of each tile after to the tiles around its place before, ``[N, rows, columns, shifts · heads]``.

        Places outside the frame count as unlike anything (0).
        """
        rows, columns, reach = before.shape[1], before.shape[2], self.shape.reach
        heads = (*before.shape[:3], self.shape.heads, -1)
        ours = F.normalize(after.reshape(heads), dim=-1)
        theirs = F.pad(F.normalize(before.reshape(heads), dim=-1), (0, 0, 0, 0, reach, reach, reach, reach))
        span = range(2 * reach + 1)
        found = [(ours * theirs[:, y : y + rows, x : x + columns]).sum(-1) for y in span for x in span]
        return torch.cat(found, -1)

    def pooled(self, frames: Tensor) -> Tensor:
        """Pooled states of neighbouring frames: float ``[N, T, 3, H, W]`` → ``[N, T - 1, pooled_width]``."""
        count, length = frames.shape[:2]
        embedded = self.tiles(frames.flatten(0, 1)).unflatten(0, (count, length))
        before, after = embedded[:, :-1].flatten(0, 1), embedded[:, 1:].flatten(0, 1)
        joined = torch.cat((before, after, after - before, self.compare(before, after)), -1)
        states = self.norm(self.layers(self.join(joined)))
        pooled = torch.cat((states.mean((1, 2)), states.amax((1, 2))), -1)
        out: Tensor = pooled.unflatten(0, (count, length - 1))
        return out

    def head(self, pooled: Tensor) -> Tensor:
        """Logits of the actions, ``[..., pooled_width]`` → ``[..., actions]``."""
        logits: Tensor = self.out(F.gelu(self.hidden(pooled)))
        return logits

    def forward(self, frames: Tensor) -> Tensor:
        """Logits of the actions between frames: float ``[N, T, 3, H, W]`` → ``[N, T - 1, actions]``."""
        return self.head(self.pooled(frames))

    @torch.no_grad()
    def classify(self, clips: Tensor | NDArray[np.uint8]) -> NDArray[np.int64]:
        """The likeliest action between neighbouring frames: uint8 ``[N, T ≥ 2, H, W, 3]`` → ids ``[N, T - 1]``."""
        ids: NDArray[np.int64] = self(self.to_float(clips)).argmax(-1).cpu().numpy()
        return ids

    @torch.no_grad()
    def clip_features(self, clip: NDArray[np.uint8]) -> Tensor:
        """One row of a clip uint8 ``[T ≥ 2, H, W, 3]``: float64 ``[2 · feature_width]``.

        Mean over pairs of frames of the whitened principal components of the pooled states (what is there and what is
        done), and their standard deviation over the pairs (how much that changes; 0 for two frames).
        """
        states = self.pooled(self.to_float(clip[None]))[0].double()
        components = (states - self.feature_mean.double()) @ self.feature_projection.double().T
        return torch.cat((components.mean(0), components.std(0, correction=0)))
