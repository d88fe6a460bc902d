"""Laws of metrics: declared completely, finite where they apply, and better where things are better."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.absent import missing_assets, missing_packages
from harness.conformance.laws import Component, Law, LawBrokenError, does_not_apply, free_of_global_state, require, same
from harness.errors import DiptychError, NoValueError
from harness.metrics.by_frame import mean_of_frames
from harness.registry import REGISTRY
from harness.types import Made, Metric

FRAMES, SIDE = 6, 48
LEAST_BLOCKS = 6
ROWS, DIMENSIONS = 96, 8
EXAMPLE = "an example"
"""Caption of what a maker tells; a metric that reads captions gets one in words that its network knows."""


def clip(seed: int = 0) -> NDArray[np.uint8]:
    """A textured clip in which something moves, uint8 ``[6, 48, 48, 3]``."""
    rng = np.random.default_rng(seed)
    tiles = rng.integers(40, 216, (SIDE // 8, SIDE // 8, 3))
    ground = np.repeat(np.repeat(tiles, 8, 0), 8, 1)
    frames = np.repeat(ground[None], FRAMES, 0)
    for t in range(FRAMES):
        frames[t, 16:28, 4 + 4 * t : 16 + 4 * t] = (230, 60, 20)
    made_of: NDArray[np.uint8] = frames.astype(np.uint8)
    return made_of


def _noise(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    error = np.random.default_rng(1).normal(0, 40, frames.shape)
    return np.clip(frames + error, 0, 255).astype(np.uint8)


def _blur(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    moved = [np.roll(frames.astype(float), (dy, dx), (1, 2)) for dy in range(-3, 4) for dx in range(-3, 4)]
    blurred: NDArray[np.uint8] = np.mean(moved, axis=0).astype(np.uint8)
    return blurred


def _dark(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    darker: NDArray[np.uint8] = frames // 3
    return darker


def _frozen(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(frames[:1], len(frames), 0)


DAMAGES: dict[str, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    "noise": _noise,
    "blur": _blur,
    "darkness": _dark,
    "standing still": _frozen,
}


class Told(dict[str, float]):
    """What a maker that knows everything tells of its video: one number, whatever is asked for."""

    def __init__(self, number: float = 0.5) -> None:
        super().__init__()
        self.number = number

    def __missing__(self, name: str) -> float:
        return self.number

    def __contains__(self, name: object) -> bool:
        return True

    def get(self, name: str, default: Any = None) -> Any:
        """The number."""
        del name, default
        return self.number


def made(video: NDArray[np.uint8], reference: NDArray[np.uint8] | None, **changes: Any) -> Made:
    """What a maker that tells everything returns for a clip."""
    whole = Made(
        video=video,
        reference=reference,
        prompt=clip()[:2],
        seconds=[0.5, 0.52, 0.49],
        first_call_seconds=0.9,
        prefill_seconds=0.05,
        peak_memory_bytes=10**8,
        counts={"frames": len(video), "tokens": 36 * len(video), "passes": 20 * len(video)},
        values=Told(),
        hashes={},
        energy_joules=4.0,
        info=Told(),
        frame_seconds=[0.3, 0.5],
        caption=EXAMPLE,
    )
    return replace(whole, **changes)


def value_of(metric: Metric, thing: Made) -> float | None:
    """The metric's value, which must be a finite number or None; None, too, where it says why it has none."""
    try:
        value = metric.compute(captioned(metric, thing))
    except NoValueError:
        return None
    require(
        value is None or (isinstance(value, int | float | np.floating) and math.isfinite(value)),
        f"compute gives {value!r}; a value is a finite number, or None where the metric does not apply",
    )
    return None if value is None else float(value)


def captioned(metric: Metric, thing: Made) -> Made:
    """The same with a caption in the words of the text scorer that stands in the name of the metric or of a part."""
    if "caption" not in metric.needs or thing.caption != EXAMPLE:
        return thing
    known = {entry.name for entry in REGISTRY.list("text-scorer")}
    named = (name.partition("[")[2].rstrip("]") for name in (metric.name, *metric.parts))
    scorer = next((name for name in named if name in known), None)
    return thing if scorer is None else replace(thing, caption=REGISTRY.get("text-scorer", scorer)("cpu").example)


def _needs_its_files(component: Component) -> None:
    """Leave a law about values where a package or a weight file of the metric is not on this machine."""
    lacking = missing_packages(component.thing) or missing_assets(component.thing, component.registry)
    if lacking:
        does_not_apply(lacking)


def _declared(component: Component) -> str:
    metric = component.thing
    require(isinstance(metric, Metric), f"it is a {type(metric).__name__}, not a harness.types.Metric")
    require(metric.direction in ("higher", "lower"), f"direction is {metric.direction!r}, neither higher nor lower")
    require(metric.scale in ("ratio", "difference", "set"), f"scale is {metric.scale!r}: ratio, difference or set")
    require(bool(metric.unit), "it has no unit")
    require(
        metric.minimum_n >= LEAST_BLOCKS, f"minimum_n is {metric.minimum_n}; fewer than 6 clusters give no interval"
    )
    require(not (metric.machine and metric.quality), "it is both of the machine and of quality")
    require(metric.per_frame is None or metric.scale != "set", "a set metric has no value of a frame")
    require(metric.first_frame >= 0 and metric.every_frames >= 1, "first_frame is below 0, or every_frames below 1")
    require(bool(metric.parts) == (metric.combine is not None), "a composite needs both parts and combine")
    for name in metric.parts:
        component.registry.entry("metric", name)
    for name in metric.assets:
        component.registry.entry("asset", name)
    if metric.scale != "set" and metric.within is None:
        return f"{metric.unit}, {metric.direction} is better, analysed as {metric.scale}"
    space = metric.feature_space
    require(
        space is not None and (metric.distance is not None) != (metric.within is not None),
        "a metric of several videos needs feature_space, and distance for sets or within for those of one case",
    )
    component.registry.entry("extractor", str(space))
    if (metric.name == "fvd") != (space == "i3d"):
        require(False, f"fvd is the distance in I3D's logits and nothing else, not {metric.name}[{space}]")
    carried = "i3d" if metric.name == "fvd" else metric.name.partition("[")[2].rstrip("]")
    require(
        bool(carried) and str(space).startswith(carried),
        f"the name of a set metric carries its space, or the network behind it: {metric.name}[{space}]",
    )
    return f"{metric.unit}, {metric.direction} is better, on sets of clips in the features of {space}"


def _deterministic(component: Component) -> str:
    metric: Metric = component.thing
    _needs_its_files(component)
    thing = made(_noise(clip()), clip())
    arrays = {name: getattr(thing, name).copy() for name in ("video", "reference", "prompt")}
    one, other = free_of_global_state(lambda: value_of(metric, thing))
    require(same(one, other), f"the same clip gives {one} and then {other}")
    changed = [name for name, before in arrays.items() if not same(before, getattr(thing, name))]
    require(not changed, f"compute changes its input: {', '.join(changed)}")
    if metric.within is not None:
        rows = _rows(metric, 0)
        first, second = free_of_global_state(lambda: metric.within(rows) if metric.within else None)
        require(same(first, second), f"the same videos give {first} and then {second}")
        require(same(_rows(metric, 0), rows), "within changes its input")
        return f"twice {first} on {ROWS} rows, inputs as they were"
    if metric.distance is None:
        return f"twice {one}, inputs as they were"
    a, b = _rows(metric, 0), _rows(metric, 1)
    before = (a.copy(), b.copy())
    first, second = free_of_global_state(lambda: metric.distance(a, b) if metric.distance else None)
    require(same(first, second), f"the same sets give {first} and then {second}")
    require(same(before[0], a) and same(before[1], b), "distance changes its input")
    return f"twice {first} on two sets of {ROWS} rows, inputs as they were"


def _finite(component: Component) -> str:
    metric: Metric = component.thing
    _needs_its_files(component)
    flat = np.full((FRAMES, SIDE, SIDE, 3), 128, np.uint8)
    for name, video, reference in (
        ("clean", clip(), clip()),
        ("damaged", _noise(clip()), clip()),
        ("flat", flat, flat),
    ):
        value = value_of(metric, made(video, reference))
        if metric.scale == "set" or metric.within is not None:
            require(value is None, f"a metric of several videos has no value of one, but compute gives {value}")
        elif name != "flat":
            require(value is not None, f"compute gives None for a {name} clip with everything told")
    if metric.within is not None:
        require(math.isfinite(metric.within(_rows(metric, 0))), "within is not finite on random rows")
    if metric.distance is not None:
        for one, other in ((_rows(metric, 0), _rows(metric, 0)), (_rows(metric, 0), _rows(metric, 1))):
            require(math.isfinite(metric.distance(one, other)), "distance is not finite on two sets of random rows")
    return "clean, damaged and flat clips"


def _where_it_does_not_apply(component: Component) -> str:
    metric: Metric = component.thing
    _needs_its_files(component)
    nothing: dict[str, Any] = {
        "seconds": [],
        "counts": {},
        "values": {},
        "peak_memory_bytes": None,
        "energy_joules": None,
    }
    nothing |= {"prefill_seconds": None, "first_call_seconds": None, "prompt": None, "caption": None}
    cases = {
        "no true continuation": made(clip(), None),
        "nothing but frames": made(clip(), None, **nothing),
        "one frame": made(clip()[:1], clip()[:1]),
        "frames of 4 × 4 pixels": made(clip()[:, :4, :4], clip()[:, :4, :4]),
    }
    absent = []
    for name, thing in cases.items():
        try:
            if value_of(metric, thing) is None:
                absent.append(name)
        except DiptychError:
            absent.append(name)
        except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
            raise LawBrokenError(f"with {name}, compute raises {type(error).__name__}: {error}; return None") from error
    return "no value with " + ", ".join(absent) if absent and metric.scale != "set" else "no exception, never NaN"


def _frame_by_frame(component: Component) -> str:
    metric: Metric = component.thing
    if metric.per_frame is None:
        does_not_apply("it has no value of a single frame")
    _needs_its_files(component)
    thing = made(_noise(clip()), clip())
    one, other = free_of_global_state(lambda: metric.per_frame(thing) if metric.per_frame else None)
    places = range(metric.first_frame, FRAMES, metric.every_frames)
    least = len(places) if metric.every_frames == 1 else 1  # one between two others: the last one may have none
    require(
        isinstance(one, list) and least <= len(one) <= len(places),
        f"{FRAMES} frames give {one!r}, not a list of {len(places)} values",
    )
    values = one or []
    require(all(isinstance(v, float) and math.isfinite(v) for v in values), f"frames have the values {values}")
    require(same(one, other), f"the same clip gives {one} and then {other}")
    value = metric.compute(thing)
    require(value == mean_of_frames(values), f"compute gives {value}, the mean over frames is {mean_of_frames(values)}")
    mixed = made(np.concatenate([clip()[:4], _noise(clip())[4:]]), clip())
    order = metric.per_frame(mixed) or []
    whole = metric.per_frame(made(clip(), clip())) or []
    require(order[:1] == whole[:1] and order[-1:] != whole[-1:], "values do not stand in the order of the frames")
    return f"{len(values)} values, {min(values):.4g} to {max(values):.4g}; their mean is the trial's"


def _quality(component: Component) -> str:
    metric: Metric = component.thing
    if not metric.quality:
        does_not_apply("it is not declared as quality")
    _needs_its_files(component)
    if "caption" in metric.needs:
        does_not_apply("no drawn clip fits a caption more than its damaged copy; what it retrieves is on its card")
    sign = 1.0 if metric.direction == "higher" else -1.0
    if metric.distance is not None:
        good, real = _rows(metric, 0), _rows(metric, 1)
        near, far = metric.distance(good, real), metric.distance(_spoilt(metric, good), real)
        require(sign * near > sign * far, f"far sets ({far:.4g}) are not worse than near ones ({near:.4g})")
        return f"near sets {near:.4g}, far ones {far:.4g}"
    if metric.within is not None:
        rows = _rows(metric, 0)
        none, wide = metric.within(rows * 0 + rows[:1]), metric.within(rows)
        require(sign * wide > sign * none, f"different videos ({wide:.4g}) are not better than one alone ({none:.4g})")
        require(math.isclose(metric.within(rows[::-1]), wide), "the order of the videos changes it")
        return f"one video, again and again, {none:.4g}; different ones {wide:.4g}"
    truth = clip()
    whole = value_of(metric, made(truth.copy(), truth))
    damaged = {name: value_of(metric, made(spoil(truth), truth)) for name, spoil in DAMAGES.items()}
    require(whole is not None, "a perfect copy has no value")
    values = {name: value for name, value in damaged.items() if value is not None}
    if whole != value_of(metric, made(truth.copy(), truth, values=Told(0.25))):
        does_not_apply("it is not read off the frames: its maker tells it")
    better = [name for name, value in values.items() if sign * value > sign * float(whole or 0)]
    worse = [name for name, value in values.items() if sign * value < sign * float(whole or 0)]
    blind = same(value_of(metric, made(truth.copy(), _noise(truth))), whole)  # it looks at no reference
    told = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
    require(bool(worse), f"no damage makes it worse: a perfect copy has {whole:.4g}; {told}")
    require(blind or not better, f"{', '.join(better)} is better than a perfect copy ({whole:.4g}): {told}")
    seen = f"; without a reference it cannot see {', '.join(better)}" if better else ""
    return f"a perfect copy has {whole:.4g}; {told}{seen}"


def _speed(component: Component) -> str:
    metric: Metric = component.thing
    if not metric.machine:
        does_not_apply("it is not declared as the machine's")
    sign = 1.0 if metric.direction == "higher" else -1.0
    half = {"seconds": [0.25, 0.26, 0.245], "prefill_seconds": 0.025, "first_call_seconds": 0.45}
    half |= {"peak_memory_bytes": 5 * 10**7, "energy_joules": 2.0, "frame_seconds": [0.15, 0.25]}
    slow, fast = (value_of(metric, made(clip(), clip(), **changes)) for changes in ({}, half))
    require(slow is not None and fast is not None, "it has no value where time, memory and energy are told")
    require(
        sign * float(fast or 0) > sign * float(slow or 0),
        f"half of everything gives {fast}, the whole {slow}: not better",
    )
    return f"half of time, memory and energy: {slow:.4g} becomes {fast:.4g}"


def _rows(metric: Metric, seed: int) -> NDArray[np.float64]:
    """Feature rows of 96 clips: points, or counts of four classes that are mostly right."""
    rng = np.random.default_rng(seed)
    rows: NDArray[np.float64] = rng.normal(size=(ROWS, DIMENSIONS))
    return rng.poisson((4.0, 1.0, 1.0) * 4, (ROWS, 12)).astype(np.float64) if metric.counts else rows


def _spoilt(metric: Metric, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows far from the truth: points moved away, or every hit turned into a miss and a false alarm."""
    if not metric.counts:
        return rows + 3.0
    hits, alarms, misses = rows[:, 0::3], rows[:, 1::3], rows[:, 2::3]
    spoilt: NDArray[np.float64] = np.stack((0 * hits, alarms + hits, misses + hits), -1).reshape(rows.shape)
    return spoilt


LAWS = (
    Law("declares direction, unit, scale, minimum n", _declared),
    Law("repeatable, and touches nothing else", _deterministic),
    Law("finite on clips", _finite),
    Law("None or a clear error elsewhere", _where_it_does_not_apply),
    Law("values of frames are in order, and their mean is the trial's", _frame_by_frame),
    Law("damage is not better than a perfect copy", _quality),
    Law("less time, memory, energy is better", _speed),
)
