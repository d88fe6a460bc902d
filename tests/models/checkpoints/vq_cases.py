"""Networks of which ``vq_reference.json`` keeps what ``diffusers`` computes; weights and frames come from a seed.

Run by hand beside ``diffusers`` (0.32.2 is what MineWorld requires) to write it again:
``python tests/models/checkpoints/vq_cases.py``.
"""

import json
from pathlib import Path

import numpy as np
import torch

REFERENCE = Path(__file__).with_name("vq_reference.json")
COMMON = {
    "_class_name": "VQModel",
    "down_block_types": ["DownEncoderBlock2D"] * 3,
    "up_block_types": ["UpDecoderBlock2D"] * 3,
    "block_out_channels": [4, 8, 12],
    "latent_channels": 6,
    "num_vq_embeddings": 32,
    "norm_num_groups": 2,
}
CASES = {
    "plain": {**COMMON, "layers_per_block": 2, "mid_block_add_attention": False, "lookup_from_codebook": True},
    "attention": {**COMMON, "layers_per_block": 1, "mid_block_add_attention": True, "vq_embed_dim": 5},
}


def drawn_weights(sizes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """Normal numbers, the same on every machine and in every version."""
    weights = {}
    drawn = np.random.RandomState(7)  # whose numbers numpy promises never to change
    for name in sorted(sizes):
        values = drawn.standard_normal(sizes[name])
        if name.startswith("quantize"):
            values *= 0.7
        elif values.ndim == 1:
            values = 0.3 * values + ("norm" in name and name.endswith("weight"))
        else:
            values *= 1.5 / np.sqrt(values[0].size)
        weights[name] = torch.tensor(values, dtype=torch.float32)
    return weights


def drawn_frames() -> np.ndarray:
    """uint8 ``[2, 12, 16, 3]``."""
    return np.random.RandomState(6).randint(0, 256, (2, 12, 16, 3)).astype(np.uint8)


def main() -> None:
    from diffusers import __version__
    from diffusers.models.autoencoders.vq_model import VQModel

    kept = {"diffusers": __version__}
    for name, config in CASES.items():
        model = VQModel.from_config(config).eval()
        sizes = {key: tuple(value.shape) for key, value in model.state_dict().items()}
        model.load_state_dict(drawn_weights(sizes))
        frames = torch.from_numpy(drawn_frames()).permute(0, 3, 1, 2).float() / 127.5 - 1
        model.quantize.sane_index_shape = True
        with torch.no_grad():
            latents = model.encode(frames).latents
            tokens = model.quantize(latents)[2][2]
            entries = model.quantize.get_codebook_entry(tokens.reshape(-1), (*tokens.shape, latents.shape[1]))
            pixels = model.decoder(model.post_quant_conv(entries))
            nearest = torch.cdist(latents.flatten(2).transpose(1, 2), model.quantize.embedding.weight).topk(
                2, -1, False
            )
        margin = float((nearest.values[..., 1] - nearest.values[..., 0]).min())
        print(f"{name}: {tokens.unique().numel()} codes used, least margin {margin:.2g}")
        kept[name] = {
            "sizes": {key: list(size) for key, size in sizes.items()},
            "latents": [round(float(v), 6) for v in latents.permute(0, 2, 3, 1).flatten()],
            "tokens": tokens.tolist(),
            "pixels": [round(float(v), 6) for v in pixels[0].flatten()],
        }
    REFERENCE.write_text(json.dumps(kept, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
