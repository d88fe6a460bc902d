"""What collecting and pairing return: counts, weights in short, and the hash that a training names."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from pydantic import Field

from harness.cli.builtin import reach
from harness.types import Data


class WeightSummary(Data):
    """Weights of pairs in short; numbers are None, with the reason, where there is no pair."""

    maximum: float | None = None
    effective_sample_size: float | None = None
    reason: str | None = None


class PreferenceFacts(Data):
    """Pairs that were made.

    Attributes:
        path: The collection's folder.
        pairs_path: The file of pairs.
        prompts: Prompts that were looked at.
        videos: Videos in all.
        pairs: Pairs.
        left_out: Reason → pairs that were not made or not kept.
        missing_scores: Videos without a score.
        weights: In short.
        sha256: Of ``collection.json`` and the file of pairs together: what a training names.
        notes: What a reader must know.
    """

    path: Path
    pairs_path: Path
    prompts: int
    videos: int
    pairs: int
    left_out: dict[str, int] = Field(default_factory=dict)
    missing_scores: int = 0
    weights: WeightSummary
    sha256: str
    notes: tuple[str, ...] = ()


def preference_facts(folder: Path, name: str, found: Any) -> PreferenceFacts:
    """What a file of pairs says: ``found``, called ``name`` in the collection's folder."""
    read: Any = reach("models.alignment.files:read_collection")
    place: Any = reach("models.alignment.files:pair_path")
    collection, path = read(folder), place(folder, name)
    data = (folder / "collection.json").read_bytes() + path.read_bytes()
    why = None if found.weights else found.notes[-1]
    return PreferenceFacts(
        path=folder.resolve(),
        pairs_path=path.resolve(),
        prompts=found.prompts,
        videos=found.prompts * found.options.videos,
        pairs=len(found.pairs),
        left_out=found.left_out,
        missing_scores=found.missing_scores,
        weights=WeightSummary(
            maximum=found.weights.maximum if found.weights else None,
            effective_sample_size=found.weights.effective_sample_size if found.weights else None,
            reason=why,
        ),
        sha256=hashlib.sha256(data).hexdigest(),
        notes=(*collection.notes, *found.notes),
    )
