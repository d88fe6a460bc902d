"""A video transformer of two layers on Crafter's 9 × 9 tokens, with random weights: what it makes says nothing.

A trained model names its own file: ``weights=str(Path(__file__).with_name("mine.safetensors"))``.
"""

from models.zoo.cards import VideoModel
from models.zoo.shapes import crafter_shape

TINY_RANDOM = VideoModel(
    name="tiny-random",
    summary="2 layers, random weights (speed only), on the crafter-9x9 grid",
    world="crafter-9x9",
    shape=crafter_shape(layers=2),
    prompt_frames=1,
    frames=3,
    tokenizer="tokenizer_crafter.safetensors",
    random_seed=7,
)
