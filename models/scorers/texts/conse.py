"""The class-name route for natural video and any words."""

from harness.registry import register

register(
    "text-scorer",
    "conse",
    summary="how well a caption fits natural video, by the names of the classes that are seen (ImageNet, Kinetics-400)",
    target="models.scorers.conse:Conse",
)
