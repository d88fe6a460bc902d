"""How well a text-to-video model does what it is told: ``python -m models.training.evaluate_text_to_video``.

Prints one JSON document; its numbers are the model cards'. Clips whose combination of words no training caption had
are counted by themselves.
"""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.features import extract_rows
from harness.files import write_atomically
from harness.protocols import TextScorer
from harness.registry import REGISTRY
from harness.stats.kvd import kernel_distance
from models.diffusion.text_video import TextVideoModel, load_text_video
from models.training.evaluate import interval
from models.training.progress import Progress
from models.worlds.scene_captions import SceneCaption, is_held_out, scene_caption
from models.worlds.types import Split

JUDGES = ("video-text-crafter", "video-text-crafter-judge", "state-crafter")
PACKAGES = (
    ("model", "models.zoo"),
    ("world", "models.worlds.catalogue"),
    ("extractor", "models.extractors.catalogue"),
    ("text-scorer", "models.scorers.texts"),
)
SPACE = "tokenizer-crafter"
BATCH = 32
SHEET_ROWS = 8


def sampled(model: TextVideoModel, captions: list[str], first_seed: int, **sampling: Any) -> NDArray[np.uint8]:
    """One video per caption, uint8 ``[N, T, H, W, 3]``, by the seeds from ``first_seed`` on."""
    parts = []
    with Progress("videos", len(captions)) as progress:
        for start in range(0, len(captions), BATCH):
            said = captions[start : start + BATCH]
            seeds = [first_seed + start + index for index in range(len(said))]
            parts.append(model.decode(model.sample(said, seeds, **sampling).latents))
            progress.update(start + len(said), "")
    return np.concatenate(parts)


def fits(scorer: TextScorer, videos: NDArray[np.uint8], captions: list[SceneCaption]) -> NDArray[np.float64]:
    """How well each video fits its own caption and, second, that of the next one, ``[N, 2]``."""
    said = [str(caption.base) for caption in captions]
    turned = [*said[1:], said[0]]
    rows = [
        scorer.similarities([video], [own, other])[0] for video, own, other in zip(videos, said, turned, strict=True)
    ]
    return np.stack(rows)


def evaluate(name: str, split: Split, count: int, *, first_seed: int = 10_000, **sampling: Any) -> dict[str, Any]:
    """Score a registered model on the captions of ``count`` clips of a split.

    Args:
        name: Registered text-to-video model.
        split: Split of its world.
        count: Number of clips, each a caption of its own.
        first_seed: Of the first video.
        sampling: ``steps``, ``guidance``, ``eta``.

    Returns:
        JSON: for every judge and both groups of captions (seen, held out) the fit of generated and of real video, with
        the own and with another caption; KVD to the real clips, and that of two halves of them.
    """
    model = load_text_video(name)
    world = REGISTRY.get("world", model.card.world)()
    clips = world.clips(split, count)
    captions = [scene_caption(model.card.world, clip, 0, model.card.frames) for clip in clips]
    real = np.stack([clip.frames[: model.card.frames] for clip in clips])
    made = sampled(model, [str(caption) for caption in captions], first_seed, **sampling)
    extractor = REGISTRY.get("extractor", SPACE)("cpu")
    rows = [np.stack(list(extract_rows(extractor, videos))) for videos in (made, real)]
    held_out = np.array([is_held_out(caption) for caption in captions])
    told: dict[str, Any] = {}
    for judge in JUDGES:
        scorer = REGISTRY.get("text-scorer", judge)("cpu")
        for what, videos in (("generated", made), ("real", real)):
            found = fits(scorer, videos, captions)
            for group, chosen in (("seen", ~held_out), ("held out", held_out)):
                told[f"{judge}, {what}, {group}"] = {
                    "own": interval(found[chosen, 0]),
                    "another's": interval(found[chosen, 1]),
                }
    half = count // 2
    return {
        "model": name,
        "weights_sha256": model.weights_sha256,
        "split": split,
        "clips": count,
        "held_out": int(held_out.sum()),
        "sampling": {"steps": model.card.steps, "guidance": model.card.guidance, **sampling},
        "fits": told,
        "kvd": {
            "generated": kernel_distance(rows[0], rows[1]),
            "real halves": kernel_distance(rows[1][:half], rows[1][half:]),
        },
    }


def sheet(
    name: str, split: Split = "test", count: int = SHEET_ROWS, **sampling: Any
) -> tuple[NDArray[np.uint8], list[str]]:
    """A picture of real clips (left) and what the model makes of their captions (right), and the captions.

    Returns:
        uint8 ``[height, width, 3]``, and one caption a row.
    """
    model = load_text_video(name)
    clips = REGISTRY.get("world", model.card.world)().clips(split, count)
    captions = [str(scene_caption(model.card.world, clip, 0, model.card.frames)) for clip in clips]
    made = sampled(model, captions, 10_000, **sampling)
    rows = []
    for clip, video in zip(clips, made, strict=True):
        shown = [np.concatenate(list(frames[::2]), axis=1) for frames in (clip.frames[: model.card.frames], video)]
        rows.append(np.concatenate((shown[0], np.full((len(shown[0]), 8, 3), 255, np.uint8), shown[1]), axis=1))
    return np.concatenate(rows), captions


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--split", default="test", choices=("train", "validation", "test"))
    parser.add_argument("--clips", type=int, default=256)
    parser.add_argument("--guidance", type=float)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--sheet", type=Path, help="also write a picture of samples")
    asked = parser.parse_args()
    for kind, package in PACKAGES:
        if package not in REGISTRY.packages.get(kind, []):
            REGISTRY.add_package(kind, package)
    given = {key: value for key in ("guidance", "steps") if (value := getattr(asked, key)) is not None}
    print(json.dumps(evaluate(asked.name, asked.split, asked.clips, **given), indent=1))
    if asked.sheet:
        picture, captions = sheet(asked.name, asked.split, **given)
        buffer = io.BytesIO()
        Image.fromarray(picture).quantize(64).save(buffer, "PNG", optimize=True)
        write_atomically(asked.sheet, buffer.getvalue())
        print("\n".join(captions))


if __name__ == "__main__":
    main()
