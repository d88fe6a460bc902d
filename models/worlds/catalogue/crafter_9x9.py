"""The world ``crafter-9x9``: Crafter as its authors show it, 9×7 map tiles over two inventory rows."""

from harness.registry import register

register(
    "world",
    "crafter-9x9",
    summary="Crafter (Minecraft-like): 9x7 map and 2 inventory rows, 72x72 pixels, 9x9 tokens, 17 actions",
    target="models.worlds.crafter:crafter_9x9",
)
