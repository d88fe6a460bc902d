"""MUSIQ: a transformer over square patches of a picture at several scales.

Ke et al., MUSIQ: Multi-scale image quality transformer, ICCV 2021 (arXiv 2108.05997). Names of tensors, and how a
picture is scaled and cut, are those of pyiqa (chaofengc/IQA-PyTorch at 01ae427), which VBench calls. Padding to a fixed
number of patches is left out: padded patches are masked there and change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LONGER_SIDES = (224, 384)
"""A picture is looked at with its longer side scaled to each of these, and as it is."""
GROUPS = 32


@dataclass(frozen=True)
class Shape:
    """The released network's numbers.

    Attributes:
        patch: Side of a patch in pixels, a multiple of 4.
        stem: Channels after the first convolution, a multiple of 32.
        width: Of the transformer.
        hidden: Of its perceptrons.
        heads: Of its attention.
        layers: Blocks.
        grid: A picture's rows and columns of patches are hashed to a square of this side.
        scales: Embeddings of scales.
    """

    patch: int = 32
    stem: int = 64
    width: int = 384
    hidden: int = 1152
    heads: int = 6
    layers: int = 14
    grid: int = 10
    scales: int = len(LONGER_SIDES) + 1


def same_padding(height: int, width: int, kernel: int, stride: int) -> tuple[int, int, int, int]:
    """TensorFlow's padding (left, right, top, bottom) with which a window is moved ``ceil(side / stride)`` times.

    Example:
        >>> same_padding(32, 32, 7, 2), same_padding(16, 16, 3, 2), same_padding(40, 64, 32, 32)
        ((2, 3, 2, 3), (0, 1, 0, 1), (0, 0, 12, 12))
    """

    def around(side: int) -> tuple[int, int]:
        spare = (-(-side // stride) - 1) * stride + kernel - side
        return spare // 2, spare - spare // 2

    return (*around(width), *around(height))


def scaled_size(height: int, width: int, longer_side: int) -> tuple[int, int]:
    """Rows and columns with which the longer side is ``longer_side``, at least one of each.

    Example:
        >>> scaled_size(288, 512, 384), scaled_size(2, 1000, 224)
        ((216, 384), (1, 224))
    """
    ratio = longer_side / max(height, width)
    return max(1, round(height * ratio)), max(1, round(width * ratio))


def patches(pictures: Tensor, side: int) -> Tensor:
    """Cut ``[N, 3, H, W]`` into squares, zeros around them where they do not fit: ``[N, patches, 3, side, side]``.

    Patches stand row by row.
    """
    count, channels = pictures.shape[:2]
    padded = F.pad(pictures, same_padding(pictures.shape[2], pictures.shape[3], side, side))
    cut = padded.unflatten(3, (-1, side)).unflatten(2, (-1, side)).permute(0, 2, 4, 1, 3, 5)
    squares: Tensor = cut.reshape(count, -1, channels, side, side)
    return squares


def hashed_positions(rows: int, columns: int, grid: int) -> Tensor:
    """Which place of a ``grid × grid`` table each of ``rows × columns`` patches takes, int64 ``[rows * columns]``.

    Example:
        >>> hashed_positions(2, 4, 10).tolist()
        [0, 2, 5, 7, 50, 52, 55, 57]
    """

    def along(count: int) -> Tensor:
        places = torch.arange(grid, dtype=torch.float32)[None, None]
        return F.interpolate(places, count, mode="nearest")[0, 0].long()

    return (along(rows)[:, None] * grid + along(columns)).flatten()


class StandardisedConvolution(nn.Conv2d):
    """A convolution whose filters have mean 0 and deviation 1 before they are used; padded as TensorFlow does."""

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, inputs, H, W]`` to ``[N, outputs, ceil(H / stride), ceil(W / stride)]``."""
        weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        weight = weight / (weight.std((1, 2, 3), keepdim=True) + 1e-5)
        padded = F.pad(x, same_padding(x.shape[2], x.shape[3], self.kernel_size[0], self.stride[0]))
        return F.conv2d(padded, weight, self.bias, self.stride)


class Bottleneck(nn.Module):
    """A residual block that widens."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = StandardisedConvolution(inputs, inputs, 1, bias=False)
        self.gn1 = nn.GroupNorm(GROUPS, inputs, eps=1e-4)
        self.conv2 = StandardisedConvolution(inputs, inputs, 3, bias=False)
        self.gn2 = nn.GroupNorm(GROUPS, inputs, eps=1e-4)
        self.conv3 = StandardisedConvolution(inputs, outputs, 1, bias=False)
        self.gn3 = nn.GroupNorm(GROUPS, outputs, eps=1e-4)
        self.conv_proj = StandardisedConvolution(inputs, outputs, 1, bias=False)
        self.gn_proj = nn.GroupNorm(GROUPS, outputs, eps=1e-4)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, inputs, H, W]`` to ``[N, outputs, H, W]``."""
        y = F.relu(self.gn1(self.conv1(x)))
        y = F.relu(self.gn2(self.conv2(y)))
        return F.relu(self.gn3(self.conv3(y)) + self.gn_proj(self.conv_proj(x)))


class Attention(nn.Module):
    """Every patch attends to every patch."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, L, width]`` to the same."""
        q, k, v = (
            part(x).unflatten(2, (self.heads, -1)).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        mixed: Tensor = self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return mixed


class Perceptron(nn.Module):
    """Two layers."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[..., width]`` to the same."""
        mapped: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return mapped


class Block(nn.Module):
    """Attention and perceptron, each normalised before and added."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(shape.width, eps=1e-6)
        self.attention = Attention(shape.width, shape.heads)
        self.norm2 = nn.LayerNorm(shape.width, eps=1e-6)
        self.mlp = Perceptron(shape.width, shape.hidden)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, L, width]`` to the same."""
        x = x + self.attention(self.norm1(x))
        moved: Tensor = x + self.mlp(self.norm2(x))
        return moved


class Table(nn.Module):
    """A table of embeddings under the name that it has in the released file."""

    def __init__(self, name: str, size: tuple[int, ...]) -> None:
        super().__init__()
        self.register_parameter(name, nn.Parameter(torch.zeros(size)))

    def forward(self, places: Tensor) -> Tensor:
        """Map int64 ``[L]`` to ``[L, width]``."""
        table = next(self.parameters())
        return table.reshape(-1, table.shape[-1])[places]


class Encoder(nn.Module):
    """The transformer, with the two tables that say where and at which scale a patch was."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.posembed_input = Table("position_emb", (1, shape.grid**2, shape.width))
        self.scaleembed_input = Table("scale_emb", (shape.scales, shape.width))
        self.cls = nn.Parameter(torch.zeros(1, 1, shape.width))
        self.encoder_norm = nn.LayerNorm(shape.width, eps=1e-6)
        self.transformer = nn.ModuleDict({f"encoderblock_{i}": Block(shape) for i in range(shape.layers)})

    def forward(self, x: Tensor, places: Tensor, scales: Tensor) -> Tensor:
        """Map patches ``[N, L, width]``, their places and scales ``[L]`` to what the picture's token became."""
        x = x + self.posembed_input(places) + self.scaleembed_input(scales)
        x = torch.cat((self.cls.expand(len(x), -1, -1), x), 1)
        for block in self.transformer.values():
            x = block(x)
        first: Tensor = self.encoder_norm(x[:, 0])
        return first


class Musiq(nn.Module):
    """From pictures in 0 … 1, ``[N, 3, H, W]`` of any size, to their grades ``[N]``."""

    def __init__(self, shape: Shape = Shape()) -> None:
        super().__init__()
        self.shape = shape
        self.conv_root = StandardisedConvolution(3, shape.stem, 7, 2, bias=False)
        self.gn_root = nn.GroupNorm(GROUPS, shape.stem, eps=1e-6)
        self.block1 = Bottleneck(shape.stem, 4 * shape.stem)
        self.embedding = nn.Linear(4 * shape.stem * (shape.patch // 4) ** 2, shape.width)
        self.transformer_encoder = Encoder(shape)
        self.head = nn.Linear(shape.width, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """The grades."""
        seen = 2 * (pictures - 0.5)
        height, width = seen.shape[2:]
        sizes = [scaled_size(height, width, side) for side in LONGER_SIDES]
        views = [F.interpolate(seen, size, mode="bicubic", align_corners=False) for size in sizes]
        cut, places, scales = [], [], []
        for scale, view in enumerate((*views, seen)):
            cut.append(patches(view, self.shape.patch))
            rows, columns = (-(-side // self.shape.patch) for side in view.shape[2:])
            places.append(hashed_positions(rows, columns, self.shape.grid))
            scales.append(torch.full((rows * columns,), scale))
        tokens = self.embedded(torch.cat(cut, 1))
        where, which = torch.cat(places).to(seen.device), torch.cat(scales).to(seen.device)
        grades: Tensor = self.head(self.transformer_encoder(tokens, where, which))[:, 0]
        return grades

    def embedded(self, squares: Tensor) -> Tensor:
        """Map patches ``[N, L, 3, side, side]`` to ``[N, L, width]``, each by itself."""
        count = len(squares)
        x = F.relu(self.gn_root(self.conv_root(squares.flatten(0, 1))))
        x = F.max_pool2d(F.pad(x, same_padding(x.shape[2], x.shape[3], 3, 2)), 3, 2)
        x = self.block1(x).permute(0, 2, 3, 1)  # rows, columns, channels: TensorFlow's order
        tokens: Tensor = self.embedding(x.flatten(1)).unflatten(0, (count, -1))
        return tokens
