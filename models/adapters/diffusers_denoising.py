"""A pipeline's denoiser as training sees it, so that DPO and SFT work on it as on the zoo's own models.

Three families are known, by what their denoiser is called with: CogVideoX, Wan, and the 3-D U-Net of ModelScope's
text-to-video. Latents have one layout here, float32 ``[B, C, T, H, W]``, whatever a pipeline's own is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from harness.errors import UsageError, unknown
from models.adapters.calls import text_length
from models.adapters.loading import LoadedPipeline
from models.adapters.packages import diffusers
from models.adapters.scheduling import is_flow
from models.diffusion.objectives import Diffusion, Flow, Objective

PREDICTIONS = {"epsilon": "epsilon", "v_prediction": "v"}


class ShiftedFlow(Flow):
    """Flow matching whose noise levels are moved as in sampling: σ' = s·σ / (1 + (s − 1)·σ) (arXiv 2403.03206).

    Args:
        shift: s of the scheduler; 1 moves nothing.
    """

    def __init__(self, shift: float) -> None:
        self.shift = shift

    def draw_timesteps(self, count: int, generator: torch.Generator) -> Tensor:
        """σ before the shift is the logistic of a normal number."""
        sigma = super().draw_timesteps(count, generator) / 1000
        return 1000 * self.shift * sigma / (1 + (self.shift - 1) * sigma)


def objective_of(scheduler: Any) -> Objective:
    """What a pipeline's denoiser was trained to predict, read off its scheduler's configuration.

    Raises:
        UsageError: A prediction, or a shift that depends on the size of the video, that is not known here.
    """
    config = {**scheduler.config, "_class_name": type(scheduler).__name__}
    if is_flow(config):
        if config.get("use_dynamic_shifting") or config.get("num_train_timesteps", 1000) != 1000:
            raise UsageError("a flow whose shift depends on the video's size cannot be trained here yet.")
        return ShiftedFlow(float(config.get("flow_shift", config.get("shift", 1.0))))
    said = str(config.get("prediction_type", "epsilon"))
    if said not in PREDICTIONS:
        raise unknown("prediction of a scheduler", said, (*PREDICTIONS, "flow_prediction"))
    package = diffusers()
    kind = package.CogVideoXDDIMScheduler if "snr_shift_scale" in config else package.DDPMScheduler
    known = inspect.signature(kind.__init__).parameters
    return Diffusion(PREDICTIONS[said], kind.from_config({key: config[key] for key in config.keys() & known.keys()}))


@dataclass(frozen=True)
class Family:
    """How the denoiser of one kind of pipeline is called, and how its VAE is.

    Attributes:
        predict: ``f(pipeline, network, noised, timesteps, condition)``, latents ``[B, C, T, H, W]`` in and out.
        encode: ``f(pipeline, video)`` from ``[B, 3, T, height, width]`` in [-1, 1] to latents.
        decode: The way back.
        channels_second: False for a pipeline whose own latents are ``[B, T, C, H, W]``.
        frames_per_latent: Frames that one latent frame after the first stands for.
    """

    predict: Callable[[Any, nn.Module, Tensor, Tensor, Tensor], Tensor]
    encode: Callable[[Any, Tensor], Tensor]
    decode: Callable[[Any, Tensor], Tensor]
    channels_second: bool
    frames_per_latent: Callable[[Any], int]


class PipelineDenoising:
    """The denoiser of a pipeline; a :class:`models.diffusion.denoising.Denoising`.

    Args:
        loaded: The pipeline.

    Attributes:
        loaded: The pipeline.
        network: Its denoiser.
        objective: How data becomes noise, and what it predicts.

    Raises:
        UsageError: A pipeline of no known family, or one with two denoisers.
    """

    def __init__(self, loaded: LoadedPipeline) -> None:
        self.loaded, self.network = loaded, loaded.denoiser
        kind = type(self.network).__name__
        if kind not in FAMILIES:
            raise unknown("denoiser for training", kind, FAMILIES)
        if getattr(loaded.pipeline, "transformer_2", None) is not None:
            raise UsageError(f"{loaded.name!r} has two denoisers, and training knows one.")
        self.family = FAMILIES[kind]
        self.objective = objective_of(loaded.pipeline.scheduler)

    @torch.no_grad()
    def condition(self, captions: Sequence[str]) -> Tensor:
        """What the text encoder makes of captions, ``[B, words, channels]``; ``""`` is the unconditional one."""
        pipeline = self.loaded.pipeline
        encode = pipeline.encode_prompt
        known = inspect.signature(encode).parameters
        usual = inspect.signature(type(pipeline).__call__).parameters.get("max_sequence_length")
        said = {
            "prompt": list(captions),
            "do_classifier_free_guidance": False,
            "num_videos_per_prompt": 1,
            "num_images_per_prompt": 1,
            "device": self.loaded.device,
            **({} if usual is None else {"max_sequence_length": usual.default}),
            **text_length(pipeline),
        }
        out: Tensor = encode(**{name: value for name, value in said.items() if name in known})[0]
        dtype: torch.dtype = self.network.dtype  # type: ignore[assignment]  # diffusers' own: not that of layers kept in float32
        return out.to(dtype)

    def predict(self, network: nn.Module, noised: Tensor, timesteps: Tensor, condition: Tensor) -> Tensor:
        """Ask ``network`` about noised latents; see :class:`models.diffusion.denoising.Denoising`."""
        device, dtype = condition.device, condition.dtype
        out = self.family.predict(
            self.loaded.pipeline, network, noised.to(device, dtype), timesteps.to(device), condition
        )
        return out.to(noised.dtype)

    def describe(self) -> dict[str, Any]:
        """Pipeline, classes, prediction, and the denoiser's hash."""
        return {
            "model": self.loaded.name,
            "pipeline": self.loaded.class_name,
            "denoiser": type(self.network).__name__,
            "prediction": self.objective.prediction,
            "weights_sha256": self.loaded.denoiser_sha256,
        }

    @torch.no_grad()
    def encode(self, frames: NDArray[np.uint8]) -> Tensor:
        """Frames uint8 ``[B, T, height, width, 3]`` → latents float32 ``[B, C, T, H, W]``: the VAE's mean, scaled.

        Raises:
            UsageError: A number of frames that the VAE cannot fold.
        """
        fold = self.family.frames_per_latent(self.loaded.pipeline)
        count = frames.shape[1]
        if count % fold != 1 % fold:
            near = max(1, (count - 1) // fold * fold + 1)
            raise UsageError(f"this VAE takes 1 frame and then {fold} at a time: {near} or {near + fold}, not {count}.")
        vae = self.loaded.pipeline.vae
        video = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 4, 1, 2, 3).float() / 127.5 - 1
        return self.family.encode(self.loaded.pipeline, video.to(self.loaded.device, vae.dtype)).float()

    @torch.no_grad()
    def decode(self, latents: Tensor) -> NDArray[np.uint8]:
        """Latents ``[B, C, T, H, W]`` → frames uint8 ``[B, T, height, width, 3]``."""
        vae = self.loaded.pipeline.vae
        video = self.family.decode(self.loaded.pipeline, latents.to(self.loaded.device, vae.dtype)).float()
        frames = ((video / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
        out: NDArray[np.uint8] = frames.permute(0, 2, 3, 4, 1).cpu().numpy()
        return out

    def from_pipeline(self, latents: Tensor) -> Tensor:
        """Latents as the pipeline keeps them → ``[B, C, T, H, W]``; the way back is the same."""
        return latents if self.family.channels_second else latents.transpose(1, 2)


def _cogvideox(pipeline: Any, network: nn.Module, noised: Tensor, timesteps: Tensor, condition: Tensor) -> Tensor:
    """CogVideoX keeps frames before channels; larger ones are told rotary positions, 1.5 folds frames in pairs."""
    config = pipeline.transformer.config
    count, height, width = noised.shape[2:]
    if config.patch_size_t is not None and count % config.patch_size_t:
        fold = config.patch_size_t
        raise UsageError(f"this CogVideoX takes latent frames {fold} at a time, and there are {count}.")
    scale = pipeline.vae_scale_factor_spatial
    rotary = None
    if config.use_rotary_positional_embeddings:
        rotary = pipeline._prepare_rotary_positional_embeddings(height * scale, width * scale, count, noised.device)
    out: Tensor = network(
        hidden_states=noised.transpose(1, 2),
        encoder_hidden_states=condition,
        timestep=timesteps,
        image_rotary_emb=rotary,
        return_dict=False,
    )[0]
    return out.transpose(1, 2)


def _wan(_pipeline: Any, network: nn.Module, noised: Tensor, timesteps: Tensor, condition: Tensor) -> Tensor:
    out: Tensor = network(hidden_states=noised, timestep=timesteps, encoder_hidden_states=condition, return_dict=False)[
        0
    ]
    return out


def _unet3d(_pipeline: Any, network: nn.Module, noised: Tensor, timesteps: Tensor, condition: Tensor) -> Tensor:
    out: Tensor = network(noised, timesteps, encoder_hidden_states=condition, return_dict=False)[0]
    return out


def _encode_cogvideox(pipeline: Any, video: Tensor) -> Tensor:
    latents: Tensor = pipeline.vae.encode(video).latent_dist.mode() * pipeline.vae.config.scaling_factor
    return latents


def _decode_cogvideox(pipeline: Any, latents: Tensor) -> Tensor:
    out: Tensor = pipeline.vae.decode(latents / pipeline.vae.config.scaling_factor).sample
    return out


def _wan_scale(pipeline: Any, like: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each channel."""
    config = pipeline.vae.config
    mean, deviation = (like.new_tensor(said).view(1, -1, 1, 1, 1) for said in (config.latents_mean, config.latents_std))
    return mean, deviation


def _encode_wan(pipeline: Any, video: Tensor) -> Tensor:
    latents: Tensor = pipeline.vae.encode(video).latent_dist.mode()
    mean, deviation = _wan_scale(pipeline, latents)
    return (latents - mean) / deviation


def _decode_wan(pipeline: Any, latents: Tensor) -> Tensor:
    mean, deviation = _wan_scale(pipeline, latents)
    out: Tensor = pipeline.vae.decode(latents * deviation + mean).sample
    return out


def _encode_frames(pipeline: Any, video: Tensor) -> Tensor:
    """An image VAE, frame by frame."""
    batch = len(video)
    latents: Tensor = pipeline.vae.encode(video.transpose(1, 2).flatten(0, 1)).latent_dist.mode()
    out: Tensor = latents.unflatten(0, (batch, -1)).transpose(1, 2) * pipeline.vae.config.scaling_factor
    return out


def _decode_frames(pipeline: Any, latents: Tensor) -> Tensor:
    frames = latents.transpose(1, 2).flatten(0, 1) / pipeline.vae.config.scaling_factor
    out: Tensor = pipeline.vae.decode(frames).sample.unflatten(0, (len(latents), -1)).transpose(1, 2)
    return out


FAMILIES = {
    "CogVideoXTransformer3DModel": Family(
        _cogvideox, _encode_cogvideox, _decode_cogvideox, False, lambda pipeline: pipeline.vae_scale_factor_temporal
    ),
    "WanTransformer3DModel": Family(
        _wan, _encode_wan, _decode_wan, True, lambda pipeline: pipeline.vae_scale_factor_temporal
    ),
    "UNet3DConditionModel": Family(_unet3d, _encode_frames, _decode_frames, True, lambda _: 1),
}
"""By class of the denoiser."""
