"""The zoo's text-to-video models: a denoiser, its latent space, its words, and how it is sampled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from harness.assets.locate import AbsentError
from harness.cache import cache_root
from harness.errors import UsageError
from harness.registry import REGISTRY
from models.alignment.adapters import ALIGNED, apply_aligned
from models.assets.zoo import ZOO as SHIPPED
from models.diffusion.latents import CodeSpace
from models.diffusion.network import Denoiser
from models.diffusion.objectives import make_objective
from models.diffusion.sampling import Sampled, check_seeds, guided, sample
from models.diffusion.shapes import DenoiserShape
from models.tokenizers.loading import load_tokenizer
from models.video_text.words import word_ids
from models.weights import load_network, weights_sha256, write_weights, zoo_path
from models.zoo.cards import TextVideoModel as TextVideoCard

"""What ``diptych align train`` writes into its folder."""


class TextVideoModel:
    """A text-to-video model; a :class:`models.diffusion.denoising.Denoising`.

    Args:
        card: What it is.
        network: The denoiser, on its device.
        sha256: Of the weights.

    Attributes:
        card: What it is.
        network: The denoiser.
        objective: How data becomes noise.
        weights_sha256: Of the base weights.
        aligned_sha256: Of the weights put on top of them, or None.
        space: Between frames and latents.
    """

    def __init__(self, card: TextVideoCard, network: Denoiser, sha256: str) -> None:
        self.card, self.network, self.weights_sha256 = card, network, sha256
        self.aligned_sha256: str | None = None
        self.shape: DenoiserShape = network.shape
        self.objective = make_objective(self.shape.prediction)
        self.device = str(network.patch_in.weight.device)
        tokenizer = load_tokenizer(card.tokenizer, self.device)
        self.space = CodeSpace(tokenizer, self.shape.latent_mean, self.shape.latent_std)

    def condition(self, captions: Sequence[str]) -> Tensor:
        """Word ids int64 ``[B, max_words]``; all 0 for ``""``.

        Raises:
            UsageError: Words that the model does not know, with those that it does.
        """
        ids = np.zeros((len(captions), self.shape.max_words), np.int64)
        told = [index for index, caption in enumerate(captions) if caption]
        if told:
            ids[told] = word_ids(self.shape, [captions[index] for index in told])
        return torch.from_numpy(ids).to(self.device)

    def predict(self, network: nn.Module, noised: Tensor, timesteps: Tensor, condition: Tensor) -> Tensor:
        """Ask ``network`` about noised latents; see :class:`models.diffusion.denoising.Denoising`."""
        out: Tensor = network(noised, timesteps, condition)
        return out

    def describe(self) -> dict[str, Any]:
        """Name, prediction, shape of latents and the base weights' hash."""
        return {
            "model": self.card.name,
            "prediction": self.shape.prediction,
            "latent_shape": list(self.shape.latent_shape),
            "weights_sha256": self.weights_sha256,
        }

    @torch.inference_mode()
    def sample(
        self,
        captions: Sequence[str],
        seeds: Sequence[int],
        *,
        steps: int | None = None,
        guidance: float | None = None,
        eta: float = 0.0,
    ) -> Sampled:
        """Sample one video per caption and seed.

        Args:
            captions: In the model's words.
            seeds: As many.
            steps: The card's if None.
            guidance: Classifier-free guidance; the card's if None, 1 for none.
            eta: Share of DDIM's noise that is drawn anew at each step, 0 to 1.

        Raises:
            UsageError: Unknown words, or numbers out of range.
        """
        steps = self.card.steps if steps is None else steps
        guidance = self.card.guidance if guidance is None else guidance
        check_seeds(captions, seeds)
        check_sampling(self.shape.prediction, steps, guidance, eta)
        return sample(
            guided(
                lambda latents, times, words: self.predict(self.network, latents, times, words),
                self.condition(captions),
                self.condition([""] * len(captions)),
                guidance,
                lambda told, untold: torch.cat((told, untold)),
            ),
            self.shape.prediction,
            self.shape.latent_shape,
            seeds,
            steps=steps,
            eta=eta,
            device=self.device,
        )

    def decode(self, latents: Tensor) -> NDArray[np.uint8]:
        """Latents ``[B, C, T, rows, columns]`` → frames uint8 ``[B, T, height, width, 3]``."""
        return self.space.decode(latents)

    def encode(self, frames: NDArray[np.uint8]) -> Tensor:
        """Frames uint8 ``[B, T, height, width, 3]`` → latents float32 ``[B, C, T, rows, columns]``."""
        return self.space.encode(frames)


def check_sampling(prediction: str, steps: int, guidance: float, eta: float) -> None:
    """Raise a UsageError for numbers that no sampler takes."""
    if not 1 <= steps <= 999:
        raise UsageError(f"steps must be 1 to 999, not {steps}.")
    if not 0 <= guidance <= 100:
        raise UsageError(f"guidance must be 0 to 100 (1 is none), not {guidance}.")
    if not 0 <= eta <= 1 or (eta > 0 and prediction == "flow"):
        raise UsageError(f"eta must be 0 to 1, and 0 for flow matching, which draws no noise again; not {eta}.")


def save_denoiser(path: Path, model: Denoiser, facts: dict[str, Any], dtype: torch.dtype = torch.bfloat16) -> None:
    """Write weights, shape and ``facts`` (JSON: how it was trained)."""
    write_weights(path, model, model.shape, facts, dtype)


def load_denoiser(file_name: str, device: str = "cpu") -> Denoiser:
    """Load a denoiser by its file's name in the zoo or its path, in float32 and evaluation mode.

    Raises:
        UsageError: No such device.
        DiptychError: No such file, not safetensors, another network, or tensors that do not fit the shape.
    """
    return load_network(file_name, device, DenoiserShape, Denoiser, "a text-to-video denoiser")


def load_text_video(
    name: str, device: str = "cpu", *, weights: str | None = None, merge: bool = True
) -> TextVideoModel:
    """Load a registered text-to-video model.

    Args:
        name: Registered name.
        device: Torch device.
        weights: Aligned weights on top: a name in the card's ``finetunes``, or the path of a file that
            ``diptych align train`` wrote.
        merge: Fold low-rank adapters into the weights; otherwise they are computed beside them.

    Raises:
        UsageError: No such model or device.
        DiptychError: Weights that are absent, or that belong to another model.
    """
    card = REGISTRY.get("model", name)
    if not isinstance(card, TextVideoCard):
        raise UsageError(f"{name!r} is no text-to-video model. See: diptych list models")
    model = TextVideoModel(card, load_denoiser(card.weights, device), weights_sha256(card.weights))
    if weights is not None:
        path = zoo_path(zoo_file(card, weights))
        apply_aligned(model.network, path, model.weights_sha256, merge=merge)
        model.aligned_sha256 = weights_sha256(str(path))
    return model


def aligned_folder(model: str, weights: str) -> Path:
    """Where weights of a name are looked for that the card of their model does not have."""
    return cache_root() / "alignment" / model / weights


def zoo_file(card: TextVideoCard, weights: str) -> str:
    """The file of aligned weights.

    Raises:
        AbsentError: Neither one of the card's names nor a file.
    """
    if weights in card.finetunes and card.finetunes[weights] in SHIPPED:
        return card.finetunes[weights]
    if Path(weights).is_file():
        return weights
    own = aligned_folder(card.name, weights)
    if (own / ALIGNED).is_file():
        return str(own / ALIGNED)
    have = ", ".join(card.finetunes) or "none"
    raise AbsentError(
        f"there are no weights {weights!r} for model {card.name!r}: neither one of its own ({have}), "
        f"nor a file, nor trained into {own}. Make them: diptych align train --out {own} (--help has the methods)"
    )
