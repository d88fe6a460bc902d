"""Names of the zoo's adapters: finetuned for diagonal decoding with k = 1, and the control with the causal mask."""

from __future__ import annotations

SEEDS = (0, 1, 2)
KINDS = {"diagonal-k1": "diagonal_k1", "control": "control"}
"""Name of an arm's ``weights`` without its seed → part of the file's name."""


def finetunes_of(stem: str) -> dict[str, str]:
    """Files of the adapters of the weights ``stem``, by the name that an arm's ``weights`` gives them."""
    short = stem.removeprefix("video_transformer_")
    return {
        f"{kind}-s{seed}": f"{short}_{part}_s{seed}.safetensors" for kind, part in KINDS.items() for seed in SEEDS
    }
