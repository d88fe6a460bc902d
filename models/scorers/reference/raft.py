"""RAFT as VBench measures motion with it: the large network, raft-things, 20 iterations, frames as they are.

Teed and Deng, RAFT (arXiv 2003.12039), through torchvision's ``raft_large`` with the authors' tensors under its names
(:func:`torchvision_tensors`). The authors' raft-sintel is of the same architecture: with it, on eight pairs of frames
of four real clips, padded to 184 × 248, flow after 20 iterations differs from that of the authors' code by at most
0.0011 pixels, where vectors are up to 44 pixels long. VBench (arXiv 2311.17982), ``dynamic_degree.py`` at 45e79ec:
frames are padded to multiples of 8 by repeating their edge, and the padding is looked at like the rest. Here frames of
more than a mebipixel are scaled down to that, and those too small for RAFT's coarsest level up to a shorter side of
128.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from harness import torchvision_cpu
from harness.assets.locate import asset_path
from harness.device import parse_device
from harness.errors import DiptychError, NoValueError
from harness.files import file_sha256
from harness.shared import last_clip
from models.scorers.flow import Motion
from models.scorers.pixels import batches, scaled, to_tensor
from models.weights import read_tensors

ASSET = "raft-things"
ITERATIONS = 20
MULTIPLE = 8
LEAST_SIDE = 128
MOST_PIXELS = 1 << 20
"""At so many, the correlations of one pair of frames take 1.4 GiB."""
RENAMED = (
    (r"^(module\.)?fnet\.", "feature_encoder."),
    (r"^(module\.)?cnet\.", "context_encoder."),
    (r"^(module\.)?update_block\.mask\.0\.", "mask_predictor.convrelu.0."),
    (r"^(module\.)?update_block\.mask\.2\.", "mask_predictor.conv."),
    (r"^(module\.)?update_block\.", "update_block."),
    (r"_encoder\.conv1\.", "_encoder.convnormrelu.0."),
    (r"_encoder\.norm1\.", "_encoder.convnormrelu.1."),
    (r"_encoder\.conv2\.", "_encoder.conv."),
    (r"(layer\d\.\d)\.conv(\d)\.", r"\1.convnormrelu\2.0."),
    (r"(layer\d\.\d)\.norm([12])\.", r"\1.convnormrelu\2.1."),
    (r"(layer\d\.\d)\.norm3\.", r"\1.downsample.1."),
    (r"block\.encoder\.convc(\d)\.", r"block.motion_encoder.convcorr\1.0."),
    (r"block\.encoder\.convf(\d)\.", r"block.motion_encoder.convflow\1.0."),
    (r"block\.encoder\.conv\.", "block.motion_encoder.conv.0."),
    (r"block\.gru\.(conv[zrq])(\d)\.", r"block.recurrent_block.convgru\2.\1."),
)  # fmt: skip
"""From the authors' names to torchvision's, in order."""


def torchvision_name(name: str) -> str:
    """The name of a tensor of the authors' large network in torchvision's.

    Example:
        >>> torchvision_name("module.cnet.layer2.0.norm1.weight")
        'context_encoder.layer2.0.convnormrelu1.1.weight'
        >>> torchvision_name("module.update_block.gru.convz2.bias")
        'update_block.recurrent_block.convgru2.convz.bias'
    """
    for pattern, new in RENAMED:
        name = re.sub(pattern, new, name)
    return name


def torchvision_tensors(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The authors' tensors under torchvision's names.

    The authors' files hold the norm of a shortcut twice, as ``norm3`` and as ``downsample.1``.

    Raises:
        DiptychError: The two differ.
    """
    found: dict[str, Tensor] = {}
    for name, value in stored.items():
        new = torchvision_name(name)
        if not torch.equal(found.setdefault(new, value), value):
            raise DiptychError(f"two tensors of a RAFT are both {new}, and differ; the second is {name}")
    return found


def raft_large(stored: Mapping[str, Tensor], origin: str) -> nn.Module:
    """The network with the authors' weights.

    Args:
        stored: Tensors under the authors' names.
        origin: Where they come from, for the message.

    Raises:
        DiptychError: They are those of another network.
    """
    torchvision_cpu.install()
    from torchvision.models.optical_flow import raft_large as architecture

    with torch.random.fork_rng(devices=[]):  # torch draws first weights from its global generator
        network: nn.Module = architecture(weights=None)
    try:
        network.load_state_dict(torchvision_tensors(stored))
    except RuntimeError as error:
        raise DiptychError(f"{origin} does not fit RAFT: {str(error).splitlines()[0]}") from error
    return network.eval().requires_grad_(False)


def looked_at_size(height: int, width: int) -> tuple[int, int]:
    """The size at which RAFT looks at frames, before they are padded: the frames' own between the two bounds.

    Raises:
        NoValueError: They are so long and thin that no size is both large enough and not too large.

    Example:
        >>> looked_at_size(320, 512), looked_at_size(64, 64), looked_at_size(1080, 1920)
        ((320, 512), (128, 128), (768, 1365))
    """
    shortest = LEAST_SIDE - MULTIPLE  # padding takes whatever is longer to the least side
    grown = LEAST_SIDE / min(height, width) if min(height, width) <= shortest else 1.0
    factor = min(grown, math.sqrt(MOST_PIXELS / (height * width)))
    rows, columns = round(height * factor), round(width * factor)
    if min(rows, columns) <= shortest:
        raise NoValueError(f"frames of {height} × {width} are too long and thin for RAFT")
    return rows, columns


def padded(frames: Tensor) -> Tensor:
    """Repeat the edges of ``[N, C, H, W]`` up to multiples of 8, half on either side, an odd pixel at the end."""
    down, across = (-length % MULTIPLE for length in frames.shape[2:])
    return F.pad(frames, (across // 2, across - across // 2, down // 2, down - down // 2), mode="replicate")


class RaftLargeFlow:
    """Flow by a large RAFT.

    Args:
        network: Of :func:`raft_large`.
        name: By which what it computes is shared.
        device: Torch device.
        sha256: Of the weights.
    """

    def __init__(self, network: nn.Module, name: str, device: str, sha256: str) -> None:
        self._device = torch.device(str(parse_device(device)))
        self._network = network.to(self._device)
        self._sha256 = sha256
        self.name = name

    def __call__(self, video: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Map uint8 ``[T >= 2, H, W, 3]`` to float32 ``[T - 1, h, w, 2]``, per cent of the shorter side per step.

        The padding is part of the result, as VBench counts it.

        Raises:
            NoValueError: The frames are too long and thin.
        """
        return last_clip(video, f"{self.name} {self._device}", self._flows)

    def _flows(self, video: NDArray[np.uint8]) -> NDArray[np.float32]:
        rows, columns = looked_at_size(*video.shape[1:3])
        found = []
        with torch.inference_mode():
            for part in batches(len(video) - 1, rows, columns):
                frames = to_tensor(video[part.start : part.stop + 1], self._device)
                frames = padded(scaled(frames, rows, columns)) / 127.5 - 1
                flow: Tensor = self._network(frames[:-1], frames[1:], num_flow_updates=ITERATIONS)[-1]
                found.append(flow.permute(0, 2, 3, 1).cpu().numpy())
        flows: NDArray[np.float32] = np.concatenate(found) * np.float32(100 / min(rows, columns))
        return flows

    def context(self) -> dict[str, Any]:
        """The weights behind the values, and the size at which frames are looked at."""
        return {"weights_sha256": self._sha256, "iterations": ITERATIONS, "most_pixels": MOST_PIXELS}


def motion_raft_things(device: str) -> Motion:
    """The scorer ``motion-raft-things``.

    Raises:
        UsageError: No such device.
        AbsentError: The weights are not on this machine.
        DiptychError: They are those of another network.
    """
    path = asset_path(ASSET)
    network = raft_large(read_tensors(path), str(path))
    return Motion(RaftLargeFlow(network, f"flow[{ASSET}]", device, file_sha256(path)))
