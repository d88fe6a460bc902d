"""The zoo's video transformer on crafter-9x9; its card is ``video_transformer_crafter_9x9.md``."""

from harness.registry import register
from models.zoo.cards import VideoModel
from models.zoo.finetunes import finetunes_of
from models.zoo.shapes import crafter_shape

VIDEO_TRANSFORMER_CRAFTER_9X9 = VideoModel(
    name="video-transformer-crafter-9x9",
    summary="2.6M-parameter transformer trained on Crafter clips of 9x9 tokens a frame (8 frames of context)",
    world="crafter-9x9",
    shape=crafter_shape(),
    prompt_frames=2,
    frames=6,
    tokenizer="tokenizer_crafter.safetensors",
    weights="video_transformer_crafter_9x9.safetensors",
    finetunes=finetunes_of("video_transformer_crafter_9x9"),
)
register("model", VIDEO_TRANSFORMER_CRAFTER_9X9.name, summary=VIDEO_TRANSFORMER_CRAFTER_9X9.summary)(
    VIDEO_TRANSFORMER_CRAFTER_9X9
)
