"""A contrastive video-text network: clips and captions to unit vectors whose product says how well they fit.

CLIP's (Radford et al., arXiv 2103.00020) idea in small, on a world's own captions: the loss is a symmetric InfoNCE over
a batch, with a learned temperature. Two architectures share nothing but the loss, so that one can judge what the other
chose: ``tiles`` with ``attention``, and ``volume`` with ``recurrent``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from harness.errors import UsageError
from models.tokenizers.fsq import draw_weights
from models.video_text.shapes import VideoTextShape
from models.video_text.text import AttentionText, RecurrentText
from models.video_text.video import TileVideo, VolumeVideo
from models.video_text.words import word_ids

VIDEO = {"tiles": TileVideo, "volume": VolumeVideo}
TEXT = {"attention": AttentionText, "recurrent": RecurrentText}
FIRST_LOG_SCALE, MAX_LOG_SCALE = float(np.log(1 / 0.07)), float(np.log(100.0))
"""CLIP's first temperature, and the scale that it clips at."""


class VideoText(nn.Module):
    """Clips and captions to unit vectors.

    Args:
        shape: Hyper-parameters.

    Raises:
        UsageError: Widths that are no multiple of ``heads``.
    """

    def __init__(self, shape: VideoTextShape) -> None:
        super().__init__()
        for name in ("tile_width", "time_width", "text_width"):
            if getattr(shape, name) % shape.heads:
                raise UsageError(f"{name} ({getattr(shape, name)}) must be a multiple of heads ({shape.heads}).")
        self.shape = shape
        self.video: nn.Module = VIDEO[shape.video](shape)
        self.text: nn.Module = TEXT[shape.text](shape)
        self.log_scale = nn.Parameter(torch.full((1,), FIRST_LOG_SCALE))

    def reset(self, generator: torch.Generator) -> VideoText:
        """Draw fresh weights; see :func:`models.tokenizers.fsq.draw_weights`."""
        draw_weights(self, generator)
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if ".bias" in name:  # a recurrent unit has several
                    parameter.zero_()
            self.log_scale.fill_(FIRST_LOG_SCALE)
        return self

    def to_float(self, clips: Tensor | NDArray[np.uint8]) -> Tensor:
        """Clips uint8 ``[N, T ≥ 1, H, W, 3]`` to float ``[N, T, 3, H, W]`` in [-1, 1], on the network's device.

        Raises:
            UsageError: Another type or shape, no frame, or sides that are too small or not whole tiles.
        """
        if not isinstance(clips, Tensor):
            clips = torch.from_numpy(np.ascontiguousarray(clips))
        tile, least = self.shape.tile_pixels, self.shape.least_side
        fits = clips.dim() == 5 and clips.shape[-1] == 3 and clips.shape[1] >= 1 and min(clips.shape[2:4]) >= least
        if not fits or clips.dtype != torch.uint8 or clips.shape[2] % tile or clips.shape[3] % tile:
            raise UsageError(
                f"video-text networks read clips uint8 [N, frames, height, width, 3] with sides of at least {least} "
                f"divisible by {tile}, not {clips.dtype} {list(clips.shape)}."
            )
        weight = self.log_scale
        return clips.to(weight.device).permute(0, 1, 4, 2, 3).to(weight.dtype) / 127.5 - 1.0

    def embed_videos(self, clips: Tensor) -> Tensor:
        """Float clips as :meth:`to_float` gives them to unit vectors, float32 ``[N, embedding]``."""
        return F.normalize(self.video(clips).float(), dim=-1)

    def embed_texts(self, ids: Tensor) -> Tensor:
        """Word ids int64 ``[N, max_words]`` to unit vectors, float32 ``[N, embedding]``."""
        return F.normalize(self.text(ids).float(), dim=-1)

    def ids(self, captions: Sequence[str]) -> Tensor:
        """Word ids of captions on the network's device; see :func:`models.video_text.words.word_ids`."""
        return torch.from_numpy(word_ids(self.shape, captions)).to(self.log_scale.device)


def contrastive_loss(videos: Tensor, texts: Tensor, ids: Tensor, log_scale: Tensor) -> Tensor:
    """Symmetric InfoNCE (nats), the mean over both directions.

    Args:
        videos: Unit vectors ``[N, embedding]``.
        texts: Those of their captions, ``[N, embedding]``.
        ids: Word ids ``[N, words]``; two clips with one caption are no negatives of each other.
        log_scale: Logarithm of the inverse temperature, ``[1]``.
    """
    logits = videos @ texts.T * log_scale.clamp(max=MAX_LOG_SCALE).exp()
    twins = (ids[:, None] == ids[None]).all(-1) & ~torch.eye(len(ids), dtype=torch.bool, device=ids.device)
    logits = logits.masked_fill(twins, -torch.inf)
    own = torch.arange(len(ids), device=ids.device)
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
