"""What an inverse-dynamics network can tell, for its card: accuracy on real and on reconstructed frames, and mix-ups.

Run it as ``python -m models.training.evaluate_idm [--weights FILE] [--world W ...] [--clips N] [--out FILE]``.
Precision, recall and F1 by group of actions, with the controls, are ``diptych bench actions``.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import DiptychError
from harness.files import write_atomically
from harness.registry import REGISTRY
from models.extractors.idm import CRAFTER_WEIGHTS
from models.idm.loading import load_idm
from models.idm.network import InverseDynamics
from models.tokenizers.loading import load_tokenizer
from models.training.evaluate import interval
from models.training.idm import ActionClips, action_clips
from models.weights import weights_sha256
from models.worlds.types import Split

TOKENIZER = "tokenizer_crafter.safetensors"
MIX_UPS = 12


def told_actions(model: InverseDynamics, clips: ActionClips, batch: int = 16) -> NDArray[np.int64]:
    """The likeliest action of every pair of frames, ids ``[N, T - 1]``."""
    parts = range(0, len(clips.frames), batch)
    return np.concatenate([model.classify(clips.frames[start : start + batch]) for start in parts])


def mix_ups(clips: ActionClips, told: NDArray[np.int64], names: Sequence[str]) -> dict[str, int]:
    """The commonest mistakes, ``"done seen as told"`` → their number."""
    wrong = clips.actions != told
    pairs = Counter(zip(clips.actions[wrong].tolist(), told[wrong].tolist(), strict=True))
    return {f"{names[done]} seen as {names[seen]}": n for (done, seen), n in pairs.most_common(MIX_UPS)}


def by_action(clips: ActionClips, told: NDArray[np.int64], names: Sequence[str]) -> dict[str, dict[str, int]]:
    """Every action that was done or told: how often ``done``, how often ``told``, and how often ``both``."""
    counted = {
        name: {
            "done": int((clips.actions == index).sum()),
            "told": int((told == index).sum()),
            "both": int(((clips.actions == index) & (told == index)).sum()),
        }
        for index, name in enumerate(names)
    }
    return {name: numbers for name, numbers in counted.items() if numbers["done"] or numbers["told"]}


def still_pairs(clips: ActionClips) -> float:
    """Share of pairs whose two frames are equal, pixel by pixel: whatever was done there left no trace."""
    return float((clips.frames[:, 1:] == clips.frames[:, :-1]).all((2, 3, 4)).mean())


def evaluate_idm(
    weights: str, world: str, split: Split = "test", count: int = 64, *, tokenizer: str | None = TOKENIZER
) -> dict[str, Any]:
    """Score a network on ``count`` clips of a split; each clip is a cluster of its own.

    Args:
        weights: Network's file in the zoo, or a path.
        world: Registered world with the network's actions.
        split: ``"validation"`` or ``"test"``.
        count: Clips, at least 2.
        tokenizer: Also score the same clips as this tokenizer reconstructs them, which is the most that a model on its
            tokens can show; None to leave that out.

    Returns:
        Facts by name: ``accuracy`` and ``accuracy_reconstructed`` with t intervals over clips, ``still``,
        ``actions`` and ``mix_ups``.
    """
    model = load_idm(weights)
    clips = action_clips(world, split, count)
    told = told_actions(model, clips)
    facts = {
        "weights": Path(weights).name,
        "weights_sha256": weights_sha256(weights),
        "world": world,
        "split": split,
        "accuracy": interval((told == clips.actions).mean(1)),
        "still": still_pairs(clips),
        "actions": by_action(clips, told, model.shape.actions),
        "mix_ups": mix_ups(clips, told, model.shape.actions),
    }
    if tokenizer is not None:
        coder = load_tokenizer(tokenizer)
        flat = clips.frames.reshape(-1, *clips.frames.shape[2:])
        again = coder.decode(coder.encode(flat)).reshape(clips.frames.shape)
        seen = told_actions(model, ActionClips(again, clips.actions))
        facts["accuracy_reconstructed"] = interval((seen == clips.actions).mean(1))
    return facts


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the scores of an inverse-dynamics network as JSON, one world after another."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--weights", default=CRAFTER_WEIGHTS)
    parser.add_argument("--world", action="append", dest="worlds")
    parser.add_argument("--split", default="test", choices=("validation", "test"))
    parser.add_argument("--clips", type=int, default=64)
    parser.add_argument("--tokenizer", default=TOKENIZER, help="file in the zoo, a path, or 'none'")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    REGISTRY.add_package("world", "models.worlds.catalogue")
    tokenizer = None if options.tokenizer == "none" else options.tokenizer
    try:
        found = [
            evaluate_idm(options.weights, world, options.split, options.clips, tokenizer=tokenizer)
            for world in options.worlds or ("crafter-9x9", "crafter-15x24")
        ]
    except DiptychError as error:
        raise SystemExit(f"error: {error}") from None
    text = json.dumps(found, indent=1)
    print(text)
    if options.out:
        write_atomically(options.out, text.encode())


if __name__ == "__main__":
    main()
