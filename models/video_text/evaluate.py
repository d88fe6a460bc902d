"""What a video-text network retrieves, for its card: R@1 and R@3 among 64 and among 256 test clips.

Run it as ``python -m models.video_text.evaluate --weights FILE --world W [--clips N] [--among N ...] [--out FILE]``.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import DiptychError, UsageError
from harness.files import write_atomically
from harness.registry import REGISTRY
from harness.stats.retrieval import Recall, chance_level, retrieved, wilson_interval
from models.training.video_text import FRAMES
from models.video_text.scorer import VideoTextScorer
from models.weights import weights_sha256
from models.worlds.caption_text import grammar
from models.worlds.types import Split

RANKS = (1, 3)
LEVEL = 0.95


def pooled_recall(similarities: NDArray[np.float64], captions: Sequence[str], among: int, k: int) -> Recall:
    """R@k of clips, each among the captions of its own pool of ``among`` clips; the pools are disjoint.

    Args:
        similarities: ``[clips, clips]``, row i of clip i and column j of the caption of clip j.
        captions: One a clip.
        among: Clips of a pool; a last pool that would be smaller is left out.
        k: Captions that are looked at.

    Raises:
        UsageError: Fewer clips than a pool has.
    """
    pools = [slice(start, start + among) for start in range(0, len(captions) - among + 1, among)]
    if not pools:
        raise UsageError(f"{len(captions)} clips make no pool of {among}. Try: --clips {among}")
    hits = [int(retrieved(similarities[p, p], captions[p], captions[p], k).sum()) for p in pools]
    count = among * len(pools)
    low, high = wilson_interval(sum(hits), count, LEVEL)
    chance = float(np.mean([chance_level(captions[p], captions[p], k) for p in pools]))
    return Recall(
        k=k, queries=count, hits=sum(hits), value=sum(hits) / count, low=low, high=high, chance=chance, level=LEVEL
    )


def parts_told(captions: Sequence[object], best: NDArray[np.int64]) -> dict[str, dict[str, float]]:
    """How often each part of the best caption is the clip's own: ``right``, and ``chance`` for a caption by lot.

    Args:
        captions: What each clip's caption says, dataclasses; of anything else there are no parts.
        best: For each clip, the index of the caption that fits it best.
    """
    if not all(dataclasses.is_dataclass(caption) for caption in captions):
        return {}
    told: dict[str, dict[str, float]] = {}
    for part in [field.name for field in dataclasses.fields(captions[0])]:  # type: ignore[arg-type]
        said = np.array([getattr(caption, part) for caption in captions])
        right, shares = said == said[best], np.unique(said, return_counts=True)[1] / len(said)
        told[part] = {"right": float(right.mean()), "chance": float((shares**2).sum())}
    return told


def evaluate_video_text(
    weights: str, world: str, split: Split = "test", count: int = 256, among: Sequence[int] = (64, 256)
) -> dict[str, Any]:
    """Score a network on the first frames of ``count`` clips of a split, each from an episode of its own.

    Args:
        weights: Network's file in the zoo, or a path.
        world: Registered world with the network's captions.
        split: ``"validation"`` or ``"test"``.
        count: Clips.
        among: Sizes of pools.

    Returns:
        Facts by name: ``among_<n>`` with ``r1`` and ``r3`` (``value``, ``low``, ``high``, ``chance``), from clip to
        caption; ``captions``, how many are different; ``parts``, of the best caption among all (:func:`parts_told`);
        ``own`` and ``other``, mean cosines of a clip with its own caption and with those of others.
    """
    scorer = VideoTextScorer("cpu", weights)
    say = grammar(world).say
    clips = REGISTRY.get("world", world)().clips(split, count)
    said = [say(clip, 0, FRAMES) for clip in clips]
    captions = [str(caption) for caption in said]
    similarities = scorer.similarities([clip.frames[:FRAMES] for clip in clips], captions)
    different = np.array([[one != other for other in captions] for one in captions])
    facts: dict[str, Any] = {
        "weights": Path(weights).name,
        "weights_sha256": weights_sha256(weights),
        "world": world,
        "split": split,
        "clips": count,
        "captions": len(set(captions)),
        "parts": parts_told(said, similarities.argmax(1)),
        "own": float(np.diagonal(similarities).mean()),
        "other": float(similarities[different].mean()) if different.any() else None,
    }
    for size in among:
        found = {f"r{k}": pooled_recall(similarities, captions, size, k) for k in RANKS if k <= size}
        facts[f"among_{size}"] = {name: recall.model_dump(mode="json") for name, recall in found.items()}
    return facts


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what a video-text network retrieves, as JSON."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--world", required=True)
    parser.add_argument("--split", default="test", choices=("validation", "test"))
    parser.add_argument("--clips", type=int, default=256)
    parser.add_argument("--among", type=int, action="append")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    if "models.worlds.catalogue" not in REGISTRY.packages.get("world", []):
        REGISTRY.add_package("world", "models.worlds.catalogue")
    try:
        facts = evaluate_video_text(
            options.weights, options.world, options.split, options.clips, options.among or (64, 256)
        )
    except DiptychError as error:
        raise SystemExit(f"error: {error}") from None
    text = json.dumps(facts, indent=1)
    print(text)
    if options.out:
        write_atomically(options.out, text.encode())


if __name__ == "__main__":
    main()
