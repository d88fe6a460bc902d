"""Parameters of the diffusers maker, as data (no torch, no diffusers)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from harness.params import ParamModels, Params

Precision = Literal["float32", "bfloat16", "float16"]


class ArmParams(Params):
    """What an arm of the diffusers maker says; all of it may be left out for the pipeline as it is.

    Attributes:
        lora: Low-rank adapter: a safetensors file (or its folder) in the format of diffusers or peft.
        lora_scale: Its strength; 1 is as trained.
        merge: True folds the adapter into the weights, so that it costs no time; False computes it beside them.
        weights: Weights of the denoiser: a safetensors file, a folder of shards, or what ``diptych align train`` wrote.
        scheduler: Class of diffusers that takes the place of the pipeline's own, made of the same configuration.
    """

    lora: str | None = None
    lora_scale: Annotated[float, Field(ge=-100, le=100)] = 1.0
    merge: bool = True
    weights: str | None = None
    scheduler: str | None = None


class CaseParams(Params):
    """What a case of the diffusers maker says.

    Attributes:
        pipeline: Folder of a pipeline, the id of one that lies in the hub's local cache, or ``tiny:cogvideox``,
            ``tiny:wan``, ``tiny:unet3d`` for random weights of a few kilobytes.
        revision: Of a hub id; its branch ``main`` if None.
        variant: Of the weight files, such as ``"fp16"``.
        prompt: The text; or
        prompts: a text file with one prompt a line, and
        index: the line's number, from 0.
        negative_prompt: What guidance leads away from; the pipeline's own if None.
        steps: Denoising steps; the pipeline's own number if None.
        guidance: Classifier-free guidance; the pipeline's own if None, 1 for none.
        frames: Frames; the pipeline's own number if None.
        height: Height in pixels; the pipeline's own if None.
        width: Width in pixels; the pipeline's own if None.
        dtype: Of weights and latents.
        vae_dtype: Of the VAE alone; ``dtype`` if None.
        offload: True keeps on the card only the part that works (needs the package accelerate).
        tiling: True decodes in tiles, where the VAE can.
    """

    pipeline: Annotated[str, Field(min_length=1)]
    revision: str | None = None
    variant: str | None = None
    prompt: str | None = None
    prompts: str | None = None
    index: Annotated[int, Field(ge=0)] = 0
    negative_prompt: str | None = None
    steps: Annotated[int, Field(ge=1, le=1000)] | None = None
    guidance: Annotated[float, Field(ge=0, le=100)] | None = None
    frames: Annotated[int, Field(ge=1)] | None = None
    height: Annotated[int, Field(ge=8)] | None = None
    width: Annotated[int, Field(ge=8)] | None = None
    dtype: Precision = "float32"
    vae_dtype: Precision | None = None
    offload: bool = False
    tiling: bool = False


PARAMS = ParamModels(arm=ArmParams, case=CaseParams, needs_model=False)
