"""Video-text networks as scorers: clips and captions in, cosines out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harness.assets.locate import asset_path
from harness.device import parse_device
from harness.errors import UsageError
from models.video_text.loading import load_video_text
from models.weights import weights_sha256

FRAMES_AT_ONCE = 128
"""Most frames of one batch; clips of one size are taken together."""


class VideoTextScorer:
    """A :class:`harness.protocols.TextScorer`.

    Args:
        device: Torch device.
        weights: Network's file in the zoo, or a path.

    Attributes:
        example: A caption in its words.
        least_side: Smallest height and width of a frame.
        words: Every word that it knows.
    """

    def __init__(self, device: str, weights: str) -> None:
        self.model = load_video_text(weights, device)
        self.example: str = self.model.shape.example
        self.least_side: int = self.model.shape.least_side
        self.words: tuple[str, ...] = self.model.shape.words
        self._sha256 = weights_sha256(weights)

    def similarities(self, videos: Sequence[NDArray[np.uint8]], captions: Sequence[str]) -> NDArray[np.float64]:
        """Cosines of clips and captions, float64 ``[clips, captions]`` in [-1, 1].

        Args:
            videos: Clips uint8 ``[frames ≥ 1, height, width, 3]`` of any sizes that are whole tiles.
            captions: In words that the network knows.

        Raises:
            UsageError: An empty caption or unknown words, with the valid ones; clips that the network cannot take.
        """
        ids = self.model.ids(captions)
        for video in videos:
            if np.ndim(video) != 4:
                raise UsageError(f"a clip is uint8 [frames, height, width, 3], not {list(np.shape(video))}.")
        if not len(videos) or not len(captions):
            return np.zeros((len(videos), len(captions)))
        with torch.inference_mode():
            rows = [
                self.model.embed_videos(self.model.to_float(np.stack([videos[i] for i in group])))
                for group in self._groups(videos)
            ]
            order = [i for group in self._groups(videos) for i in group]
            texts = self.model.embed_texts(ids).double()
            cosines = (torch.cat(rows).double() @ texts.T).clamp(-1.0, 1.0).cpu().numpy()
        found: NDArray[np.float64] = np.empty_like(cosines)
        found[order] = cosines
        return found

    @staticmethod
    def _groups(videos: Sequence[NDArray[np.uint8]]) -> list[list[int]]:
        """Indices of clips that go through the network together: equal in shape, not too many frames."""
        by_shape: dict[tuple[object, ...], list[int]] = {}
        for index, video in enumerate(videos):
            by_shape.setdefault((video.shape, video.dtype), []).append(index)
        sized = ((max(1, FRAMES_AT_ONCE // max(1, videos[group[0]].shape[0])), group) for group in by_shape.values())
        return [group[start : start + most] for most, group in sized for start in range(0, len(group), most)]

    def context(self) -> dict[str, Any]:
        """The weights behind the cosines."""
        return {"weights_sha256": self._sha256}


def shipped(device: str, file_name: str) -> VideoTextScorer:
    """The scorer of a file of the zoo.

    Raises:
        UsageError: No such device.
        AbsentError: The file is not on this machine.
    """
    parse_device(device)
    asset_path(file_name)
    return VideoTextScorer(device, file_name)


def video_text_crafter(device: str) -> VideoTextScorer:
    """The text scorer ``video-text-crafter``."""
    return shipped(device, "video_text_crafter.safetensors")


def video_text_crafter_judge(device: str) -> VideoTextScorer:
    """The text scorer ``video-text-crafter-judge``."""
    return shipped(device, "video_text_crafter_judge.safetensors")


def video_text_vizdoom(device: str) -> VideoTextScorer:
    """The text scorer ``video-text-vizdoom``."""
    return shipped(device, "video_text_vizdoom.safetensors")


def video_text_vizdoom_judge(device: str) -> VideoTextScorer:
    """The text scorer ``video-text-vizdoom-judge``."""
    return shipped(device, "video_text_vizdoom_judge.safetensors")
