"""Text-to-video pipelines of a few kilobytes with random weights: the real classes, at no size, from no download.

They show that a pipeline of this class runs, loads adapters and can be trained; what they make is noise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from harness.errors import unknown
from models.adapters.packages import diffusers

PREFIX = "tiny:"
WORDS = 16
"""Longest prompt in tokens."""


def is_tiny(name: str) -> bool:
    """True for a name such as ``"tiny:wan"``."""
    return name.startswith(PREFIX)


def tiny_pipeline(name: str, seed: int = 0) -> Any:
    """Build a tiny pipeline in float32 on the CPU; equal seeds give equal weights.

    Args:
        name: ``"tiny:cogvideox"``, ``"tiny:wan"`` or ``"tiny:unet3d"``.
        seed: Of the weights.

    Raises:
        UsageError: Another name, or diffusers is not installed.
    """
    if name not in TINY:
        raise unknown("tiny pipeline", name, TINY)
    package = diffusers()
    with torch.random.fork_rng(devices=[]):  # layers draw their first weights from torch's global generator
        torch.manual_seed(seed)
        pipeline = TINY[name](package)
        for part in pipeline.components.values():
            if isinstance(part, torch.nn.Module):
                part.eval().requires_grad_(False)
                for value in part.parameters():  # biases and output layers start at 0 and would hide mistakes
                    if not value.any():
                        value.copy_(0.02 * torch.randn(value.shape))
    return pipeline


def tiny_cogvideox(package: Any, rotary: bool = False) -> Any:
    """CogVideoX: T5, a 3-D VAE that folds 4 frames into one, v-prediction; rotary positions as in CogVideoX-5b."""
    tokenizer = t5_tokenizer()
    return package.CogVideoXPipeline(
        tokenizer=tokenizer,
        text_encoder=t5_encoder(tokenizer),
        vae=package.AutoencoderKLCogVideoX(
            down_block_types=("CogVideoXDownBlock3D",) * 4,
            up_block_types=("CogVideoXUpBlock3D",) * 4,
            block_out_channels=(8, 8, 8, 8),
            latent_channels=4,
            layers_per_block=1,
            norm_num_groups=2,
            temporal_compression_ratio=4,
        ),
        transformer=package.CogVideoXTransformer3DModel(
            num_attention_heads=2,
            attention_head_dim=16,
            in_channels=4,
            out_channels=4,
            time_embed_dim=4,
            text_embed_dim=16,
            num_layers=2,
            sample_width=2,
            sample_height=2,
            sample_frames=9,
            patch_size=2,
            temporal_compression_ratio=4,
            max_text_seq_length=WORDS,
            use_rotary_positional_embeddings=rotary,
        ),
        scheduler=package.CogVideoXDDIMScheduler(  # as CogVideoX-2b has it
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            clip_sample=False,
            prediction_type="v_prediction",
            rescale_betas_zero_snr=True,
            snr_shift_scale=3.0,
            timestep_spacing="trailing",
        ),
    )


def tiny_wan(package: Any) -> Any:
    """Wan 2.1: T5, a causal 3-D VAE with a mean and a deviation per channel, flow matching sampled by UniPC."""
    tokenizer = t5_tokenizer()
    return package.WanPipeline(
        tokenizer=tokenizer,
        text_encoder=t5_encoder(tokenizer, "UMT5"),
        vae=package.AutoencoderKLWan(
            base_dim=3,
            z_dim=4,
            dim_mult=[1, 1, 1, 1],
            num_res_blocks=1,
            temperal_downsample=[False, True, True],
            latents_mean=[-0.3, 0.1, 0.0, 0.2],
            latents_std=[1.5, 2.0, 0.8, 1.1],
        ),
        transformer=package.WanTransformer3DModel(
            patch_size=(1, 2, 2),
            num_attention_heads=2,
            attention_head_dim=12,
            in_channels=4,
            out_channels=4,
            text_dim=16,
            freq_dim=16,
            ffn_dim=32,
            num_layers=2,
            cross_attn_norm=True,
            qk_norm="rms_norm_across_heads",
            rope_max_seq_len=32,
        ),
        scheduler=package.UniPCMultistepScheduler(  # as Wan2.1-T2V-1.3B has it
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
        ),
    )


def tiny_unet3d(package: Any) -> Any:
    """ModelScope's text-to-video: CLIP, an image VAE frame by frame, a 3-D U-Net that predicts the noise."""
    from transformers import CLIPTextConfig, CLIPTextModel

    tokenizer = clip_tokenizer()
    return package.TextToVideoSDPipeline(
        vae=package.AutoencoderKL(
            block_out_channels=(8, 16),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            latent_channels=4,
            norm_num_groups=4,
            sample_size=16,
        ),
        text_encoder=CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(tokenizer),
                hidden_size=16,
                intermediate_size=32,
                num_hidden_layers=1,
                num_attention_heads=2,
                max_position_embeddings=WORDS,
                bos_token_id=tokenizer.bos_token_id,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )
        ),
        tokenizer=tokenizer,
        unet=package.UNet3DConditionModel(
            block_out_channels=(8, 16),
            layers_per_block=1,
            sample_size=8,
            down_block_types=("CrossAttnDownBlock3D", "DownBlock3D"),
            up_block_types=("UpBlock3D", "CrossAttnUpBlock3D"),
            cross_attention_dim=16,
            attention_head_dim=4,
            norm_num_groups=4,
        ),
        scheduler=package.DDIMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            clip_sample=False,
            set_alpha_to_one=False,
            steps_offset=1,
        ),
    )


TINY: dict[str, Callable[[Any], Any]] = {
    "tiny:cogvideox": tiny_cogvideox,
    "tiny:cogvideox-rotary": lambda package: tiny_cogvideox(package, rotary=True),
    "tiny:wan": tiny_wan,
    "tiny:unet3d": tiny_unet3d,
}

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,-"


def t5_tokenizer() -> Any:
    """A T5 tokenizer that spells."""
    from transformers import T5Tokenizer

    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0), *((letter, -3.0) for letter in LETTERS)]
    return T5Tokenizer(vocab=vocabulary, extra_ids=0)


def t5_encoder(tokenizer: Any, kind: str = "T5") -> Any:
    """A text encoder of one layer; ``kind`` is ``"T5"`` or ``"UMT5"``."""
    import transformers

    sizes = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}
    config = getattr(transformers, f"{kind}Config")(vocab_size=len(tokenizer), **sizes)
    return getattr(transformers, f"{kind}EncoderModel")(config)


def clip_tokenizer() -> Any:
    """A CLIP tokenizer that spells."""
    from transformers import CLIPTokenizer

    pieces = [*LETTERS, *(letter + "</w>" for letter in LETTERS), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=WORDS)
