"""The world ``crafter-15x24``: Crafter with MineWorld's 14×24 map tiles over one inventory row."""

from harness.registry import register

register(
    "world",
    "crafter-15x24",
    summary="Crafter at MineWorld's map size: 24x14 map and 1 inventory row, 192x120 pixels, 15x24 tokens, 17 actions",
    target="models.worlds.crafter:crafter_15x24",
)
