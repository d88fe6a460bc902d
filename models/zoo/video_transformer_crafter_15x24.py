"""The zoo's video transformer on crafter-15x24; its card is ``video_transformer_crafter_15x24.md``."""

from harness.registry import register
from models.zoo.cards import VideoModel
from models.zoo.shapes import crafter_shape

VIDEO_TRANSFORMER_CRAFTER_15X24 = VideoModel(
    name="video-transformer-crafter-15x24",
    summary="2.6M-parameter transformer trained on Crafter clips of 15x24 tokens a frame (7 frames of context)",
    world="crafter-15x24",
    shape=crafter_shape(),
    prompt_frames=2,
    frames=5,
    tokenizer="tokenizer_crafter.safetensors",
    weights="video_transformer_crafter_15x24.safetensors",
)
register("model", VIDEO_TRANSFORMER_CRAFTER_15X24.name, summary=VIDEO_TRANSFORMER_CRAFTER_15X24.summary)(
    VIDEO_TRANSFORMER_CRAFTER_15X24
)
