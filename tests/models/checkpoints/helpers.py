"""A small transformer with weights that tell its parts apart."""

import torch

from models.ar.shapes import TransformerShape
from models.ar.transformer import VideoTransformer


def shape(**changes: object) -> TransformerShape:
    facts = {
        "image_vocabulary": 23, "vocabulary": 26, "hidden": 32, "mlp": 48, "layers": 2, "heads": 4, "kv_heads": 2,
        "head_dim": 8, "rope_theta": 5000.0, "norm_eps": 1e-5,
    }  # fmt: skip
    return TransformerShape(**{**facts, **changes})


def made(**changes: object) -> VideoTransformer:
    model = VideoTransformer(shape(**changes)).reset(torch.Generator().manual_seed(1)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(6)
    return model
