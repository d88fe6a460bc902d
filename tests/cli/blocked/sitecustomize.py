"""Put on PYTHONPATH, this makes every import of torch fail, as on a machine that has none."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec

BLOCKED = {"torch", "torchvision"}


class Blocker:
    """Refuses the packages above and everything inside them."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r} (blocked by the test)", name=name)
        return None


sys.meta_path.insert(0, Blocker())
