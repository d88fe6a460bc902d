"""The zoo's captioned video transformer on crafter-9x9; its card is ``text_video_transformer_crafter_9x9.md``."""

from harness.registry import register
from models.ar.shapes import TransformerShape
from models.worlds.captions import LENGTH, WORDS
from models.zoo.cards import VideoModel
from models.zoo.shapes import CRAFTER_ACTIONS, CRAFTER_VOCABULARY, crafter_small_shape

SHAPE: TransformerShape = crafter_small_shape().model_copy(
    update={"vocabulary": CRAFTER_VOCABULARY + CRAFTER_ACTIONS + len(WORDS)}
)
TEXT_VIDEO_TRANSFORMER_CRAFTER_9X9 = VideoModel(
    name="text-video-transformer-crafter-9x9",
    summary="0.9M-parameter transformer of Crafter clips of 9x9 tokens a frame, told a caption (8 frames)",
    world="crafter-9x9",
    shape=SHAPE,
    prompt_frames=1,
    frames=7,
    caption_tokens=LENGTH,
    tokenizer="tokenizer_crafter.safetensors",
    weights="text_video_transformer_crafter_9x9.safetensors",
)
register("model", TEXT_VIDEO_TRANSFORMER_CRAFTER_9X9.name, summary=TEXT_VIDEO_TRANSFORMER_CRAFTER_9X9.summary)(
    TEXT_VIDEO_TRANSFORMER_CRAFTER_9X9
)
