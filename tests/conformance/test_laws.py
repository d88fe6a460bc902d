"""The laws can be broken: a component with one fault fails the law that is about it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from harness.assets.locate import AbsentError
from harness.cli.builtin import load_builtin
from harness.cli.checking import held
from harness.conformance.laws import Component
from harness.errors import DiptychError, UsageError
from harness.registry import Entry, Registry
from harness.types import Arm, Case, Made, Metric, Scale, Suite, Threshold
from models.decoding.schedule import Schedule, raster
from models.worlds.types import SPLITS, Clip, Truth, WorldSpec

REGISTRY = load_builtin()
REPEATABLE = "repeatable, and touches nothing else"


def broken(kind: str, thing: Any, name: str = "mine", registry: Registry = REGISTRY) -> dict[str, str]:
    """The laws that a component breaks, with the reason."""
    entry = Entry(kind, name, "a thing of the test", "here", thing, __name__)
    facts = held(Component(entry, thing, registry))
    return {fact.name: fact.detail for fact in facts if not fact.ok}


# metrics


def level(made: Made) -> float | None:
    return None if made.reference is None else float(np.abs(made.video - made.reference.astype(float)).mean())


GOOD = Metric(name="mine", summary="s", unit="u", direction="lower", scale="difference", compute=level, quality=True)


def writes(made: Made) -> float | None:
    made.video[0, 0, 0] = 0
    return level(made)


def draws(made: Made) -> float | None:
    return None if level(made) is None else level(made) + 0 * np.random.rand()


def wobbles() -> Any:
    count = iter(range(1000))
    return lambda made: None if level(made) is None else level(made) + next(count)


METRIC_FAULTS = {
    "no direction": ({"direction": "up"}, "declares direction, unit, scale, minimum n"),
    "no unit": ({"unit": ""}, "declares direction, unit, scale, minimum n"),
    "few blocks": ({"minimum_n": 2}, "declares direction, unit, scale, minimum n"),
    "wrong way": ({"direction": "higher"}, "damage is not better than a perfect copy"),
    "changes its input": ({"compute": writes}, REPEATABLE),
    "global generator": ({"compute": draws}, REPEATABLE),
    "another value each time": ({"compute": wobbles()}, REPEATABLE),
    "NaN": ({"compute": lambda made: float("nan")}, "finite on clips"),
    "fails without a reference": (
        {"compute": lambda made: float(np.abs(made.video - made.reference).mean())},
        "None or a clear error elsewhere",
    ),
    "blind": ({"compute": lambda made: float(made.video.size)}, "damage is not better than a perfect copy"),
    "no machine": (
        {"machine": True, "quality": False, "compute": lambda made: 1.0},
        "less time, memory, energy is better",
    ),
    "another name": ({"name": "yours"}, "has the name it goes by"),
    "no extractor": (
        {"scale": "set", "feature_space": "nowhere", "distance": lambda a, b: 0.0, "compute": lambda made: None},
        "declares direction, unit, scale, minimum n",
    ),
}


def test_a_sound_metric_breaks_no_law():
    assert broken("metric", GOOD) == {}


@pytest.mark.parametrize(("changes", "law"), METRIC_FAULTS.values(), ids=METRIC_FAULTS)
def test_a_faulty_metric(changes, law):
    found = broken("metric", replace(GOOD, **changes))
    assert law in found


# schedules


def rows_at_once(grid, k):
    frame, row, _ = raster(grid)
    return frame * grid.rows + row


SOUND = Schedule("mine", "a row a pass", rows_at_once, placeholder="previous", takes_k=False)


def of_global_generator(grid, k):
    np.random.rand()
    return rows_at_once(grid, k)


def with_actions(grid, k):
    return rows_at_once(grid, k) if grid.actions else raster(grid)[0] * 0 + np.arange(grid.tokens)


def refuses_all(grid, k):
    raise UsageError("no grid is good enough")


SCHEDULE_FAULTS = {
    "gaps": ({"order": lambda grid, k: 2 * rows_at_once(grid, k)}, "every token is drawn exactly once"),
    "too short": ({"order": lambda grid, k: rows_at_once(grid, k)[:-1]}, "every token is drawn exactly once"),
    "no integers": ({"order": lambda grid, k: rows_at_once(grid, k) * 1.0}, "every token is drawn exactly once"),
    "wrong formula": ({"passes": lambda grid, k: grid.frames}, "as many passes as declared"),
    "no delay": ({"takes_k": True}, "full delay is sequential decoding"),
    "hidden delay": (
        {"order": lambda grid, k: np.arange(grid.tokens) if k > 1 else rows_at_once(grid, k)},
        "full delay is sequential decoding",
    ),
    "reads actions": ({"order": with_actions}, "the order does not depend on actions"),
    "global generator": ({"order": of_global_generator}, "same grid, same order"),
    "stand-in not known": ({"placeholder": "repeat"}, "nothing is read before it is written"),
    "refuses everything": ({"order": refuses_all}, "every token is drawn exactly once"),
}


def test_a_sound_schedule_breaks_no_law():
    assert broken("schedule", SOUND) == {}


@pytest.mark.parametrize(("changes", "law"), SCHEDULE_FAULTS.values(), ids=SCHEDULE_FAULTS)
def test_a_faulty_schedule(changes, law):
    assert law in broken("schedule", replace(SOUND, **changes))


# extractors


@dataclass
class Means:
    device: str
    fault: str = ""
    seen: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.device != "cpu" and self.fault != "any device":
            raise UsageError(f"unknown device {self.device!r}.")

    def __call__(self, video):
        row = video.astype(np.float64).mean(axis=(0, 1, 2))
        if self.fault == "remembers":
            self.seen.append(row[0])
            row = row + sum(self.seen)
        if self.fault == "float32":
            row = row.astype(np.float32)
        if self.fault == "writes":
            video[0] = 0
        if self.fault == "global generator":
            np.random.rand()
        return row


EXTRACTOR_FAULTS = {
    "remembers": "rows do not depend on the order of clips",
    "float32": "finite float64 rows of one length",
    "writes": REPEATABLE,
    "global generator": REPEATABLE,
    "any device": "an unknown device is a clear error",
}


def test_a_sound_extractor_breaks_no_law():
    assert broken("extractor", Means) == {}


@pytest.mark.parametrize(("fault", "law"), EXTRACTOR_FAULTS.items(), ids=EXTRACTOR_FAULTS)
def test_a_faulty_extractor(fault, law):
    assert law in broken("extractor", lambda device: Means(device, fault))


# comparers


@dataclass
class Apart:
    device: str
    fault: str = ""
    calls: int = 0
    least_side: int = 4

    def __post_init__(self) -> None:
        if self.device != "cpu" and self.fault != "any device":
            raise UsageError(f"unknown device {self.device!r}.")
        if self.fault == "absent":
            raise AbsentError("asset 'far' is not on this machine. Try: diptych assets fetch far")

    def __call__(self, video, reference):
        self.calls += 1
        if min(video.shape[1:3]) < self.least_side and self.fault != "any size":
            raise DiptychError("frames are too small")
        apart = np.abs(video.astype(float) - reference).mean(axis=(1, 2, 3))
        if self.fault == "float32":
            apart = apart.astype(np.float32)
        if self.fault == "one value":
            apart = apart[:1]
        if self.fault == "floor":
            apart = apart + 0.1
        if self.fault == "of the clip":
            apart = apart * 0 + apart.mean()
        if self.fault == "remembers":
            apart = apart * self.calls
        if self.fault == "writes":
            video[0] = 0
        if self.fault == "global generator":
            np.random.rand()
        return apart


COMPARER_FAULTS = {
    "float32": "one finite distance per frame",
    "one value": "one finite distance per frame",
    "floor": "equal frames are at distance 0",
    "of the clip": "a frame's distance does not depend on its neighbours",
    "remembers": REPEATABLE,
    "writes": REPEATABLE,
    "global generator": REPEATABLE,
    "any size": "frames that are too small are a clear error",
    "any device": "an unknown device is a clear error",
}


def test_a_sound_comparer_breaks_no_law_nor_one_whose_weights_are_elsewhere():
    assert broken("comparer", Apart) == {}
    assert broken("comparer", lambda device: Apart(device, "absent")) == {}


@pytest.mark.parametrize(("fault", "law"), COMPARER_FAULTS.items(), ids=COMPARER_FAULTS)
def test_a_faulty_comparer(fault, law):
    assert law in broken("comparer", lambda device: Apart(device, fault))


# text scorers


@dataclass
class Words:
    """Scores "bright" and "dark" by the mean level."""

    device: str
    fault: str = ""
    calls: int = 0
    example: str = "bright"
    least_side: int = 4

    def __post_init__(self) -> None:
        if self.device != "cpu" and self.fault != "any device":
            raise UsageError(f"unknown device {self.device!r}.")
        if self.fault == "absent":
            raise AbsentError("asset 'far' is not on this machine. Try: diptych assets fetch far")
        if self.fault == "no example":
            self.example = " "

    def similarities(self, videos, captions):
        self.calls += 1
        for caption in captions:
            if self.fault == "fails on words" and "qq" in caption:
                raise KeyError(caption)
            if not caption.strip() and self.fault != "takes nothing":
                raise UsageError("the caption is empty. Valid words: bright, dark.")
            strange = [word for word in caption.split() if word not in ("bright", "dark")]
            if strange and self.fault != "any word":
                named = "" if self.fault == "names no words" else " Valid words: bright, dark."
                raise UsageError(f"unknown words: {', '.join(strange)}.{named}")
        if any(min(video.shape[1:3]) < self.least_side for video in videos) and self.fault != "any size":
            raise UsageError("frames are too small")
        levels = np.array([video.astype(float).mean() / 127.5 - 1 for video in videos])
        if self.fault == "of the batch":
            levels = levels - levels.mean()
        if self.fault == "remembers":
            levels = levels / self.calls
        if self.fault == "blind":
            levels = levels * 0 + 0.5
        if self.fault == "not finite":
            levels[:1] = np.nan
        if self.fault == "no cosine":
            levels = levels * 30 + 7
        if self.fault == "writes":
            videos[0][0] = 0
        if self.fault == "global generator":
            np.random.rand()
        if self.fault == "place of the caption":
            return levels[:, None] * (0.9 ** np.arange(len(captions)))
        found = levels[:, None] * np.array([[1.0 if caption == "bright" else -1.0 for caption in captions]])
        return found.astype(np.float32) if self.fault == "float32" else found


FINITE = "finite values in [-1, 1]"
UNKNOWN = "unknown words are one clear error"
TEXT_SCORER_FAULTS = {
    "no example": FINITE,
    "float32": FINITE,
    "not finite": FINITE,
    "no cosine": FINITE,
    "blind": FINITE,
    "place of the caption": FINITE,
    "of the batch": "a clip's value does not depend on its neighbours",
    "remembers": REPEATABLE,
    "writes": REPEATABLE,
    "global generator": REPEATABLE,
    "any word": UNKNOWN,
    "names no words": UNKNOWN,
    "fails on words": UNKNOWN,
    "takes nothing": "an empty caption is a clear error",
    "any size": "frames that are too small are a clear error",
    "any device": "an unknown device is a clear error",
}


def test_a_sound_text_scorer_breaks_no_law_nor_one_whose_weights_are_elsewhere():
    assert broken("text-scorer", Words) == {}
    assert broken("text-scorer", lambda device: Words(device, "absent")) == {}


@pytest.mark.parametrize(("fault", "law"), TEXT_SCORER_FAULTS.items(), ids=TEXT_SCORER_FAULTS)
def test_a_faulty_text_scorer(fault, law):
    assert law in broken("text-scorer", lambda device: Words(device, fault))


# worlds


class Noise:
    """Clips of noise."""

    spec = WorldSpec(
        name="mine", summary="s", version=1, rows=2, columns=3, tile_pixels=8, map_rows=2, clip_frames=4, actions=("a",)
    )

    def __init__(self, fault: str = "") -> None:
        self.fault = fault
        self.truth = {"semantic": Truth(dtype="uint8", shape=(2, 3), summary="s")}

    def versions(self):
        return {} if self.fault == "no version" else {"version": 1}

    def clips(self, split, count, **_):
        if self.fault != "any split" and (split not in SPLITS or count < 1):
            raise UsageError(f"unknown split {split!r} or count {count}.")
        return [self.clip(split, index, count) for index in range(count)]

    def clip(self, split, index, count):
        seed = [index, 0 if self.fault == "one split" else sum(map(ord, split))]
        if self.fault == "counts":
            seed.append(count)
        rng = np.random.default_rng(None if self.fault == "no seed" else seed)
        if self.fault == "global generator":
            np.random.rand()
        size = (4, 16, 16, 3) if self.fault == "small" else (4, 16, 24, 3)
        return Clip(
            frames=rng.integers(0, 256, size, dtype=np.uint8),
            actions=np.full(4, 1 if self.fault == "odd action" else 0),
            truth={
                "depth" if self.fault == "another truth" else "semantic": np.zeros(
                    (4, 3, 2) if self.fault == "other shape of truth" else (4, 2, 3), np.uint8
                )
            },
            episode_seed=int("".join(map(str, seed[:2]))),
            start=0,
        )


WORLD_FAULTS = {
    "no version": "versions are told",
    "any split": "an unknown split, or no clips, are refused",
    "one split": "splits share nothing",
    "counts": REPEATABLE,
    "no seed": REPEATABLE,
    "global generator": REPEATABLE,
    "small": "clips are as declared",
    "odd action": "clips are as declared",
    "another truth": "clips are as declared",
    "other shape of truth": "clips are as declared",
}


def test_a_sound_world_breaks_no_law():
    assert broken("world", Noise) == {}


@pytest.mark.parametrize(("fault", "law"), WORLD_FAULTS.items(), ids=WORLD_FAULTS)
def test_a_faulty_world(fault, law):
    assert law in broken("world", lambda: Noise(fault))


# makers and suites


class Paint:
    """Paints noise of the seed."""

    def __init__(self, device: str, threads: int, fault: str = "") -> None:
        self.fault, self.calls = fault, 0

    def check(self, arm, case):
        if self.fault != "takes anything" and arm.params:
            raise UsageError(f"unknown parameter of arm {arm.name!r}: {', '.join(arm.params)}")

    def context(self):
        return {"odd": object()} if self.fault == "no JSON" else {"precision": "none"}

    def make(self, arm, case, seed, repeats):
        self.calls += 1
        rng = np.random.default_rng(self.calls if self.fault == "counts" else seed)
        video = rng.integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
        prompt = {"own prompt": arm.name, "seeded prompt": seed}.get(self.fault, case.name)
        hashes = {"prompt": f"{prompt}", "noise": f"{seed}", "weights": "w", "tokens": str(video.sum())}
        if self.fault == "one noise":
            hashes["noise"] = "n"
        if self.fault == "no hash":
            del hashes["tokens"]
        count = repeats.count if repeats.limit_seconds is None or self.fault == "late" else 1
        return Made(
            video=video,
            reference=None,
            prompt=None,
            seconds=[0.1] * (1 if self.fault == "once" else count),
            first_call_seconds=None,
            prefill_seconds=None,
            peak_memory_bytes=None,
            counts={},
            values={},
            hashes=hashes,
            tokens=video[..., 0],
        )


def suite(**changes: Any) -> Suite:
    case = Case(name="c", group="g", model="video-transformer-crafter-9x9")
    facts = {
        "name": "asks",
        "version": 1,
        "question": "Is it so?",
        "arms": (Arm(name="base", maker="mine"), Arm(name="other", maker="mine")),
        "baseline": "base",
        "scales": {"smoke": Scale(name="smoke", cases=(case,))},
        "metrics": ("frames_per_second", "psnr"),
        "primary_speed": "frames_per_second",
        "primary_quality": "psnr",
        "margin": 1.0,
        "margin_why": "because of this test",
        "thresholds": (Threshold(metric="frames_per_second", tau=0.05, why="a test"),),
    }
    return Suite(**(facts | changes))


def registry(maker: Any) -> Registry:
    """Ours, with the maker and a suite of it."""
    mine = Registry(dict(REGISTRY.packages), dict(REGISTRY.entries))
    mine._found = {"suite", "maker", "model", "metric"}
    mine.add(Entry("maker", "mine", "paints", "here", maker, __name__))
    mine.entries = {key: entry for key, entry in mine.entries.items() if key[0] != "suite"}
    mine.add(Entry("suite", "asks", "asks", "here", suite(), __name__))
    return mine


MAKER_FAULTS = {
    "takes anything": "unknown parameters are refused",
    "no JSON": "context is JSON",
    "counts": REPEATABLE,
    "own prompt": "arms of one seed are matched",
    "seeded prompt": "another seed is other noise",
    "one noise": "another seed is other noise",
    "no hash": "hashes are there",
    "once": "repeats are honoured",
    "late": "repeats are honoured",
}


def test_a_sound_maker_breaks_no_law():
    assert broken("maker", Paint, registry=registry(Paint)) == {}


@pytest.mark.parametrize(("fault", "law"), MAKER_FAULTS.items(), ids=MAKER_FAULTS)
def test_a_faulty_maker(fault, law):
    def make(device, threads):
        return Paint(device, threads, fault)

    assert law in broken("maker", make, registry=registry(make))


def test_a_maker_that_no_suite_uses_cannot_be_tried():
    assert "no registered suite" in broken("maker", Paint, name="lonely", registry=registry(Paint))["can be tried"]


NAMES, SCALES = "names only what exists, and can be judged", "scales go by their names"
SUITE_FAULTS = {
    "maker": ({"arms": (Arm(name="base", maker="mine"), Arm(name="other", maker="nobody"))}, NAMES),
    "metric": ({"metrics": ("frames_per_second", "pnsr")}, NAMES),
    "control": ({"negative_control": "nobody"}, NAMES),
    "scale": ({"scales": {"smoke": suite().scales["smoke"].model_copy(update={"name": "small"})}}, SCALES),
    "no smoke": ({"scales": {"small": suite().scales["smoke"].model_copy(update={"name": "small"})}}, SCALES),
    "margin": ({"margin_why": "so"}, "margin and thresholds have a reason"),
    "threshold": (
        {"thresholds": (Threshold(metric="frames_per_second", tau=0.05),)},
        "margin and thresholds have a reason",
    ),
    "version": ({"version": 0}, "margin and thresholds have a reason"),
    "shift": (
        {"arms": (Arm(name="base", maker="mine"), Arm(name="other", maker="mine", seed_shift=1))},
        "seeds know nothing of arms",
    ),
    "params": (
        {"arms": (Arm(name="base", maker="mine"), Arm(name="other", maker="mine", params={"x": 1}))},
        "every arm can run every case",
    ),
}


def test_a_sound_suite_breaks_no_law():
    assert broken("suite", suite(), name="asks", registry=registry(Paint)) == {}


@pytest.mark.parametrize(("changes", "law"), SUITE_FAULTS.values(), ids=SUITE_FAULTS)
def test_a_faulty_suite(changes, law):
    assert law in broken("suite", suite(**changes), name="asks", registry=registry(Paint))


# models


def test_a_faulty_model():
    card = REGISTRY.get("model", "video-transformer-crafter-9x9").model_copy(update={"name": "mine"})
    found = broken("model", card.model_copy(update={"frames": 90}))
    assert "more than clips" in found["fits its world and its tokenizer"]
    lost = broken("model", card.model_copy(update={"weights": "absent.safetensors"}))
    assert "absent.safetensors" in lost["loads twice alike, as large as its shape"]


def test_a_model_that_draws_from_the_global_generator(monkeypatch):
    import torch

    from models.ar import loading
    from models.ar.transformer import VideoTransformer

    card = REGISTRY.get("model", "video-transformer-crafter-9x9")
    small = card.model_copy(update={"weights": None, "shape": card.shape.model_copy(update={"layers": 1})})
    assert broken("model", small, name=card.name) == {}

    def reset(self, generator):
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape)
        return self

    monkeypatch.setattr(VideoTransformer, "reset", reset)
    assert loading
    found = broken("model", small, name=card.name)
    assert {"loads twice alike, as large as its shape", "tokens follow from the seed alone"} <= found.keys()


def test_what_is_no_video_transformer_is_left_to_its_maker():
    assert broken("model", "a text") == {}


def test_an_exception_breaks_one_law_and_names_its_line():
    def fails(made: Made) -> float:
        raise RuntimeError("out of order")

    found = broken("metric", replace(GOOD, compute=fails))
    assert REPEATABLE in found
    assert f"({__file__}, line" in found[REPEATABLE]


def test_refusals_must_be_for_users():
    def make(device: str) -> Means:
        if device != "cpu":
            raise RuntimeError("Expected one of cpu, cuda, …")
        return Means(device)

    assert "raise harness.errors.UsageError" in broken("extractor", make)["an unknown device is a clear error"]
    assert issubclass(UsageError, DiptychError)
