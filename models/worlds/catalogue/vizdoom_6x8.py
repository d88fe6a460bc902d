"""The world ``vizdoom-6x8``: ViZDoom's bundled scenarios in first person."""

from harness.registry import register

register(
    "world",
    "vizdoom-6x8",
    summary="ViZDoom (first-person 3-D): 8 bundled scenarios, 64x48 pixels, 6x8 tokens, 8 actions",
    target="models.worlds.vizdoom:vizdoom_6x8",
)
