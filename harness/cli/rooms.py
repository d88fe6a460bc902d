"""Check that the four rooms come from one distribution: their names are common ones."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from harness.errors import DiptychError

ROOMS = ("harness", "models", "suites", "reports")


def find_room(name: str) -> Path | None:
    """Return the folder that ``import name`` would take, without importing it; None if there is none."""
    module = sys.modules.get(name)
    spec = getattr(module, "__spec__", None) or importlib.util.find_spec(name)
    if spec is None:
        return None
    if spec.origin is not None:
        return Path(spec.origin).resolve().parent
    for location in spec.submodule_search_locations or ():  # a folder without __init__.py
        return Path(location).resolve()
    return None


def check_rooms(home: Path | None = None) -> None:
    """Refuse to start when another ``models``, ``suites`` or ``reports`` hides ours.

    Args:
        home: Folder that holds the four; that of this very file by default.

    Raises:
        DiptychError: Names the folder expected and the folder found.
    """
    home = home or Path(__file__).resolve().parents[2]
    for name in ROOMS:
        found = find_room(name)
        if found != home / name:
            raise DiptychError(
                f"the package {name!r} of diptych is {home / name}, but Python finds "
                f"{found or 'none'} first; start diptych from another folder, or take that one off PYTHONPATH."
            )
