"""Write docs/alignment.png: the same prompts and noise without alignment (left) and aligned by VideoDPO (right).

python dev/alignment_sheet.py docs/alignment.png
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from harness.cli.builtin import load_builtin
from harness.files import write_atomically
from harness.registry import REGISTRY
from models.diffusion.text_video import load_text_video
from models.worlds.scene_captions import scene_caption

PROMPTS, FIRST_SEED = 5, 100


def rows(kind: str) -> list[np.ndarray]:
    """Five prompts of the test split by one model, every second frame."""
    name = f"text-to-video-crafter-{kind}"
    before, after = load_text_video(name), load_text_video(name, weights="videodpo-s0")
    clips = REGISTRY.get("world", before.card.world)().clips("test", PROMPTS)
    captions = [str(scene_caption(before.card.world, clip, 0, before.card.frames)) for clip in clips]
    seeds = [FIRST_SEED + index for index in range(PROMPTS)]
    print("\n".join(captions))
    sides = [model.decode(model.sample(captions, seeds).latents) for model in (before, after)]
    gap = np.full((sides[0].shape[2], 8, 3), 255, np.uint8)
    return [
        np.concatenate([np.concatenate(list(one[::2]), 1), gap, np.concatenate(list(other[::2]), 1)], 1)
        for one, other in zip(*sides, strict=True)
    ]


if __name__ == "__main__":
    load_builtin()
    parts = rows("epsilon")
    parts += [np.full((8, parts[0].shape[1], 3), 255, np.uint8), *rows("flow")]
    buffer = io.BytesIO()
    Image.fromarray(np.concatenate(parts)).quantize(64).save(buffer, "PNG", optimize=True)
    write_atomically(Path(sys.argv[1]), buffer.getvalue())
