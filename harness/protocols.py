"""What other rooms implement so that the harness can use them: makers, worlds, extractors, comparers, stopwatches."""

from __future__ import annotations

from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.types import Arm, Case, Made, Repeats


class Maker(Protocol):
    """Makes the videos of one family of arms (``decoding``). Registered as kind ``maker``; built once per run.

    The registered target is a factory ``f(device: str, threads: int) -> Maker``. What arms and cases may tell it is
    best declared (:class:`harness.params.ParamModels`): mistakes are then found before anything is loaded.
    """

    def check(self, arm: Arm, case: Case) -> None:
        """Raise :class:`harness.errors.DiptychError` if this arm cannot run this case, or says what nobody reads.

        Called for every arm and case before the first trial: the place to load and render what all of them share.
        """

    def make(self, arm: Arm, case: Case, seed: int, repeats: Repeats) -> Made:
        """Make the video of ``arm`` for ``case``; identical arguments give identical tokens and frames.

        What is timed goes through :func:`harness.measure.measure`.
        """

    def context(self) -> dict[str, Any]:
        """Facts that can change the numbers: weights' hashes, precision, sampling."""


class Extractor(Protocol):
    """Turns a clip into one feature row.

    Registered as kind ``extractor``: a factory ``f(device: str) -> Extractor``, which raises a
    :class:`harness.errors.UsageError` for a device that is not there (:func:`harness.device.parse_device`).
    """

    def __call__(self, video: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Map uint8 ``[frames, height, width, 3]`` to float64 ``[dimensions]``."""


class Comparer(Protocol):
    """Measures how far each frame of a clip is from the same frame of another.

    Registered as kind ``comparer``: a factory ``f(device: str) -> Comparer``, which raises
    :class:`harness.assets.locate.AbsentError` where its weights are not on this machine.

    Attributes:
        least_side: Smallest height and width that it takes, in pixels.
    """

    least_side: int

    def __call__(self, video: NDArray[np.uint8], reference: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Map two clips, uint8 ``[frames, height, width, 3]``, to float64 ``[frames]``; 0 for equal frames."""


class ActionExtractor(Protocol):
    """An extractor that judges a clip by what was commanded; registered as kind ``extractor`` too.

    Where its rows are counts of groups of actions, ``context()["groups"]`` lists them in the row's order, each with a
    ``name`` and its ``actions``.

    Attributes:
        reads_actions: True. A clip whose maker tells no prompt or no actions has no row.
    """

    reads_actions: Literal[True]

    def __call__(
        self, video: NDArray[np.uint8], *, prompt: NDArray[np.uint8], actions: ArrayLike
    ) -> NDArray[np.float64]:
        """Map a clip, the frames before it and the actions ``[frames]`` that led to its frames to ``[dimensions]``."""
