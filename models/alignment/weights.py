"""Weights of preference pairs: a pair of frequent scores counts least (VideoDPO, section 3.2).

p(s) is the share of all K·N videos in the score's bin of 0.01, prob(pair) = √(p(winner)·p(loser)), and the weight is
(β / prob)^α. With β = p of the most frequent bin every weight is 1 at least; the rarest pairs weigh most. What the
paper's notes and the released code say differs, so every reading has a name in :data:`READINGS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, FiniteFloat

from harness.errors import UsageError, unknown
from harness.histogram import ScoreHistogram
from harness.types import Data
from models.alignment.pairs import Pair

CLIP_PERCENTILE = 99.0
LEAST_ESS_SHARE = 0.3
RELEASE_BETA = 0.72
RELEASE_MISSING_SCORE = 1.0


class WeightOptions(Data):
    """How a pair's weight follows from its probability.

    Attributes:
        alpha: Exponent, not below 0; 0 makes all weights 1 (plain DPO).
        beta: Numerator: ``"mode"`` (p of the most frequent bin), ``"largest-pair"`` (the greatest probability among
            the pairs that are weighted), or a number above 0.
        probability: ``"root"`` √(p_w·p_l), ``"product"`` p_w·p_l, or ``"given"``: a number stored with each pair.
        normalisation: ``"raw"`` (the paper's); ``"mean"``: divided by the mean, so that α does not change the learning
            rate, too; ``"clip"``: cut at the 99th percentile.
    """

    alpha: FiniteFloat = Field(default=1.0, ge=0)
    beta: Annotated[FiniteFloat, Field(gt=0)] | Literal["mode", "largest-pair"] = "mode"
    probability: Literal["root", "product", "given"] = "root"
    normalisation: Literal["raw", "mean", "clip"] = "raw"


READINGS: dict[str, WeightOptions] = {
    "paper": WeightOptions(),
    "quoted": WeightOptions(alpha=RELEASE_BETA, beta=1.0),
    "swapped": WeightOptions(alpha=1.0, beta=RELEASE_BETA),
    "release": WeightOptions(alpha=1.0, beta=RELEASE_BETA, probability="given"),
    "release-config": WeightOptions(alpha=0.0, beta=RELEASE_BETA, probability="given"),
    "sketch": WeightOptions(alpha=1.0, beta="largest-pair", probability="product"),
}
"""Readings of the method.

- ``paper``: β = p of the most frequent bin, α = 1, the best of the ablation.
- ``quoted``: the implementation details as they are quoted, α = 0.72 and β = 1.
- ``swapped``: the same with α and β exchanged, so that 0.72 is β, as in the released code.
- ``release``: ``(0.72 / score)**dupbeta`` of data/video_data.py; dupbeta is 1 by default, ``score`` is stored.
- ``release-config``: the same with the ``dupbeta: 0`` of configs/vc2_dpo/config.yaml, that is, without weights.
- ``sketch``: the comments in OmniScore/visualize_pair_prob.py, largest ``a*b`` over ``a*b``, without the root.

The released code is CIntellifusion/VideoDPO at 1febdb4.
"""


@dataclass(frozen=True)
class PairWeights:
    """Weights of pairs.

    Attributes:
        weights: One per pair, float64, above 0, after normalisation.
        probabilities: prob(pair), as the options define it.
        beta: The numerator that was used.
        options: How they were made.
        maximum: Largest weight, after normalisation.
        raw_maximum: Largest weight before it.
        effective_sample_size: (Σw)² / Σw², from 1 to the number of pairs.
        notes: What a reader must know: few effective pairs, weights below 1, scores that were absent.
    """

    weights: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    beta: float
    options: WeightOptions
    maximum: float
    raw_maximum: float
    effective_sample_size: float
    notes: tuple[str, ...] = ()


def reading(name: str) -> WeightOptions:
    """The options of a named reading; UsageError with the names otherwise."""
    if name not in READINGS:
        raise unknown("reading of the weights", name, READINGS)
    return READINGS[name]


def pair_probabilities(pairs: Sequence[Pair], histogram: ScoreHistogram, *, root: bool = True) -> NDArray[np.float64]:
    """Return √(p_w·p_l) of each pair, or p_w·p_l without the root.

    Raises:
        UsageError: A pair's score is in a bin that no video of the histogram is in.
    """
    winners = histogram.probabilities([pair.winner_score for pair in pairs])
    losers = histogram.probabilities([pair.loser_score for pair in pairs])
    found = winners * losers
    if not found.all():
        strange = pairs[int(np.flatnonzero(found == 0)[0])]
        raise UsageError(
            f"the pair {strange.winner!r} ({strange.winner_score}), {strange.loser!r} ({strange.loser_score}) has a "
            "score that is in no bin of the histogram; make it from all videos that the pairs were chosen from."
        )
    return np.sqrt(found) if root else found


def pair_weights(
    pairs: Sequence[Pair],
    histogram: ScoreHistogram,
    options: WeightOptions | None = None,
    *,
    given: Sequence[float | None] | None = None,
) -> PairWeights:
    """Weigh pairs by how frequent their scores are.

    Args:
        pairs: The pairs of a training set, after any filter.
        histogram: Of the scores of all videos, also of those that are in no pair.
        options: The paper's if None.
        given: For ``probability="given"``: the number stored with each pair, above 0; None is taken as 1, as the
            released loader does.

    Raises:
        UsageError: No pair, ``given`` missing, not asked for, of another length or not above 0; a score that the
            histogram has not; weights too large for floating point.
    """
    options = options or WeightOptions()
    if not pairs:
        raise UsageError("there is no pair to weigh; loosen the filter, or score more videos.")
    probabilities, notes = _probabilities(pairs, histogram, options, given)
    beta = _numerator(options, probabilities, histogram)
    with np.errstate(over="ignore"):
        raw = (beta / probabilities) ** options.alpha
    if not np.isfinite(raw.sum()):
        raise UsageError(f"alpha = {options.alpha} makes weights too large for floating point; choose a smaller one.")
    weights = _normalised(raw, options)
    ess = effective_sample_size(weights)
    if raw.min() < 1:
        below = int((raw < 1).sum())
        notes.append(f"{below} of {len(pairs)} weights are below 1 before normalisation: beta is {beta:.4g}")
    if ess < LEAST_ESS_SHARE * len(pairs):
        notes.append(
            f"the effective sample size is {ess:.1f} of {len(pairs)} pairs, below {LEAST_ESS_SHARE:.0%}: few pairs "
            "carry the loss; consider a smaller alpha or normalisation 'clip'"
        )
    return PairWeights(weights, probabilities, beta, options, float(weights.max()), float(raw.max()), ess, tuple(notes))


def effective_sample_size(weights: Sequence[float] | NDArray[np.float64]) -> float:
    """Return (Σw)² / Σw²: pairs of equal weight that would be as many; scale does not matter.

    Raises:
        UsageError: No weight, or one that is not a number above 0.
    """
    values = np.asarray(weights, dtype=np.float64)
    if not values.size or not np.isfinite(values).all() or values.min() <= 0:
        raise UsageError("an effective sample size needs weights that are finite and above 0.")
    shares = values / values.max()  # squares of large weights would overflow
    return float(shares.sum() ** 2 / np.square(shares).sum())


def _numerator(options: WeightOptions, probabilities: NDArray[np.float64], histogram: ScoreHistogram) -> float:
    if options.beta == "mode":
        return histogram.mode_probability
    return float(probabilities.max()) if options.beta == "largest-pair" else float(options.beta)


def _probabilities(
    pairs: Sequence[Pair],
    histogram: ScoreHistogram,
    options: WeightOptions,
    given: Sequence[float | None] | None,
) -> tuple[NDArray[np.float64], list[str]]:
    if options.probability != "given":
        if given is not None:
            raise UsageError(
                f"numbers stored with pairs were passed, and probability is {options.probability!r}; choose 'given'."
            )
        return pair_probabilities(pairs, histogram, root=options.probability == "root"), []
    if given is None or len(given) != len(pairs):
        passed = "none" if given is None else str(len(given))
        raise UsageError(f"probability 'given' needs a number for each of {len(pairs)} pairs; passed: {passed}.")
    values = np.array([RELEASE_MISSING_SCORE if value is None else value for value in given], dtype=np.float64)
    if not (np.isfinite(values).all() and values.min() > 0):
        raise UsageError("a number stored with a pair is not finite and above 0; it is what 0.72 is divided by.")
    absent = sum(value is None for value in given)
    notes = [f"{absent} of {len(pairs)} pairs have no stored number: taken as {RELEASE_MISSING_SCORE:g}"]
    return values, notes if absent else []


def _normalised(raw: NDArray[np.float64], options: WeightOptions) -> NDArray[np.float64]:
    if options.normalisation == "mean":
        return np.asarray(raw / raw.mean())
    if options.normalisation == "clip":
        return np.minimum(raw, np.percentile(raw, CLIP_PERCENTILE))
    return raw
