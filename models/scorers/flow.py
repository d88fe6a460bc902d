"""Optical flow from frame to frame, and how much moves: RAFT-small, and OpenCV's DIS where no weights are.

Teed and Deng, RAFT (arXiv 2003.12039), the small network through torchvision's architecture with the authors' weights;
Kroeger et al., Fast optical flow using dense inverse search (arXiv 1603.03590). Flow is measured at a size that depends
on the clip alone and is told in per cent of the frame's shorter side, so that it does not depend on the resolution.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from harness import torchvision_cpu
from harness.assets.locate import asset_path
from harness.device import parse_device
from harness.errors import DiptychError
from harness.files import file_sha256
from harness.shared import last_clip
from models.scorers.pixels import batches, check_clip, scaled, to_tensor, working_size
from models.weights import read_tensors

ASSET = "raft-small"
ITERATIONS = 8
LEAST_SIDE = 128
MOST_PIXELS = 1 << 16
"""Frames are looked at with their shorter side scaled to 128 pixels at least, and at most so many pixels in all."""
TOP_SHARE = 0.05
"""VBench's: the mean over the fastest 5 % of the pixels says how much a step moves."""
RENAMED = (
    (r"^(module\.)?fnet\.", "feature_encoder."),
    (r"^(module\.)?cnet\.", "context_encoder."),
    (r"^(module\.)?update_block\.", "update_block."),
    (r"_encoder\.conv1\.", "_encoder.convnormrelu.0."),
    (r"_encoder\.conv2\.", "_encoder.conv."),
    (r"(layer\d\.\d)\.conv(\d)\.", r"\1.convnormrelu\2.0."),
    (r"block\.encoder\.convc(\d)\.", r"block.motion_encoder.convcorr\1.0."),
    (r"block\.encoder\.convf(\d)\.", r"block.motion_encoder.convflow\1.0."),
    (r"block\.encoder\.conv\.", "block.motion_encoder.conv.0."),
    (r"block\.gru\.", "block.recurrent_block.convgru1."),
)  # fmt: skip
"""From the authors' names to torchvision's, in order."""


def torchvision_name(name: str) -> str:
    """The name of a tensor of the authors' small network in torchvision's.

    Example:
        >>> torchvision_name("module.fnet.layer1.0.conv2.weight")
        'feature_encoder.layer1.0.convnormrelu2.0.weight'
        >>> torchvision_name("module.update_block.encoder.convc1.bias")
        'update_block.motion_encoder.convcorr1.0.bias'
    """
    for pattern, new in RENAMED:
        name = re.sub(pattern, new, name)
    return name


def raft_small() -> nn.Module:
    """The network with the authors' weights.

    Raises:
        AbsentError: They are not on this machine.
        DiptychError: They are those of another network.
    """
    path = asset_path(ASSET)
    torchvision_cpu.install()
    from torchvision.models.optical_flow import raft_small as architecture

    with torch.random.fork_rng(devices=[]):  # torch draws first weights from its global generator
        network: nn.Module = architecture(weights=None)
    try:
        network.load_state_dict({torchvision_name(name): value for name, value in read_tensors(path).items()})
    except RuntimeError as error:
        raise DiptychError(f"{path} does not fit RAFT-small: {str(error).splitlines()[0]}") from error
    return network.eval().requires_grad_(False)


class RaftFlow:
    """Flow by RAFT-small.

    Attributes:
        name: By which what it computes is shared.
    """

    name = "flow[raft-small]"

    def __init__(self, device: str) -> None:
        self._device = torch.device(str(parse_device(device)))
        self._network = raft_small().to(self._device)
        self._sha256 = file_sha256(asset_path(ASSET))

    def __call__(self, video: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Map uint8 ``[T ≥ 2, H, W, 3]`` to float32 ``[T - 1, h, w, 2]``, per cent of the shorter side per step."""
        return last_clip(video, f"{self.name} {self._device}", self._flows)

    def _flows(self, video: NDArray[np.uint8]) -> NDArray[np.float32]:
        height, width = working_size(*video.shape[1:3], least_side=LEAST_SIDE, most_pixels=MOST_PIXELS)
        found = []
        with torch.inference_mode():
            for part in batches(len(video) - 1, height, width):
                frames = scaled(to_tensor(video[part.start : part.stop + 1], self._device), height, width) / 127.5 - 1
                flow: Tensor = self._network(frames[:-1], frames[1:], num_flow_updates=ITERATIONS)[-1]
                found.append(flow.permute(0, 2, 3, 1).cpu().numpy())
        flows: NDArray[np.float32] = np.concatenate(found) * np.float32(100 / min(height, width))
        return flows

    def context(self) -> dict[str, Any]:
        """The weights behind the values, and the size at which frames are looked at."""
        return {"weights_sha256": self._sha256, "iterations": ITERATIONS, "most_pixels": MOST_PIXELS}


class DisFlow:
    """Flow by OpenCV's dense inverse search: no weights; runs on the CPU.

    Raises:
        UsageError: No such device.
        DiptychError: OpenCV is not installed.
    """

    name = "flow[dis]"

    def __init__(self, device: str) -> None:
        parse_device(device)
        try:
            import cv2
        except ImportError as error:
            raise DiptychError("OpenCV is not installed: pip install 'diptych[dis]'") from error
        self._cv2: Any = cv2

    def __call__(self, video: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Map uint8 ``[T ≥ 2, H, W, 3]`` to float32 ``[T - 1, h, w, 2]``, per cent of the shorter side per step."""
        return last_clip(video, self.name, self._flows)

    def _flows(self, video: NDArray[np.uint8]) -> NDArray[np.float32]:
        height, width = working_size(*video.shape[1:3], least_side=LEAST_SIDE, most_pixels=MOST_PIXELS)
        grey = []
        for part in batches(len(video), height, width):
            frames = scaled(to_tensor(video[part], torch.device("cpu")), height, width)
            luma = (frames * torch.tensor([0.299, 0.587, 0.114])[None, :, None, None]).sum(1)
            grey.append(luma.round().clamp(0, 255).byte().numpy())
        pictures = np.concatenate(grey)
        search = self._cv2.DISOpticalFlow_create(self._cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        flows = [search.calc(one, other, None) for one, other in pairwise(pictures)]
        found: NDArray[np.float32] = np.stack(flows) * np.float32(100 / min(height, width))
        return found

    def context(self) -> dict[str, Any]:
        """The library behind the values."""
        return {"opencv": self._cv2.__version__, "most_pixels": MOST_PIXELS}


FLOWS: dict[str, type[RaftFlow] | type[DisFlow]] = {"raft-small": RaftFlow, "dis": DisFlow}


@cache
def flow_by(name: str, device: str) -> RaftFlow | DisFlow:
    """One flow per process and device: ``"raft-small"`` or ``"dis"``."""
    return FLOWS[name](device)


def fastest(flows: NDArray[np.float32]) -> NDArray[np.float64]:
    """How much each step moves: the mean length of the longest 5 % of its flow vectors, float64 ``[T - 1]``."""
    lengths = np.sqrt((flows.astype(np.float64) ** 2).sum(-1)).reshape(len(flows), -1)
    count = max(1, int(lengths.shape[1] * TOP_SHARE))
    means: NDArray[np.float64] = np.sort(lengths, axis=1)[:, -count:].mean(1)
    return means


class Flow(Protocol):
    """What measures flow: from a clip to ``[T - 1, h, w, 2]``, per cent of the shorter side per step."""

    def __call__(self, video: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Measure the flow from frame to frame."""

    def context(self) -> dict[str, Any]:
        """What the values depend on."""


class Motion:
    """A :class:`harness.protocols.Scorer`: how much each step moves, in per cent of the shorter side.

    Args:
        flow: What measures the flow.
    """

    least_side = 16
    first = 1
    every = 1

    def __init__(self, flow: Flow) -> None:
        self._flow = flow

    def __call__(self, video: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Map uint8 ``[T ≥ 2, H, W, 3]`` to float64 ``[T - 1]``, ≥ 0."""
        check_clip(video, "optical flow", least_frames=2, least_side=self.least_side)
        return fastest(self._flow(video))

    def context(self) -> dict[str, Any]:
        """What measured the flow."""
        return self._flow.context()


def motion_raft_small(device: str) -> Motion:
    """The scorer ``motion-raft-small``."""
    return Motion(flow_by("raft-small", device))


def motion_dis(device: str) -> Motion:
    """The scorer ``motion-dis``."""
    return Motion(flow_by("dis", device))
