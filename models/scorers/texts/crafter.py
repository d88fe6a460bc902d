"""The zoo's text scorers of Crafter: a video-text network, its held-out judge, and a reader of the state."""

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
register(
    "text-scorer",
    "state-crafter",
    summary="which share of a caption of Crafter holds, from what is read off the clip: tiles by a classifier, actions",
    target="models.state.scorer:state_crafter",
)
