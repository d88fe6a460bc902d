"""``python -m models.checkpoints PATH``: what a checkpoint is, and every key that does not fit."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.errors import DiptychError
from models.checkpoints.describe import Description, describe


def told(what: Description) -> list[str]:
    """Lines for a screen."""
    shape = ", ".join(f"{name} {value}" for name, value in what.shape.model_dump(mode="json").items())
    types = ", ".join(f"{count} tensors of {kind}" for kind, count in sorted(what.types.items()))
    lines = [f"{what.layout}: {what.parameters:,} parameters", f"shape: {shape}", f"stored: {types or 'nothing'}"]
    for title, names in (
        ("missing", what.fit.missing),
        ("unexpected", what.fit.unexpected),
        ("mis-shaped", what.fit.mis_shaped),
    ):
        lines += [f"{len(names)} {title}", *(f"  {name}" for name in names)]
    return [*lines, "it fits" if what.fit else "it does not fit"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Describe a checkpoint; nothing of its weights is read.

    Returns:
        0 if it fits, 1 if it does not or cannot be read, 2 for what was asked wrongly.
    """
    parser = argparse.ArgumentParser(prog="python -m models.checkpoints", description="Describe a checkpoint.")
    parser.add_argument("path", type=Path, help="folder with config.json (Llama or VQModel), or a MineWorld .ckpt")
    parser.add_argument("--config", type=Path, help="MineWorld's configs/*.yaml, for another size than the published")
    parser.add_argument("--image-vocabulary", type=int, help="image token ids are 0 to this, less one")
    parser.add_argument("--json", action="store_true", help="one JSON document on the last line")
    asked = parser.parse_args(arguments)
    try:
        what = describe(asked.path, asked.config, asked.image_vocabulary)
    except DiptychError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(json.dumps(what.facts()) if asked.json else "\n".join(told(what)))
    return 0 if what.fit else 1


if __name__ == "__main__":
    sys.exit(main())
