"""From scored videos to weighed pairs: chosen, counted, weighed, and kept in a file; nothing is sampled again."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harness.errors import DiptychError, UsageError
from harness.files import file_sha256, write_atomically
from harness.histogram import ScoreHistogram
from harness.seeds import derived_seed
from models.alignment.artefact import (
    COLLECTION,
    PAIRS,
    Bins,
    CollectionPlan,
    PairFile,
    PairOptions,
    VideoRow,
    WeighedPair,
    WeightFacts,
)
from models.alignment.files import as_bytes, finished_collection, pair_path, read_rows
from models.alignment.pairs import ScoredVideo, make_pairs
from models.alignment.scores import ranking_scores
from models.alignment.weights import pair_weights


def default_options(plan: CollectionPlan) -> PairOptions:
    """The paper's: best against worst of all videos by the collection's score, no filter."""
    return PairOptions(score=plan.score, videos=plan.videos)


def make_pair_file(folder: Path, options: PairOptions | None = None, name: str = PAIRS) -> PairFile:
    """Choose and weigh pairs of a finished collection, and write them beside it.

    Args:
        folder: The collection.
        options: The paper's if None.
        name: Of the file, without its suffix.

    Returns:
        What was written.

    Raises:
        UsageError: No collection, a score that was not kept, more videos than there are, or a name that is in use for
            other pairs.
        DiptychError: The collection is unfinished, damaged or changed.
    """
    path = pair_path(folder, name)
    collection = finished_collection(folder)
    options = options or default_options(collection.plan)
    sha256 = file_sha256(folder / COLLECTION)
    found = choose_pairs(read_rows(folder), collection.plan, options, sha256)
    data = as_bytes(found)
    if path.is_file() and path.read_bytes() != data:
        raise UsageError(
            f"{path} is there and holds other pairs; what was trained on them names it by its hash. Choose another "
            "name with --out, or delete the file."
        )
    try:
        write_atomically(path, data)
    except OSError as error:
        raise DiptychError(f"the pairs cannot be written to {path}: {error.strerror or error}.") from error
    return found


def choose_pairs(rows: Sequence[VideoRow], plan: CollectionPlan, options: PairOptions, sha256: str) -> PairFile:
    """Choose and weigh pairs.

    Args:
        rows: All videos of the collection.
        plan: Of the collection.
        options: How.
        sha256: Of ``collection.json``.

    Raises:
        UsageError: A score that was not kept, or more videos than there are.
    """
    if not 2 <= options.videos <= plan.videos:
        raise UsageError(
            f"pairs can be made of 2 to {plan.videos} videos a prompt, those of this collection, not {options.videos}."
        )
    used = _used(rows, plan, options)
    scores, note = ranking_scores(used, plan, options.score)
    videos = [ScoredVideo(str(row.prompt), row.video, score) for row, score in zip(used, scores, strict=True)]
    draw = np.random.default_rng(derived_seed(options.seed, "best-random"))
    chosen = make_pairs(videos, options.strategy, keep=options.keep, generator=draw)
    known = [score for score in scores if score is not None]
    histogram = ScoreHistogram.of(known) if known else None
    notes = [note] if note else []
    weights, pairs = None, []
    if chosen.pairs and histogram is not None:
        given = [None] * len(chosen.pairs) if options.weights.probability == "given" else None
        weighed = pair_weights(chosen.pairs, histogram, options.weights, given=given)
        notes += weighed.notes
        weights = WeightFacts(
            beta=weighed.beta,
            maximum=weighed.maximum,
            raw_maximum=weighed.raw_maximum,
            effective_sample_size=weighed.effective_sample_size,
        )
        pairs = [
            WeighedPair(
                prompt=int(pair.prompt),
                winner=pair.winner,
                loser=pair.loser,
                winner_score=pair.winner_score,
                loser_score=pair.loser_score,
                probability=probability,
                weight=weight,
            )
            for pair, probability, weight in zip(
                chosen.pairs, weighed.probabilities.tolist(), weighed.weights.tolist(), strict=True
            )
        ]
    else:
        notes.append(f"there is no pair of {chosen.prompts} prompts: {_counted(chosen.left_out)}")
    return PairFile(
        collection_sha256=sha256,
        options=options,
        prompts=chosen.prompts,
        missing_scores=chosen.missing_scores,
        left_out=chosen.left_out,
        histogram=None if histogram is None else _bins(histogram),
        weights=weights,
        notes=tuple(notes),
        pairs=tuple(pairs),
    )


def _used(rows: Sequence[VideoRow], plan: CollectionPlan, options: PairOptions) -> list[VideoRow]:
    """Videos of the chosen share of prompts, the first N of each, in order.

    Prompts are put in an order by a hash of seed and number, and the first share of it is taken: a quarter is a part of
    the half, and does not depend on how a file of prompts is sorted.
    """
    count = plan.prompts.count
    kept = max(1, round(options.fraction * count))
    order = sorted(range(count), key=lambda n: hashlib.sha256(f"share\x00{options.seed}\x00{n}".encode()).digest())
    prompts = set(order[:kept])
    by_prompt: dict[int, list[VideoRow]] = defaultdict(list)
    for row in rows:
        if row.prompt in prompts:
            by_prompt[row.prompt].append(row)
    return [row for prompt in sorted(by_prompt) for row in by_prompt[prompt][: options.videos]]


def _bins(histogram: ScoreHistogram) -> Bins:
    return Bins(
        counts=histogram.counts, n=histogram.n, mode=histogram.mode, mode_probability=histogram.mode_probability
    )


def _counted(left_out: dict[str, int]) -> str:
    return "; ".join(f"{count} × {reason}" for reason, count in left_out.items())
