"""The zoo's video-text networks of ViZDoom: the scorer, and the judge that shares neither clips, seed nor layers."""

from harness.registry import register

register(
    "text-scorer",
    "video-text-vizdoom",
    summary="how well a caption of ViZDoom fits a clip, as a cosine: tiles compared, attention over frames and words",
    target="models.video_text.scorer:video_text_vizdoom",
)
register(
    "text-scorer",
    "video-text-vizdoom-judge",
    summary="the same by the held-out judge: 3-D convolutions and recurrent text, other clips, another seed",
    target="models.video_text.scorer:video_text_vizdoom_judge",
)
