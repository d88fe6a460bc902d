"""What the captions of a state reader are worth, for its card: shares of fields that hold, of real and rebuilt clips.

Run it as ``python -m models.state.evaluate [--weights FILE] [--split S] [--clips N] [--out FILE]``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import DiptychError
from harness.files import write_atomically
from harness.registry import REGISTRY
from models.state.captions import fields_that_hold, share_that_holds
from models.state.scorer import WEIGHTS, StateScorer
from models.tokenizers.loading import load_tokenizer
from models.training.evaluate import interval
from models.training.state_reader import score, state_frames
from models.weights import weights_sha256
from models.worlds.captions import FIELDS, Caption, crafter_caption
from models.worlds.types import Split

WORLD = "crafter-9x9"
FRAMES = 8
TOKENIZER = "tokenizer_crafter.safetensors"


def own_and_others(told: Sequence[Caption], seen: Sequence[Caption]) -> dict[str, Any]:
    """Shares that hold of the clips' own captions, and of those of other clips.

    Args:
        told: The captions of the clips.
        seen: What was read off them.

    Returns:
        ``own`` and ``other``, with t intervals over clips (``other`` is a clip's mean over the captions of all others
        that differ from its own), and by field ``right`` and ``chance``, the same of captions of other clips.
    """
    shares = np.array([[share_that_holds(one, other) for one in told] for other in seen])
    different = np.array([[one != other for other in told] for one in told])
    holds = [[fields_that_hold(one, other) for one in told] for other in seen]
    fields = {}
    for field in FIELDS:
        own = [holds[i][i][field] for i in range(len(told)) if field in holds[i][i]]
        others = [
            held[field]
            for i, row in enumerate(holds)
            for j, held in enumerate(row)
            if i != j and field in held
        ]  # fmt: skip
        fields[field] = {"right": float(np.mean(own)), "said": len(own), "chance": float(np.mean(others))}
    rows = [float(row[others].mean()) for row, others in zip(shares, different, strict=True) if others.any()]
    return {"own": interval(np.diagonal(shares)), "other": interval(np.array(rows)), "fields": fields}


def evaluate_state_reader(weights: str = WEIGHTS, split: Split = "test", count: int = 256) -> dict[str, Any]:
    """Score a state reader, and the captions that follow from it, on ``count`` clips of ``crafter-9x9``.

    Args:
        weights: State reader's file in the zoo, or a path.
        split: ``"validation"`` or ``"test"``; one clip an episode.
        count: Clips, at least 2.

    Returns:
        Facts by name: ``tiles`` (accuracy of all tiles and its mean over ids), and :func:`own_and_others` of the clips
        (``real``) and as the zoo's tokenizer rebuilds them (``reconstructed``), which is the most that a model on its
        codes can show.
    """
    scorer = StateScorer("cpu", weights)
    clips = REGISTRY.get("world", WORLD)().clips(split, count)
    told = [crafter_caption(clip, 0, FRAMES) for clip in clips]
    videos = [clip.frames[:FRAMES] for clip in clips]
    coder = load_tokenizer(TOKENIZER)
    rebuilt: list[NDArray[np.uint8]] = [coder.decode(coder.encode(video)) for video in videos]
    return {
        "weights": Path(weights).name,
        "weights_sha256": weights_sha256(weights),
        "split": split,
        "clips": count,
        "captions": len(set(told)),
        "tiles": score(scorer.reader, *state_frames(WORLD, split, count)),
        "real": own_and_others(told, [scorer.caption(video) for video in videos]),
        "reconstructed": own_and_others(told, [scorer.caption(video) for video in rebuilt]),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what a state reader's captions are worth, as JSON."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--weights", default=WEIGHTS)
    parser.add_argument("--split", default="test", choices=("validation", "test"))
    parser.add_argument("--clips", type=int, default=256)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    if "models.worlds.catalogue" not in REGISTRY.packages.get("world", []):
        REGISTRY.add_package("world", "models.worlds.catalogue")
    try:
        facts = evaluate_state_reader(options.weights, options.split, options.clips)
    except DiptychError as error:
        raise SystemExit(f"error: {error}") from None
    text = json.dumps(facts, indent=1)
    print(text)
    if options.out:
        write_atomically(options.out, text.encode())


if __name__ == "__main__":
    main()
