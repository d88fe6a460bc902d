"""What preference training reads: captions, latents of winners and losers, weights; out of a finished collection."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from harness.errors import DiptychError, UsageError
from models.alignment.artefact import COLLECTION, PAIRS, CollectionFile, PairFile, VideoRow
from models.alignment.files import MAKE_ONE, finished_collection, pair_path, read_pairs, read_rows
from models.alignment.latents import read_shard


@dataclass(frozen=True)
class Preferences:
    """Weighed pairs of latents.

    Attributes:
        captions: What the model was told, one a pair.
        winners: float32 ``[n, C, T, H, W]``, stored in float16: what was decoded and scored.
        losers: The same of the other videos.
        weights: float64 ``[n]``, above 0.
        sha256: Of ``collection.json`` and the file of pairs, one after the other.
        facts: Where they come from (JSON): folder, file of pairs, model, its weights' SHA-256, score, options, counts.
    """

    captions: tuple[str, ...]
    winners: Tensor
    losers: Tensor
    weights: Tensor
    sha256: str
    facts: dict[str, Any] = field(default_factory=dict)


def read_preferences(folder: Path, pairs: str = PAIRS) -> Preferences:
    """Read the pairs of a collection with their latents, every file checked against its hash.

    Args:
        folder: The collection's folder, or a file of pairs in it.
        pairs: Name of the file of pairs, where ``folder`` is a folder.

    Raises:
        UsageError: No such folder, collection or file of pairs, or no pair in it.
        DiptychError: The collection is unfinished, or one of its files is missing, damaged or changed.
    """
    folder = Path(folder)
    if folder.is_file():
        folder, pairs = folder.parent, folder.name
    if not folder.is_dir():
        raise UsageError(f"there is no folder {str(folder)!r}. {MAKE_ONE}")
    collection = finished_collection(folder)
    chosen = read_pairs(folder, pairs)
    if not chosen.pairs:
        why = "; ".join(f"{count} × {reason}" for reason, count in chosen.left_out.items())
        raise UsageError(
            f"{pair_path(folder, pairs)} has no pair to train on ({why}). Score more videos, or loosen the filter: "
            f"diptych align pairs {folder} --out NAME"
        )
    rows = {row.video: row for row in read_rows(folder)}
    named = {name for pair in chosen.pairs for name in (pair.winner, pair.loser)}
    if not named <= rows.keys():
        raise DiptychError(f"{pair_path(folder, pairs)} names {sorted(named - rows.keys())[0]!r}, which is no video.")
    latents = _latents(folder, collection, [rows[name] for name in sorted(named)])
    data = (folder / COLLECTION).read_bytes() + pair_path(folder, pairs).read_bytes()
    return Preferences(
        captions=tuple(rows[pair.winner].text for pair in chosen.pairs),
        winners=torch.stack([latents[pair.winner] for pair in chosen.pairs]),
        losers=torch.stack([latents[pair.loser] for pair in chosen.pairs]),
        weights=torch.tensor([pair.weight for pair in chosen.pairs], dtype=torch.float64),
        sha256=hashlib.sha256(data).hexdigest(),
        facts=_facts_of(folder, pair_path(folder, pairs).stem, collection, chosen),
    )


def _latents(folder: Path, collection: CollectionFile, rows: list[VideoRow]) -> Mapping[str, Tensor]:
    expected = {shard.file: shard.sha256 for shard in collection.shards}
    by_file: dict[str, list[VideoRow]] = {}
    for row in rows:
        by_file.setdefault(row.shard, []).append(row)
    found: dict[str, Tensor] = {}
    for file, inside in by_file.items():
        if file not in expected:
            raise DiptychError(f"{folder / COLLECTION} does not name the latents {file}. Restore the file.")
        stored = read_shard(folder / file, expected[file])
        found |= {row.video: stored.latents[row.row].float() for row in inside}
    return found


def _facts_of(folder: Path, pairs: str, collection: CollectionFile, chosen: PairFile) -> dict[str, Any]:
    plan = collection.plan
    return {
        "folder": str(folder),
        "pairs_file": pairs,
        "model": plan.model,
        "weights": plan.weights,
        "weights_sha256": plan.weights_sha256,
        "aligned_sha256": plan.aligned_sha256,
        "prompts": plan.prompts.model_dump(mode="json"),
        "videos": chosen.options.videos,
        "collection_seed": plan.seed,
        "score": chosen.options.score,
        "options": chosen.options.model_dump(mode="json"),
        "pairs": len(chosen.pairs),
        "left_out": chosen.left_out,
        "weight_facts": None if chosen.weights is None else chosen.weights.model_dump(mode="json"),
        "notes": list(chosen.notes),
    }
