"""Laws of comparers: one finite distance per frame, zero for equal frames, each frame by itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from harness.assets.locate import AbsentError
from harness.conformance.laws import Component, Law, does_not_apply, free_of_global_state, refuses, require, same
from harness.conformance.metric import clip
from harness.protocols import Comparer

EQUAL = 1e-5
"""A frame's distance may differ by this fraction with the frames beside it: sums of another order."""


@dataclass
class Subject:
    """A comparer on the CPU, and clips that it takes."""

    component: Component

    @cached_property
    def compare(self) -> Comparer:
        """The comparer; where its weights are not on this machine, its laws do not apply."""
        try:
            found: Comparer = self.component.thing("cpu")
        except AbsentError as error:
            does_not_apply(str(error))
        return found

    @property
    def pair(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """A clip and its noisy copy, drawn anew."""
        true = clip()
        error = np.random.default_rng(2).normal(0, 25, true.shape)
        return np.clip(true + error, 0, 255).astype(np.uint8), true


def prepare(component: Component) -> Subject:
    """The subject; nothing is built yet."""
    return Subject(component)


def _one_per_frame(subject: Subject) -> str:
    compare = subject.compare
    require(isinstance(compare.least_side, int) and compare.least_side >= 1, "least_side is no number of pixels")
    noisy, true = subject.pair
    values = compare(noisy, true)
    require(
        isinstance(values, np.ndarray) and values.dtype == np.float64 and values.shape == (len(true),),
        f"it gives {getattr(values, 'dtype', type(values))} {getattr(values, 'shape', '')}, not float64 [frames]",
    )
    require(bool(np.isfinite(values).all()) and bool((values > 0).all()), f"noisy frames have the distances {values}")
    return f"float64 [{len(values)}], {values.min():.3g} to {values.max():.3g} for a noisy clip"


def _equal_frames(subject: Subject) -> str:
    values = subject.compare(clip(), clip())
    require(bool((values == 0).all()), f"equal frames have the distances {values}")
    return "0 for every frame of a copy"


def _repeatable(subject: Subject) -> str:
    compare, (noisy, true) = subject.compare, subject.pair
    one, other = free_of_global_state(lambda: compare(noisy, true))
    require(same(one, other), f"the same clips give {one} and then {other}")
    require(all(same(a, b) for a, b in zip(subject.pair, (noisy, true), strict=True)), "it changes its input")
    return "the same distances twice, inputs as they were"


def _by_itself(subject: Subject) -> str:
    noisy, true = subject.pair
    together = subject.compare(noisy, true)
    alone = np.concatenate([subject.compare(noisy[t : t + 1], true[t : t + 1]) for t in range(len(true))])
    require(bool(np.allclose(together, alone, rtol=EQUAL, atol=0)), f"together {together}, one by one {alone}")
    return f"{len(true)} frames together and one by one"


def _too_small(subject: Subject) -> str:
    side = subject.compare.least_side - 1
    if side == 0:
        does_not_apply("it takes frames of any size")
    small = np.zeros((1, side, side, 3), np.uint8)
    return refuses(lambda: subject.compare(small, small), f"a clip of {side} × {side}")


def _device(subject: Subject) -> str:
    return refuses(lambda: subject.component.thing("no-such-device"), "an unknown device")


LAWS = (
    Law("one finite distance per frame", _one_per_frame),
    Law("equal frames are at distance 0", _equal_frames),
    Law("repeatable, and touches nothing else", _repeatable),
    Law("a frame's distance does not depend on its neighbours", _by_itself),
    Law("frames that are too small are a clear error", _too_small),
    Law("an unknown device is a clear error", _device),
)
