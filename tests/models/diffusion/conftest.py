"""A small text-to-video model with random weights, in the zoo's latent space."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from harness.cli.builtin import load_builtin
from models.diffusion.network import Denoiser
from models.diffusion.shapes import DenoiserShape
from models.diffusion.text_video import TextVideoModel, save_denoiser
from models.weights import weights_sha256
from models.worlds.scene_captions import EXAMPLE, MOST_WORDS, SCENE_WORDS
from models.zoo.cards import TextVideoModel as TextVideoCard

load_builtin()


def tiny_shape(prediction: str = "epsilon") -> DenoiserShape:
    """The zoo's shape with a few thousand parameters."""
    return DenoiserShape(
        words=SCENE_WORDS, example=EXAMPLE, max_words=MOST_WORDS, prediction=prediction, width=16, layers=1, heads=2,
        latent_mean=(0.1, 0.0, -0.1, 0.0), latent_std=(0.5, 0.6, 0.7, 0.5),
    )  # fmt: skip


def tiny_denoiser(prediction: str = "epsilon", seed: int = 0) -> Denoiser:
    """With random weights everywhere, so that captions and times matter."""
    generator = torch.Generator().manual_seed(seed)
    model = Denoiser(tiny_shape(prediction)).reset(generator)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return model


def tiny_card(folder: Path, prediction: str = "epsilon", name: str = "tiny") -> TextVideoCard:
    """A card whose weights lie in ``folder``."""
    path = folder / f"{name}_{prediction}.safetensors"
    save_denoiser(path, tiny_denoiser(prediction), {"steps": 0})
    return TextVideoCard(
        name=name, summary="tiny", world="crafter-9x9", prediction=prediction, frames=8, steps=3, guidance=2.0,
        tokenizer="tokenizer_crafter.safetensors", weights=str(path),
    )  # fmt: skip


@pytest.fixture
def tiny_model(tmp_path: Path) -> TextVideoModel:
    """An ε model."""
    card = tiny_card(tmp_path)
    return TextVideoModel(card, tiny_denoiser().eval().requires_grad_(False), weights_sha256(card.weights))
