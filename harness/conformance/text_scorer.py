"""Laws of text scorers: finite cosines, each clip by itself, and one clear error for words that are not known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from harness.assets.locate import AbsentError
from harness.conformance.laws import (
    Component,
    Law,
    LawBrokenError,
    does_not_apply,
    free_of_global_state,
    refuses,
    require,
    same,
)
from harness.errors import DiptychError
from harness.protocols import TextScorer

EQUAL = 1e-5
"""A clip's value may differ by this much with the clips beside it: sums of another order."""
SIZES = ((8, 72, 72), (8, 48, 64), (8, 224, 224))
"""Frames, height and width that are tried, in this order."""
STRANGE = "qqxqq"


def textured(size: tuple[int, int, int], seed: int) -> NDArray[np.uint8]:
    """A clip of drawn tiles that scroll, uint8 ``[frames, height, width, 3]``."""
    frames, height, width = size
    tiles = np.random.default_rng(seed).integers(0, 256, (-(-height // 8), -(-width // 8), 3), dtype=np.uint8)
    ground = np.repeat(np.repeat(tiles, 8, 0), 8, 1)[:height, :width]
    return np.stack([np.roll(ground, t * (1 + seed), 1) for t in range(frames)])


@dataclass
class Subject:
    """A text scorer on the CPU, and clips of a size that it takes."""

    component: Component

    @cached_property
    def scorer(self) -> TextScorer:
        """The scorer; where its weights are not on this machine, its laws do not apply."""
        try:
            found: TextScorer = self.component.thing("cpu")
        except AbsentError as error:
            does_not_apply(str(error))
        return found

    @property
    def clips(self) -> list[NDArray[np.uint8]]:
        """Three clips, drawn anew."""
        return [textured(self.size, seed) for seed in range(3)]

    @cached_property
    def size(self) -> tuple[int, int, int]:
        """Frames, height and width that it takes."""
        reasons = []
        for size in SIZES:
            try:
                self.scorer.similarities([textured(size, 0)], [self.scorer.example])
            except DiptychError as error:
                reasons.append(str(error))
            else:
                return size
        raise LawBrokenError(f"it takes no clip of {', '.join(map(str, SIZES))}: {reasons[0]}")


def prepare(component: Component) -> Subject:
    """The subject; nothing is built yet."""
    return Subject(component)


def _cosines(subject: Subject) -> str:
    scorer = subject.scorer
    require(isinstance(scorer.example, str) and bool(scorer.example.strip()), "it has no example caption")
    require(isinstance(scorer.least_side, int) and scorer.least_side >= 1, "least_side is no number of pixels")
    values = scorer.similarities(subject.clips, [scorer.example] * 2)
    require(
        isinstance(values, np.ndarray) and values.dtype == np.float64 and values.shape == (3, 2),
        f"it gives {getattr(values, 'dtype', type(values))} {getattr(values, 'shape', '')}, "
        "not float64 [clips, captions]",
    )
    require(bool(np.isfinite(values).all()), "a value is NaN or infinite")
    require(bool((abs(values) <= 1).all()), f"values reach from {values.min():.4g} to {values.max():.4g}, not [-1, 1]")
    require(bool((abs(values[:, 0] - values[:, 1]) <= EQUAL).all()), "one caption, told twice, has two values")
    require(float(np.ptp(values[:, 0])) > 0, "three clips have one value: it does not look at them")
    return f"float64 [3, 2], {values.min():.3g} to {values.max():.3g}"


def _repeatable(subject: Subject) -> str:
    scorer, clips, before = subject.scorer, subject.clips, subject.clips
    one, other = free_of_global_state(lambda: scorer.similarities(clips, [scorer.example]))
    require(all(same(a, b) for a, b in zip(clips, before, strict=True)), "it changes its input")
    require(same(one, other), "the same clips give two different values")
    rebuilt = subject.component.thing("cpu").similarities(clips, [scorer.example])
    require(same(one, rebuilt), "a scorer built anew gives other values")
    return "the same values twice, and by one built anew"


def _by_itself(subject: Subject) -> str:
    scorer, clips = subject.scorer, subject.clips
    together = scorer.similarities(clips, [scorer.example])
    alone = np.concatenate([scorer.similarities([clip], [scorer.example]) for clip in clips])
    turned = scorer.similarities(clips[::-1], [scorer.example])[::-1]
    for name, values in (("one by one", alone), ("in another order", turned)):
        apart = float(abs(together - values).max())
        require(apart <= EQUAL, f"{name} the values differ by {apart:.2g}")
    return "three clips together, one by one and in another order"


def _words(subject: Subject) -> str:
    scorer, clips = subject.scorer, subject.clips[:1]
    if getattr(scorer, "open_vocabulary", False):
        does_not_apply("it takes any words")
    told = refuses(lambda: scorer.similarities(clips, [f"{scorer.example} {STRANGE}"]), "an unknown word")
    require(STRANGE in told, f"the error does not name the unknown word: {told}")
    named = [word for word in scorer.example.lower().replace(";", " ").replace(",", " ").split() if word in told]
    require(bool(named), f"the error names no valid words: {told}")
    return told[:200]


def _empty(subject: Subject) -> str:
    scorer, clips = subject.scorer, subject.clips[:1]
    refuses(lambda: scorer.similarities(clips, ["  "]), "a caption of nothing but spaces")
    return refuses(lambda: scorer.similarities(clips, [""]), "an empty caption")[:200]


def _too_small(subject: Subject) -> str:
    side = subject.scorer.least_side - 1
    if side == 0:
        does_not_apply("it takes frames of any size")
    small = np.zeros((subject.size[0], side, side, 3), np.uint8)
    return refuses(lambda: subject.scorer.similarities([small], [subject.scorer.example]), f"a clip of {side} × {side}")


def _device(subject: Subject) -> str:
    return refuses(lambda: subject.component.thing("no-such-device"), "an unknown device")


LAWS = (
    Law("finite values in [-1, 1]", _cosines),
    Law("repeatable, and touches nothing else", _repeatable),
    Law("a clip's value does not depend on its neighbours", _by_itself),
    Law("unknown words are one clear error", _words),
    Law("an empty caption is a clear error", _empty),
    Law("frames that are too small are a clear error", _too_small),
    Law("an unknown device is a clear error", _device),
)
