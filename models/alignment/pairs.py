"""Preference pairs from scored videos: which two of the N videos of one prompt are compared (VideoDPO, section 3.2).

Videos of a prompt are ranked by falling score; equal scores are ranked by the video's name, so the same scores always
give the same pairs, whatever the order they come in. Rank 0 is the best. A pair's winner has the higher score: two
videos with equal scores are never a pair.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from pydantic import Field, FiniteFloat

from harness.errors import UsageError, unknown
from harness.types import Data

ALL_EQUAL = "all scores of the prompt are equal"
EQUAL_RANKS = "the two ranks have equal scores"
TOO_FEW_SCORES = "fewer than two videos of the prompt have a score"
NO_SUCH_RANK = "the prompt has no video of that rank"
BELOW_MINIMUM = "the difference is below the minimum"
BELOW_PERCENTILE = "the difference is below the percentile"

NAMED = ("best-worst", "best-random", "adjacent")
BY_RANK = ("01", "02", "03", "12", "13", "23", "02+03+12+13")
"""Strategies by rank that the released code's history has; any sum of two rising digits each works."""


@dataclass(frozen=True)
class ScoredVideo:
    """One video of one prompt.

    Attributes:
        prompt: The prompt, or another key of what the videos have in common.
        video: Its name, unique within the prompt.
        score: Higher is better; None where it could not be scored.
    """

    prompt: str
    video: str
    score: float | None


@dataclass(frozen=True)
class Pair:
    """Two videos of one prompt; the winner's score is above the loser's."""

    prompt: str
    winner: str
    loser: str
    winner_score: float
    loser_score: float

    @property
    def difference(self) -> float:
        """The winner's score minus the loser's, above 0."""
        return self.winner_score - self.loser_score


class DifferenceFilter(Data):
    """Which pairs are kept; both rules look at all pairs of the strategy, and both have to hold.

    Differences are compared in millionths, so that 0.3 − 0.2 is not below 0.1.

    Attributes:
        minimum: Least difference of scores, not below 0.
        percentile: Pairs whose difference is below this percentile of all differences are dropped: 0 (none) to 100.
    """

    minimum: FiniteFloat = Field(default=0.0, ge=0)
    percentile: FiniteFloat = Field(default=0.0, ge=0, le=100)


@dataclass(frozen=True)
class PairSet:
    """Pairs, and what did not become one.

    Attributes:
        strategy: How they were chosen.
        pairs: In the order of the prompts' first appearance, best ranks first.
        prompts: Prompts that were looked at.
        missing_scores: Videos without a score, left out before ranking.
        left_out: Reason → pairs that were not made or not kept. A prompt without a pair of a strategy by rank counts
            once for each of its parts.
    """

    strategy: str
    pairs: tuple[Pair, ...]
    prompts: int
    missing_scores: int = 0
    left_out: dict[str, int] = field(default_factory=dict)


def make_pairs(
    videos: Sequence[ScoredVideo],
    strategy: str = "best-worst",
    *,
    keep: DifferenceFilter | None = None,
    generator: np.random.Generator | None = None,
) -> PairSet:
    """Choose pairs of videos, prompt by prompt.

    Args:
        videos: All videos of all prompts, in any order.
        strategy: ``"best-worst"`` (the paper's); ``"best-random"``: the best against one drawn from those with a lower
            score; ``"adjacent"``: every rank against the next; or ranks as digits, such as ``"01"`` (best against
            second) or the sum ``"02+03+12+13"``.
        keep: Filter of differences; None keeps all, as the paper does.
        generator: Source of ``"best-random"``, one draw a prompt that has a choice; the other strategies draw nothing.

    Raises:
        UsageError: No such strategy, ``"best-random"`` without a generator, no video, a prompt with one video only, a
            name twice in one prompt, or a score that is not finite.
    """
    parts = _ranks_of(strategy)
    if strategy == "best-random" and generator is None:
        raise UsageError("strategy 'best-random' draws videos: pass generator=numpy.random.default_rng(SEED).")
    by_prompt = _by_prompt(videos)
    made: list[Pair] = []
    left_out: Counter[str] = Counter()
    missing = 0
    for prompt, group in by_prompt.items():
        ranked = ranking(group)
        missing += len(group) - len(ranked)
        if len(ranked) < 2:
            left_out[TOO_FEW_SCORES] += 1
        elif ranked[0].score == ranked[-1].score:
            left_out[ALL_EQUAL] += 1
        else:
            for first, second in _chosen(ranked, strategy, parts, generator):
                if second >= len(ranked):
                    left_out[NO_SUCH_RANK] += 1
                elif ranked[first].score == ranked[second].score:
                    left_out[EQUAL_RANKS] += 1
                else:
                    made.append(_pair(prompt, ranked[first], ranked[second]))
    kept = _kept(made, keep or DifferenceFilter(), left_out)
    return PairSet(strategy, tuple(kept), len(by_prompt), missing, dict(sorted(left_out.items())))


def ranking(group: Sequence[ScoredVideo]) -> list[ScoredVideo]:
    """Return the videos that have a score, best first; equal scores by rising name."""
    return sorted((v for v in group if v.score is not None), key=lambda v: (-(v.score or 0.0), v.video))


def _ranks_of(strategy: str) -> tuple[tuple[int, int], ...]:
    """The pairs of ranks that a strategy names; none for the named ones."""
    if strategy in NAMED:
        return ()
    parts = strategy.split("+")
    if not all(re.fullmatch(r"[0-9]{2}", part) and part[0] < part[1] for part in parts) or len(set(parts)) < len(parts):
        raise unknown(
            "pair strategy", strategy, [*NAMED, *BY_RANK], "ranks are two rising digits each, 0 is the best: 01, 02+13"
        )
    return tuple((int(part[0]), int(part[1])) for part in parts)


def _by_prompt(videos: Sequence[ScoredVideo]) -> dict[str, list[ScoredVideo]]:
    groups: dict[str, list[ScoredVideo]] = {}
    seen: set[tuple[str, str]] = set()
    for video in videos:
        if (video.prompt, video.video) in seen:
            raise UsageError(f"video {video.video!r} is there twice for prompt {video.prompt!r}; name each once.")
        if video.score is not None and not math.isfinite(video.score):
            raise UsageError(f"the score of {video.video!r} is {video.score}; give None where a video has no score.")
        seen.add((video.prompt, video.video))
        groups.setdefault(video.prompt, []).append(video)
    if not groups:
        raise UsageError("pairs need two videos of a prompt at least; there is no video.")
    for prompt, group in groups.items():
        if len(group) < 2:
            raise UsageError(f"prompt {prompt!r} has one video; a pair needs two videos of a prompt at least.")
    return groups


def _chosen(
    ranked: Sequence[ScoredVideo],
    strategy: str,
    parts: Sequence[tuple[int, int]],
    generator: np.random.Generator | None,
) -> list[tuple[int, int]]:
    """Ranks of the winner and the loser of each pair of one prompt, whose scores are not all equal."""
    last = len(ranked) - 1
    if strategy == "best-worst":
        return [(0, last)]
    if strategy == "adjacent":
        return [(rank, rank + 1) for rank in range(last)]
    if strategy == "best-random":
        assert generator is not None
        ties = sum(video.score == ranked[0].score for video in ranked)
        return [(0, int(generator.integers(ties, last + 1)))]
    return list(parts)


def _pair(prompt: str, winner: ScoredVideo, loser: ScoredVideo) -> Pair:
    assert winner.score is not None
    assert loser.score is not None
    return Pair(prompt, winner.video, loser.video, float(winner.score), float(loser.score))


def _kept(pairs: Sequence[Pair], keep: DifferenceFilter, left_out: Counter[str]) -> list[Pair]:
    if not pairs:
        return []
    differences = np.rint(np.array([pair.difference for pair in pairs]) * 1e6)
    least = np.rint(keep.minimum * 1e6)
    cut = np.percentile(differences, keep.percentile) if keep.percentile > 0 else -np.inf
    kept = []
    for pair, difference in zip(pairs, differences.tolist(), strict=True):
        if difference < least:
            left_out[BELOW_MINIMUM] += 1
        elif difference < cut:
            left_out[BELOW_PERCENTILE] += 1
        else:
            kept.append(pair)
    return kept
