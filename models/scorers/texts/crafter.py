"""The zoo's video-text networks of Crafter: the scorer, and the judge that shares neither clips, seed nor layers."""

from harness.registry import register

register(
    "text-scorer",
    "video-text-crafter",
    summary="how well a caption of Crafter fits a clip, as a cosine: tiles compared, attention over frames and words",
    target="models.video_text.scorer:video_text_crafter",
)
register(
    "text-scorer",
    "video-text-crafter-judge",
    summary="the same by the held-out judge: 3-D convolutions and recurrent text, other clips, another seed",
    target="models.video_text.scorer:video_text_crafter_judge",
)
