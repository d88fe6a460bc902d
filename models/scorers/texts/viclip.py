"""ViCLIP, VBench's measure of how well a caption fits a video."""

from harness.registry import register

register(
    "text-scorer",
    "viclip",
    summary="how well a caption fits a video, as a cosine: ViCLIP ViT-L/14, as VBench's overall consistency",
    target="models.scorers.reference.viclip:VideoText",
)
