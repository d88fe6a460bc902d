"""The feature space ``x3d-xs-k400-int8dq``: X3D-XS trained on Kinetics-400, for clips of any kind."""

from harness.registry import register

register(
    "extractor",
    "x3d-xs-k400-int8dq",
    summary="2048 features of X3D-XS (Kinetics-400) before its classes: what is there and how it moves, in real video",
    target="models.extractors.x3d:x3d_xs",
)
