"""DINO's ViT-B/16: one row of 768 numbers for every frame, whatever its proportions.

Caron et al., Emerging properties in self-supervised vision transformers (arXiv 2104.14294). The network is
torchvision's ``VisionTransformer`` with the authors' tensors under its names (:func:`torchvision_name`); only the
position embeddings of frames that are no square of 224 are stretched here, as the authors stretch them. Against the
authors' ``vision_transformer.py`` at 7c446df, with one set of random weights at the full size of ViT-B/16, the rows of
frames of 224 × 224, 224 × 358, 398 × 224 and 224 × 230 differ by at most 8e-7 of the largest number.
"""

from __future__ import annotations

import re
from typing import Any, TypedDict

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
from models.scorers.reference.frames import SIDE, as_dino_sees, rows_of_frames
from models.weights import read_tensors

ASSET = "dino-vitb16"
MOST_PROPORTION = 8
"""Of the longer side to the shorter one: attention over a longer frame would not fit in memory."""


class Shape(TypedDict):
    """Of a vision transformer, in torchvision's words."""

    patch_size: int
    num_layers: int
    num_heads: int
    hidden_dim: int
    mlp_dim: int


VITB16: Shape = {"patch_size": 16, "num_layers": 12, "num_heads": 12, "hidden_dim": 768, "mlp_dim": 3072}
RENAMED = (
    (r"^cls_token$", "class_token"),
    (r"^pos_embed$", "encoder.pos_embedding"),
    (r"^patch_embed\.proj\.", "conv_proj."),
    (r"^norm\.", "encoder.ln."),
    (r"^blocks\.(\d+)\.", r"encoder.layers.encoder_layer_\1."),
    (r"\.norm(\d)\.", r".ln_\1."),
    (r"\.attn\.qkv\.", ".self_attention.in_proj_"),
    (r"\.attn\.proj\.", ".self_attention.out_proj."),
    (r"\.mlp\.fc1\.", ".mlp.0."),
    (r"\.mlp\.fc2\.", ".mlp.3."),
)
"""From the authors' names to torchvision's, in order."""


def torchvision_name(name: str) -> str:
    """The name of one of the authors' tensors in torchvision's.

    Example:
        >>> torchvision_name("blocks.11.attn.qkv.weight")
        'encoder.layers.encoder_layer_11.self_attention.in_proj_weight'
        >>> torchvision_name("norm.bias")
        'encoder.ln.bias'
    """
    for pattern, new in RENAMED:
        name = re.sub(pattern, new, name)
    return name


def vision_transformer(shape: Shape) -> nn.Module:
    """A vision transformer without a classifier, its weights random."""
    torchvision_cpu.install()
    from torchvision.models import VisionTransformer

    with torch.random.fork_rng(devices=[]):  # torch draws first weights from its global generator
        network: nn.Module = VisionTransformer(image_size=SIDE, **shape)
    network.heads = nn.Identity()
    return network.eval().requires_grad_(False)


def positions(learned: Tensor, height: int, width: int, patch: int) -> Tensor:
    """The position embeddings of a frame's places, stretched from the square for which they were learned.

    Args:
        learned: ``[1, 1 + places, d]``, the class token's first.
        height: Of the frame in pixels.
        width: Of the frame in pixels.
        patch: Pixels of a place's side.

    Returns:
        ``[1, 1 + (height // patch) * (width // patch), d]``.
    """
    side = round((learned.shape[1] - 1) ** 0.5)
    rows, columns = height // patch, width // patch
    if height == width and rows == side:
        return learned
    grid = learned[:, 1:].reshape(1, side, side, -1).permute(0, 3, 1, 2)
    # the authors add 0.1 so that the size is not rounded down by one; it also moves the points that the cubic reads
    factors = [(rows + 0.1) / side, (columns + 0.1) / side]
    stretched = F.interpolate(grid, scale_factor=factors, mode="bicubic")
    assert stretched.shape[2:] == (rows, columns)
    return torch.cat([learned[:, :1], stretched.flatten(2).transpose(1, 2)], dim=1)


def class_tokens(network: Any, frames: Tensor) -> Tensor:
    """Map ``[N, 3, H, W]``, normalised, to ``[N, d]``: the class token after the last layer."""
    places = network.conv_proj(frames).flatten(2).transpose(1, 2)
    first = network.class_token.expand(len(frames), -1, -1)
    height, width = frames.shape[2:]
    where = positions(network.encoder.pos_embedding, height, width, network.patch_size)
    states = network.encoder.layers(torch.cat([first, places], dim=1) + where)
    found: Tensor = network.encoder.ln(states)[:, 0]
    return found


class DinoRows:
    """DINO's row of every frame.

    Args:
        network: Of :func:`vision_transformer`.
        device: Torch device.
        sha256: Of the weights.
    """

    def __init__(self, network: nn.Module, device: str, sha256: str) -> None:
        self._device = torch.device(str(parse_device(device)))
        self._network = network.to(self._device)
        self._sha256 = sha256

    def __call__(self, video: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Map uint8 ``[T, H, W, 3]`` to float32 ``[T, d]``.

        Raises:
            NoValueError: The frames are too long and thin.
        """
        height, width = video.shape[1:3]
        if max(height, width) > MOST_PROPORTION * min(height, width):
            raise NoValueError(
                f"DINO needs frames at most {MOST_PROPORTION} times as long as they are wide, not {height} × {width}"
            )
        return rows_of_frames(video, self._device, as_dino_sees, lambda seen: class_tokens(self._network, seen))

    def context(self) -> dict[str, Any]:
        """The weights behind the values."""
        return {"weights_sha256": self._sha256}


def dino_vitb16(device: str) -> DinoRows:
    """DINO with the authors' weights.

    Raises:
        UsageError: No such device.
        AbsentError: The weights are not on this machine.
        DiptychError: They are those of another network.
    """
    path = asset_path(ASSET)
    network = vision_transformer(VITB16)
    try:
        network.load_state_dict({torchvision_name(name): value for name, value in read_tensors(path).items()})
    except RuntimeError as error:
        raise DiptychError(f"{path} does not fit DINO's ViT-B/16: {str(error).splitlines()[0]}") from error
    return DinoRows(network, device, file_sha256(path))
