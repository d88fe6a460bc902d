"""Laws of scorers: finite values in the order of frames, read off pixels alone, and clear where there is none."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from harness.assets.locate import AbsentError
from harness.conformance.laws import Component, Law, does_not_apply, free_of_global_state, refuses, require, same
from harness.conformance.metric import clip
from harness.errors import DiptychError, NoValueError
from harness.protocols import Scorer


@dataclass
class Subject:
    """A scorer on the CPU, and clips that it takes."""

    component: Component

    @cached_property
    def score(self) -> Scorer:
        """The scorer; where its weights or its library are not on this machine, its laws do not apply."""
        try:
            found: Scorer = self.component.thing("cpu")
        except AbsentError as error:
            does_not_apply(str(error))
        return found


def prepare(component: Component) -> Subject:
    """The subject; nothing is built yet."""
    return Subject(component)


def _values(subject: Subject) -> str:
    score = subject.score
    require(isinstance(score.least_side, int) and score.least_side >= 1, "least_side is no number of pixels")
    require(score.first in (0, 1), f"first is {score.first}, neither 0 (frames) nor 1 (steps)")
    require(isinstance(score.every, int) and score.every >= 1, f"every is {score.every}, no number of frames")
    values = score(clip())
    require(
        isinstance(values, np.ndarray) and values.dtype == np.float64 and values.ndim == 1,
        f"it gives {getattr(values, 'dtype', type(values))} {getattr(values, 'shape', '')}, not float64 [values]",
    )
    most = len(range(score.first, len(clip()), score.every))
    least = most if score.every == 1 else 1
    require(least <= len(values) <= most, f"{len(clip())} frames have {len(values)} values, expected {most}")
    require(bool(np.isfinite(values).all()), f"the values are {values}")
    return f"{len(values)} values of {len(clip())} frames, {values.min():.4g} to {values.max():.4g}"


def _repeatable(subject: Subject) -> str:
    score, video = subject.score, clip()
    one, other = free_of_global_state(lambda: score(video))
    require(same(one, other), f"the same clip gives {one} and then {other}")
    require(same(video, clip()), "it changes its input")
    return "the same values twice, input as it was"


def _another_clip_between(subject: Subject) -> str:
    score = subject.score
    before = score(clip())
    between = score(clip(seed=7))
    require(same(score(clip()), before), "a clip's values depend on the clip that was scored before it")
    require(not same(between, before), "another clip has the same values")
    return "the same values after another clip"


def _in_order(subject: Subject) -> str:
    score, video = subject.score, clip()
    damaged = video.copy()
    damaged[4:] = 255 - damaged[4:]
    whole, half = score(video), score(damaged)
    require(same(whole[:1], half[:1]), "the first frame's value depends on what becomes of the last ones")
    require(not same(whole[-1:], half[-1:]), "the last value is not that of the last frames")
    return "frames that are damaged at the end change the last values, and not the first"


def _single_frame(subject: Subject) -> str:
    score = subject.score
    if score.first == 0:
        require(len(score(clip()[:1])) == 1, "a single frame has no value, though frames are judged")
        return "a single frame has one value"
    return _has_none(subject, clip()[:1], "a single frame")


def _has_none(subject: Subject, video: np.ndarray, what: str) -> str:
    try:
        values = subject.score(video)
    except NoValueError as error:
        return str(error)
    except DiptychError as error:
        require(False, f"{what} is refused ({error}); raise harness.errors.NoValueError, so that a run goes on")
    else:
        require(bool(np.isfinite(values).all()), f"{what} has the values {values}")
    return f"{what} has a finite value"


def _flat(subject: Subject) -> str:
    told = []
    for name, level in (("black", 0), ("grey", 128)):
        told.append(_has_none(subject, np.full_like(clip(), level), f"a {name} clip"))
    return "; ".join(dict.fromkeys(told))


def _too_small(subject: Subject) -> str:
    side = subject.score.least_side - 1
    if side == 0:
        does_not_apply("it takes frames of any size")
    return _has_none(subject, clip()[:, :side, :side], f"a clip of {side} × {side}")


def _device(subject: Subject) -> str:
    return refuses(lambda: subject.component.thing("no-such-device"), "an unknown device")


LAWS = (
    Law("finite values, as many as declared", _values),
    Law("repeatable, and touches nothing else", _repeatable),
    Law("a clip's values do not depend on other clips", _another_clip_between),
    Law("values stand in the order of the frames", _in_order),
    Law("a single frame has a value, or a reason why not", _single_frame),
    Law("flat clips have a value, or a reason why not", _flat),
    Law("frames that are too small have a reason why not", _too_small),
    Law("an unknown device is a clear error", _device),
)
