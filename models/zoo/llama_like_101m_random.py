"""A Llama of 101 million parameters on the crafter-9x9 grid, with random weights: for speed only."""

from harness.registry import register
from models.ar.shapes import TransformerShape
from models.zoo.cards import VideoModel
from models.zoo.shapes import CRAFTER_ACTIONS, CRAFTER_VOCABULARY

LLAMA_LIKE_101M_RANDOM = VideoModel(
    name="llama-like-101m-random",
    summary="Llama shape, 101M parameters, random weights (speed only), on the crafter-9x9 grid",
    world="crafter-9x9",
    shape=TransformerShape(
        image_vocabulary=CRAFTER_VOCABULARY,
        vocabulary=CRAFTER_VOCABULARY + CRAFTER_ACTIONS,
        hidden=768,
        mlp=2048,
        layers=14,
        heads=12,
        kv_heads=12,
        head_dim=64,
        position="1d",
    ),
    prompt_frames=2,
    frames=6,
    tokenizer="tokenizer_crafter.safetensors",
)
register("model", LLAMA_LIKE_101M_RANDOM.name, summary=LLAMA_LIKE_101M_RANDOM.summary)(LLAMA_LIKE_101M_RANDOM)
