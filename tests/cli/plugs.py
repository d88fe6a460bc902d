"""Distributions for tests: the metadata that an installer would leave in a folder on the path."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def distribution(folder: Path, name: str, points: Mapping[str, Mapping[str, str]], summary: str = "") -> None:
    """Write the metadata of distribution ``name``, version 1.0.

    Args:
        folder: A folder on the path.
        name: Its name.
        points: Entry points by plural kind, such as ``{"metrics": {"mine": "module:MINE"}}``.
        summary: Its one line.
    """
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    told = f"Summary: {summary}\n" if summary else ""
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{told}")
    groups = (
        f"[diptych.{kind}]\n" + "".join(f"{k} = {v}\n" for k, v in named.items()) for kind, named in points.items()
    )
    (info / "entry_points.txt").write_text("".join(groups))
