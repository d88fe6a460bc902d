"""Noise of a machine over a run's trials: independent, correlated from one to the next, or drifting."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Noise = Literal["independent", "ar1", "drift"]
NOISES: tuple[Noise, ...] = ("independent", "ar1", "drift")

CORRELATION = 0.9
"""Of one trial with the next, for ``"ar1"``."""

DRIFT = 5.0
"""How far ``"drift"`` carries a run from its first trial to its last, in standard deviations of a trial."""


def draw_noise(kind: Noise, trials: int, spread: float, generator: np.random.Generator) -> NDArray[np.float64]:
    """Draw how much slower than usual the machine is in each trial of a run.

    Args:
        kind: ``"independent"``: nothing is remembered; ``"ar1"``: a stationary first-order autoregression whose
            neighbours correlate by :data:`CORRELATION`; ``"drift"``: a linear trend of random sign and a random walk,
            each :data:`DRIFT` standard deviations wide at the end of the run, on top of independent noise.
        trials: Trials, in the order in which they run.
        spread: Standard deviation of a trial (for ``"drift"``: about the drift).
        generator: Source of randomness.

    Returns:
        Logarithms of the factors on a trial's durations, float64 ``[trials]``.
    """
    own = generator.standard_normal(trials)
    if kind == "independent":
        return spread * own
    if kind == "ar1":
        from scipy.signal import lfilter

        own[1:] *= np.sqrt(1 - CORRELATION**2)
        values: NDArray[np.float64] = lfilter([1.0], [1.0, -CORRELATION], own)
        return spread * values
    trend = DRIFT * generator.choice((-1.0, 1.0)) * np.linspace(0.0, 1.0, trials)
    walk = DRIFT / np.sqrt(trials) * np.cumsum(generator.standard_normal(trials))
    drifting: NDArray[np.float64] = spread * (own + trend + walk)
    return drifting
