"""ViCLIP: CLIP's ViT-L/14 over all patches of all frames at once, beside CLIP's text transformer.

Wang et al., InternVid (arXiv 2307.06942). Names of tensors and order of operations are those of OpenGVLab/InternVideo
as VBench carries it (Vchitect/VBench at 45e79ec, ``third_party/ViCLIP``).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.scorers.reference.clip_words import VOCABULARY


@dataclass(frozen=True)
class Shape:
    """The released network's numbers.

    Attributes:
        frames: It sees so many.
        side: Of a frame in pixels.
        patch: Side of a patch.
        width: Of the video transformer.
        layers: Its blocks.
        heads: Of its attention.
        words: Longest caption in tokens, start and end included.
        vocabulary: Tokens that there are.
        text_width: Of the text transformer.
        text_layers: Its blocks.
        text_heads: Of its attention.
        embedding: Numbers of a video and of a caption.
    """

    frames: int = 8
    side: int = 224
    patch: int = 14
    width: int = 1024
    layers: int = 24
    heads: int = 16
    words: int = 32
    vocabulary: int = VOCABULARY
    text_width: int = 768
    text_layers: int = 12
    text_heads: int = 12
    embedding: int = 768


class QuickGelu(nn.Module):
    """``x σ(1.702 x)``."""

    def forward(self, x: Tensor) -> Tensor:
        """Of every number."""
        return x * torch.sigmoid(1.702 * x)


class Block(nn.Module):
    """Attention and perceptron, each normalised before and added."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.ln_1 = nn.LayerNorm(width)
        self.mlp = nn.Sequential()
        self.mlp.add_module("c_fc", nn.Linear(width, 4 * width))
        self.mlp.add_module("gelu", QuickGelu())
        self.mlp.add_module("c_proj", nn.Linear(4 * width, width))
        self.ln_2 = nn.LayerNorm(width)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Map ``[N, L, width]`` to the same; ``mask`` ``[L, L]`` is added to the attention's logits."""
        normal = self.ln_1(x)
        x = x + self.attn(normal, normal, normal, need_weights=False, attn_mask=mask)[0]
        moved: Tensor = x + self.mlp(self.ln_2(x))
        return moved


class Transformer(nn.Module):
    """Blocks."""

    def __init__(self, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList(Block(width, heads) for _ in range(layers))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Map ``[N, L, width]`` to the same."""
        for block in self.resblocks:
            x = block(x, mask)
        return x


class VideoTower(nn.Module):
    """From frames ``[N, T, 3, side, side]`` to ``[N, embedding]``."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        patches, width = (shape.side // shape.patch) ** 2, shape.width
        window = (1, shape.patch, shape.patch)
        self.conv1 = nn.Conv3d(3, width, window, window, bias=False)
        self.class_embedding = nn.Parameter(torch.zeros(width))
        self.positional_embedding = nn.Parameter(torch.zeros(patches + 1, width))
        self.temporal_positional_embedding = nn.Parameter(torch.zeros(1, shape.frames, width))
        self.ln_pre = nn.LayerNorm(width)
        self.transformer = Transformer(width, shape.layers, shape.heads)
        self.ln_post = nn.LayerNorm(width)
        self.proj = nn.Parameter(torch.zeros(width, shape.embedding))

    def forward(self, frames: Tensor) -> Tensor:
        """What the video's token became."""
        cut = self.conv1(frames.transpose(1, 2)).flatten(3).permute(0, 3, 2, 1)  # clip, patch, frame, channel
        cut = cut + self.positional_embedding[1:, None] + self.temporal_positional_embedding
        first = (self.class_embedding + self.positional_embedding[0]).expand(len(cut), 1, -1)
        x = self.transformer(self.ln_pre(torch.cat((first, cut.flatten(1, 2)), 1)))
        found: Tensor = self.ln_post(x[:, 0]) @ self.proj
        return found


class TextTower(nn.Module):
    """From tokens ``[N, words]`` to ``[N, embedding]``."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.transformer = Transformer(shape.text_width, shape.text_layers, shape.text_heads)
        self.token_embedding = nn.Embedding(shape.vocabulary, shape.text_width)
        self.positional_embedding = nn.Parameter(torch.zeros(shape.words, shape.text_width))
        self.ln_final = nn.LayerNorm(shape.text_width)
        self.text_projection = nn.Parameter(torch.zeros(shape.text_width, shape.embedding))

    def forward(self, tokens: Tensor) -> Tensor:
        """What the last token became: the end, which has the greatest number of all."""
        length = tokens.shape[1]
        later = torch.full((length, length), float("-inf"), device=tokens.device).triu(1)
        x = self.ln_final(self.transformer(self.token_embedding(tokens) + self.positional_embedding, later))
        ends = tokens.argmax(1)
        found: Tensor = x[torch.arange(len(x), device=x.device), ends] @ self.text_projection
        return found


class ViClip(nn.Module):
    """Both towers, and the temperature that training left in the file."""

    def __init__(self, shape: Shape = Shape()) -> None:
        super().__init__()
        self.shape = shape
        self.vision_encoder = VideoTower(shape)
        self.text_encoder = TextTower(shape)
        self.temp = nn.Parameter(torch.zeros([]))
