"""What other rooms implement so that the harness can use them: makers, worlds, extractors, comparers, stopwatches."""

from __future__ import annotations

from collections.abc import Sequence
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
    :class:`harness.errors.UsageError` for a device that is not there (:func:`harness.device.parse_device`), and an
    :class:`harness.assets.locate.AbsentError` where its weights are not on this machine: its metrics are then absent.
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


class Scorer(Protocol):
    """Judges frames of a clip, or its steps from frame to frame, without knowing what it should have been.

    Registered as kind ``scorer``: a factory ``f(device: str) -> Scorer``, which raises
    :class:`harness.assets.locate.AbsentError` where its weights are not on this machine. It may have a ``context()``
    like a maker's.

    Attributes:
        least_side: Smallest height and width that it takes, in pixels.
        first: Index of the first frame that has a value: 0 where frames are judged, 1 where steps are.
        every: Frames from one value to the next.
    """

    least_side: int
    first: int
    every: int

    def __call__(self, video: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Map uint8 ``[frames, height, width, 3]`` to float64 ``[values]``; i is of frame ``first + i * every``."""


class TextScorer(Protocol):
    """Says how well a caption fits a clip.

    Registered as kind ``text-scorer``: a factory ``f(device: str) -> TextScorer``, which raises
    :class:`harness.assets.locate.AbsentError` where its weights are not on this machine. It may have a ``context()``
    like a maker's.

    Attributes:
        example: A caption in the words that it knows.
        least_side: Smallest height and width that it takes, in pixels.

    One that takes any words says so by ``open_vocabulary = True``.
    """

    example: str
    least_side: int

    def similarities(self, videos: Sequence[NDArray[np.uint8]], captions: Sequence[str]) -> NDArray[np.float64]:
        """Map clips, uint8 ``[frames, height, width, 3]`` each, and captions to float64 ``[clips, captions]``.

        Values lie in [-1, 1], higher where the caption fits better; a clip's value does not depend on its neighbours.

        Raises:
            DiptychError: An empty caption, or words that it does not know; names them.
        """


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


class BatchedExtractor(Extractor, Protocol):
    """An extractor that takes several clips of one shape at a time; :func:`harness.features.extract_rows` asks for it.

    An extractor may have two more things: ``context()`` like a maker's (its weights' hash, its preprocessing), and
    ``reads_actions = True`` where it also wants to know which actions led from frame to frame.
    """

    def rows(self, videos: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
        """Map clips of one shape, uint8 ``[frames, height, width, 3]`` each, to float64 ``[clips, dimensions]``.

        A row may differ from that of the clip alone by rounding, by less than 1e-4 of its size.
        """
