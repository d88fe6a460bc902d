"""The comparers of the LPIPS family: networks with their published weights, clips in, one distance per frame out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.assets.locate import asset_path
from harness.device import parse_device
from harness.errors import DiptychError
from harness.files import file_sha256
from models.perceptual.network import PerceptualDistance, alexnet_stages, shift_tolerant_stages
from models.weights import read_tensors

CONVOLUTIONS = ("0.0", "1.1", "2.1", "3.0", "4.0")
SHIFT_TOLERANT_CONVOLUTIONS = ("0.0", "1.2", "2.2", "3.0", "4.0")
"""Where the five convolutions stand among the stages: stage and place in it."""
ALEXNET_NAMES = tuple(f"features.{i}" for i in (0, 3, 6, 8, 10))
ST_LPIPS_NAMES = ("net.slice1.0", "net.slice2.5", "net.slice3.9", "net.slice4.11", "net.slice5.13")
HEAD_NAMES = tuple(f"lin{i}.model.1.weight" for i in range(5))
PIXELS_AT_ONCE = 1 << 19
"""Most pixels of one batch: 8 frames of 256 × 256, for which the first stage holds 128 MiB."""


class LearnedDistance:
    """A :class:`harness.protocols.Comparer`.

    Args:
        network: With its weights.
        least_side: Smallest height and width that it takes.
        device: Torch device.
        files: Its weight files, by asset.
    """

    def __init__(self, network: PerceptualDistance, least_side: int, device: str, files: Mapping[str, Path]) -> None:
        self.device = torch.device(device)
        self.network = network.to(self.device).eval().requires_grad_(requires_grad=False)
        self.least_side = least_side
        self._sha256 = {name: file_sha256(path) for name, path in files.items()}

    def __call__(self, video: NDArray[np.uint8], reference: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Map two clips, uint8 ``[frames, height, width, 3]``, to float64 ``[frames]``, ≥ 0.

        Raises:
            DiptychError: Frames smaller than the network takes.
        """
        height, width = video.shape[1:3]
        if min(height, width) < self.least_side:
            raise DiptychError(
                f"frames of {height} × {width} are too small: this network takes {self.least_side} × {self.least_side}"
            )
        at_once = max(1, PIXELS_AT_ONCE // (height * width))
        with torch.inference_mode():
            parts = [
                self.network(self._pixels(video[i : i + at_once]), self._pixels(reference[i : i + at_once]))
                for i in range(0, len(video), at_once)
            ]
            values: NDArray[np.float64] = torch.cat(parts).double().cpu().numpy()
        return values

    def _pixels(self, frames: NDArray[np.uint8]) -> Tensor:
        pixels = torch.from_numpy(np.ascontiguousarray(frames)).to(self.device)
        return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1

    def context(self) -> dict[str, str]:
        """The weights behind the distances."""
        return {f"{name}_sha256": digest for name, digest in self._sha256.items()}


def fill(
    network: PerceptualDistance,
    places: tuple[str, ...],
    convolutions: Mapping[str, Tensor],
    names: tuple[str, ...],
    heads: Mapping[str, Tensor],
) -> PerceptualDistance:
    """Give a network its weights.

    Args:
        network: To be filled.
        places: Where its convolutions stand.
        convolutions: Tensors of the convolutions, under ``names``.
        names: One per place.
        heads: Tensors of the channel weights.

    Raises:
        DiptychError: A tensor is missing or has another shape.
    """
    try:
        state = {
            f"stages.{place}.{part}": convolutions[f"{name}.{part}"]
            for place, name in zip(places, names, strict=True)
            for part in ("weight", "bias")
        }
        state |= {f"heads.{i}": heads[name].flatten() for i, name in enumerate(HEAD_NAMES)}
        network.load_state_dict(state)
    except (KeyError, RuntimeError) as error:
        raise DiptychError(f"these are not the weights of this network: {error}") from error
    return network


def st_lpips_alex(device: str) -> LearnedDistance:
    """The comparer ``st-lpips-alex``: network and channel weights lie in one file.

    Raises:
        AbsentError: The file is not on this machine.
    """
    parse_device(device)
    path = asset_path("st-lpips-alex")
    tensors = read_tensors(path)
    network = PerceptualDistance(shift_tolerant_stages())
    fill(network, SHIFT_TOLERANT_CONVOLUTIONS, tensors, ST_LPIPS_NAMES, tensors)
    return LearnedDistance(network, 21, device, {"st-lpips-alex": path})


def lpips_alex(device: str) -> LearnedDistance:
    """The comparer ``lpips-alex``: torchvision's AlexNet under the channel weights of LPIPS v0.1.

    Raises:
        AbsentError: One of the two files is not on this machine.
    """
    parse_device(device)
    files = {name: asset_path(name) for name in ("alexnet-imagenet", "lpips-alex-heads")}
    network = PerceptualDistance(alexnet_stages())
    backbone, heads = (read_tensors(path) for path in files.values())
    fill(network, CONVOLUTIONS, backbone, ALEXNET_NAMES, heads)
    return LearnedDistance(network, 31, device, files)
