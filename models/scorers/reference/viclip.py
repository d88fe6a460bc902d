"""How well a caption fits a clip as VBench's overall consistency measures it: the cosine of ViCLIP's embeddings.

VBench (arXiv 2311.17982), ``overall_consistency.py`` and ``utils.py`` at 45e79ec: the clip is cut into eight stretches
of which the middle frames are taken; the shorter side is scaled to 224 pixels by a cubic without antialiasing and
rounded, and the middle square is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from harness.absent import absent_packages
from harness.assets.locate import AbsentError, asset_path
from harness.device import parse_device
from harness.files import file_sha256
from harness.shared import last_clip
from models.scorers.pixels import check_clip, to_tensor
from models.scorers.reference.clip_words import read_tokenizer, tokens
from models.scorers.reference.stored import load_released
from models.scorers.reference.viclip_network import Shape, ViClip

ASSETS = {"weights": "viclip-internvid-10m-flt", "words": "clip-bpe-vocabulary"}
PACKAGES = ("tokenizers",)
KEY = "model"
MEAN = (0.48145466, 0.4578275, 0.40821073)
DEVIATION = (0.26862954, 0.26130258, 0.27577711)
SHAPE = Shape()


def middle_frames(count: int, wanted: int) -> list[int]:
    """Numbers of the frames that are seen of a clip of ``count``: the middle ones of as many stretches.

    A shorter clip is seen whole, and its last frame again and again.

    Example:
        >>> middle_frames(16, 8), middle_frames(49, 8), middle_frames(3, 5)
        ([0, 2, 4, 6, 8, 10, 12, 14], [2, 8, 14, 20, 26, 32, 38, 45], [0, 1, 2, 2, 2])
    """
    edges = np.linspace(0, count, min(wanted, count) + 1).astype(int).tolist()
    found = [(start + stop - 1) // 2 for start, stop in pairwise(edges)]
    return found + [found[-1]] * (wanted - len(found))


def as_seen(frames: Tensor, side: int) -> Tensor:
    """Map ``[N, 3, H, W]`` in 0 … 255 to what the network was trained on, ``[N, 3, side, side]``."""
    height, width = frames.shape[2:]
    shorter = min(height, width)
    rows, columns = (side if length == shorter else int(side * length / shorter) for length in (height, width))
    if (rows, columns) != (height, width):
        frames = F.interpolate(frames, (rows, columns), mode="bicubic", align_corners=False).clamp(0, 255).round()
    top, left = (round((length - side) / 2) for length in (rows, columns))
    middle = frames[:, :, top : top + side, left : left + side] / 255
    mean, deviation = (middle.new_tensor(values)[:, None, None] for values in (MEAN, DEVIATION))
    return (middle - mean) / deviation


class VideoText:
    """A :class:`harness.protocols.TextScorer` for any video and any words.

    Raises:
        UsageError: No such device.
        AbsentError: A weight file or a package is not on this machine.
        DiptychError: The file holds another network.
    """

    example = "a dog runs over the grass"
    least_side = 16
    open_vocabulary = True

    def __init__(self, device: str = "cpu") -> None:
        self._device = torch.device(str(parse_device(device)))
        lacking = absent_packages(PACKAGES)
        if lacking:
            raise AbsentError(f"text_alignment[viclip] needs {lacking}")
        paths = {part: asset_path(asset) for part, asset in ASSETS.items()}
        self._tokenizer = read_tokenizer(paths["words"])
        self._network = load_released(lambda: ViClip(SHAPE), paths["weights"], KEY).to(self._device)
        self._sha256 = {asset: file_sha256(paths[part]) for part, asset in ASSETS.items()}

    def similarities(self, videos: Sequence[NDArray[np.uint8]], captions: Sequence[str]) -> NDArray[np.float64]:
        """Map clips, uint8 ``[frames, height, width, 3]``, and captions to float64 ``[clips, captions]``.

        Raises:
            UsageError: An empty caption.
            NoValueError: A clip without a frame, or too small.
        """
        coded = tokens(self._tokenizer, captions, self._network.shape.words).to(self._device)
        for video in videos:
            check_clip(video, "ViCLIP", least_frames=1, least_side=self.least_side)
        clips = torch.cat([last_clip(video, f"viclip {self._device}", self._clip) for video in videos])
        with torch.inference_mode():
            texts = F.normalize(self._network.text_encoder(coded), dim=1)
            values: NDArray[np.float64] = (clips @ texts.T).double().cpu().numpy()
        return np.clip(values, -1, 1)

    @torch.inference_mode()
    def _clip(self, video: NDArray[np.uint8]) -> Tensor:
        """The embedding of a clip, of unit length: ``[1, embedding]``."""
        shape = self._network.shape
        frames = to_tensor(video[middle_frames(len(video), shape.frames)], self._device)
        return F.normalize(self._network.vision_encoder(as_seen(frames, shape.side)[None]), dim=1)

    def context(self) -> dict[str, Any]:
        """The weights and the words behind the values."""
        return {"sha256": self._sha256}
