"""The zoo's video transformer on vizdoom-6x8; its card is ``video_transformer_vizdoom_6x8.md``."""

from harness.registry import register
from models.zoo.cards import VideoModel
from models.zoo.shapes import vizdoom_shape

VIDEO_TRANSFORMER_VIZDOOM_6X8 = VideoModel(
    name="video-transformer-vizdoom-6x8",
    summary="3.2M-parameter transformer trained on ViZDoom clips of 6x8 tokens a frame (8 frames of context)",
    world="vizdoom-6x8",
    shape=vizdoom_shape(),
    prompt_frames=2,
    frames=6,
    tokenizer="tokenizer_vizdoom.safetensors",
    weights="video_transformer_vizdoom_6x8.safetensors",
)
register("model", VIDEO_TRANSFORMER_VIZDOOM_6X8.name, summary=VIDEO_TRANSFORMER_VIZDOOM_6X8.summary)(
    VIDEO_TRANSFORMER_VIZDOOM_6X8
)
