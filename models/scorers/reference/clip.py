"""CLIP's image towers, ViT-B/32 and ViT-L/14: one row for every frame, and LAION's grade of beauty from the larger one.

Radford et al., CLIP (arXiv 2103.00020), through transformers' ``CLIPVisionModelWithProjection`` with OpenAI's weights
as safetensors; the text half of the file is not read. VBench runs OpenAI's own files, which are TorchScript and
therefore code; on a GPU it runs them in float16, here they run in float32. The head is LAION-AI's aesthetic-predictor:
one linear layer on the row of unit length.
"""

from __future__ import annotations

from typing import Any, TypedDict

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from harness import torchvision_cpu
from harness.absent import absent_packages
from harness.assets.locate import AbsentError, asset_path
from harness.device import parse_device
from harness.errors import DiptychError
from harness.files import file_sha256
from models.scorers.pixels import check_clip
from models.scorers.reference.frames import SIDE, as_clip_sees, rows_of_frames
from models.weights import read_tensors

PACKAGES = ("transformers",)
HEAD = "laion-aesthetic-vitl14"
GRADES = 10
"""VBench divides the head's grade by 10."""
PARTS = ("vision_model.", "visual_projection.")
NO_WEIGHTS = "vision_model.embeddings.position_ids"
"""Old files hold the numbers 0, 1, 2, … of the places, which are no weights."""


class Shape(TypedDict):
    """Of an image tower, in the words of transformers' ``CLIPVisionConfig``."""

    patch_size: int
    num_hidden_layers: int
    num_attention_heads: int
    hidden_size: int
    intermediate_size: int
    projection_dim: int


SHAPES: dict[str, Shape] = {
    "clip-vitb32": {
        "patch_size": 32,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "hidden_size": 768,
        "intermediate_size": 3072,
        "projection_dim": 512,
    },
    "clip-vitl14": {
        "patch_size": 14,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "projection_dim": 768,
    },
}
"""Asset → shape of its tower."""


def image_tower(shape: Shape) -> nn.Module:
    """A tower of that shape, its weights random.

    Raises:
        AbsentError: The package transformers is not installed.
    """
    lacking = absent_packages(PACKAGES)
    if lacking:
        raise AbsentError(f"CLIP needs {lacking}")
    torchvision_cpu.install()  # before transformers looks for torchvision
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    facts = CLIPVisionConfig(image_size=SIDE, hidden_act="quick_gelu", layer_norm_eps=1e-5, **shape)
    with torch.random.fork_rng(devices=[]):  # torch draws first weights from its global generator
        network: nn.Module = CLIPVisionModelWithProjection(facts)
    return network.eval().requires_grad_(requires_grad=False)


def image_tensors(path: Any) -> dict[str, Tensor]:
    """The image tower's tensors of a safetensors file that holds both towers, or the one.

    Raises:
        DiptychError: Not a safetensors file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            names = [name for name in file.keys() if name.startswith(PARTS) and name != NO_WEIGHTS]  # noqa: SIM118
            return {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise DiptychError(f"{path} is not a safetensors file ({error}); only safetensors are loaded.") from error


class ClipRows:
    """CLIP's row of every frame.

    Args:
        network: Of :func:`image_tower`.
        device: Torch device.
        sha256: Of the weights.
    """

    def __init__(self, network: nn.Module, device: str, sha256: str) -> None:
        self._device = torch.device(str(parse_device(device)))
        self._network: Any = network.to(self._device)
        self._sha256 = sha256

    def __call__(self, video: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Map uint8 ``[T, H, W, 3]`` to float32 ``[T, d]``, not of unit length."""

        def look(seen: Tensor) -> Tensor:
            row: Tensor = self._network(pixel_values=seen).image_embeds
            return row

        return rows_of_frames(video, self._device, as_clip_sees, look)

    def context(self) -> dict[str, Any]:
        """The weights behind the values."""
        return {"weights_sha256": self._sha256}


def clip_rows(asset: str, device: str) -> ClipRows:
    """An image tower with OpenAI's weights.

    Args:
        asset: Of :data:`SHAPES`.
        device: Torch device.

    Raises:
        UsageError: No such device.
        AbsentError: The weights, or the package transformers, are not on this machine.
        DiptychError: The weights are those of another network.
    """
    path = asset_path(asset)
    network = image_tower(SHAPES[asset])
    try:
        network.load_state_dict({name: value.float() for name, value in image_tensors(path).items()})
    except RuntimeError as error:
        raise DiptychError(f"{path} does not fit the image tower of {asset}: {str(error).splitlines()[0]}") from error
    return ClipRows(network, device, file_sha256(path))


def grades(rows: NDArray[np.float32], weight: Tensor, bias: Tensor) -> NDArray[np.float64]:
    """LAION's grade of every row as VBench tells it: of the row of unit length, over 10.

    Args:
        rows: ``[T, d]``.
        weight: ``[1, d]``.
        bias: ``[1]``.

    Returns:
        float64 ``[T]``.
    """
    unit = F.normalize(torch.from_numpy(rows), dim=-1)
    found: NDArray[np.float64] = F.linear(unit, weight, bias)[:, 0].double().numpy()
    return found / GRADES


class LaionAesthetics:
    """A :class:`harness.protocols.Scorer`: the grade of every frame by LAION's linear head on CLIP, over 10.

    Args:
        rows: Of CLIP's ViT-L/14.
        weight: Of the head, ``[1, d]``.
        bias: Of the head, ``[1]``.
        sha256: Of the head.
    """

    least_side = 16
    first = 0
    every = 1

    def __init__(self, rows: ClipRows, weight: Tensor, bias: Tensor, sha256: str) -> None:
        self._rows = rows
        self._weight, self._bias = weight, bias
        self._sha256 = sha256

    def __call__(self, video: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Map uint8 ``[T, H, W, 3]`` to float64 ``[T]``, higher is better."""
        check_clip(video, "LAION's aesthetic head", least_side=self.least_side)
        return grades(self._rows(video), self._weight, self._bias)

    def context(self) -> dict[str, Any]:
        """The weights behind the values."""
        return {**self._rows.context(), "head_sha256": self._sha256}


def aesthetics(device: str) -> LaionAesthetics:
    """The scorer ``laion-clip-vitl14``.

    Raises:
        UsageError: No such device.
        AbsentError: Weights, or the package transformers, are not on this machine.
        DiptychError: The weights are those of another network.
    """
    path = asset_path(HEAD)
    head = read_tensors(path)
    width = SHAPES["clip-vitl14"]["projection_dim"]
    sizes = {name: tuple(value.shape) for name, value in head.items()}
    if sizes != {"weight": (1, width), "bias": (1,)}:
        raise DiptychError(f"{path} is no linear layer from {width} numbers to one: it holds {sizes}")
    return LaionAesthetics(clip_rows("clip-vitl14", device), head["weight"], head["bias"], file_sha256(path))
