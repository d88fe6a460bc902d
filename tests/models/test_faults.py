"""Faults: the same for the same seed, stronger with strength, and each spoils what it says."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.cli.builtin import load_builtin
from harness.errors import UsageError
from harness.types import Arm, Case, Repeats
from models.faults.faults import FAULTS
from models.faults.maker import FaultMaker
from suites.metrics_sanity import STRENGTHS
from suites.omniscore_sanity import FAULTS as OMNISCORE_FAULTS

load_builtin()
CASE = Case(
    name="a", group="crafter-9x9", model="", params={"world": "crafter-9x9", "split": "test", "index": 1, "frames": 8}
)


def clip(frames: int = 8, height: int = 24, width: int = 32) -> NDArray[np.uint8]:
    """A bright square that moves over a gradient: no two frames are equal."""
    made = np.zeros((frames, height, width, 3), np.uint8)
    made += np.linspace(0, 120, width).astype(np.uint8)[None, None, :, None]
    for t in range(frames):
        made[t, 4:12, 2 + 2 * t : 10 + 2 * t] = (250, 200 - 10 * t, 30)
    return made


def mean_error(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


def test_the_suites_name_every_fault_at_every_strength() -> None:
    named = {**STRENGTHS, **{name: max(strengths) for name, strengths in OMNISCORE_FAULTS.items() if name in FAULTS}}
    assert {name: fault.strengths for name, fault in FAULTS.items()} == named


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_repeatable_spoils_and_keeps_the_shape(name: str) -> None:
    frames = clip()
    kept = frames.copy()
    for strength in range(1, FAULTS[name].strengths + 1):
        one, other = (FAULTS[name].apply(frames, strength, np.random.default_rng(3)) for _ in range(2))
        assert np.array_equal(one, other)
        assert one.dtype == np.uint8
        assert one.shape == frames.shape
        assert not np.array_equal(one, frames)
        assert np.array_equal(frames, kept)  # the clip itself is shared by all arms


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.strengths > 1])
def test_a_stronger_fault_is_further_from_the_clip(name: str) -> None:
    frames = clip()
    errors = [
        np.mean([mean_error(FAULTS[name].apply(frames, s, np.random.default_rng(k)), frames) for k in range(20)])
        for s in range(1, FAULTS[name].strengths + 1)
    ]
    assert errors == sorted(errors)
    assert len(set(errors)) == len(errors)


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.kind == "temporal"])
def test_temporal_faults_leave_every_frame_as_it_was(name: str) -> None:
    frames = clip()
    known = {frame.tobytes() for frame in frames}
    spoiled = FAULTS[name].apply(frames, FAULTS[name].strengths, np.random.default_rng(0))
    assert {frame.tobytes() for frame in spoiled} <= known
    if name in ("shuffle", "swap", "reverse"):
        assert {frame.tobytes() for frame in spoiled} == known


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.kind == "spatial"])
def test_spatial_faults_do_not_mix_frames(name: str) -> None:
    frames = np.zeros((4, 16, 16, 3), np.uint8)
    frames[2] = 200
    spoiled = FAULTS[name].apply(frames, 1, np.random.default_rng(0))
    assert spoiled[2].mean() > 150
    assert all(spoiled[t].mean() < 20 for t in (0, 1, 3))


def test_the_maker_keeps_the_prompt_and_matches_its_arms() -> None:
    maker = FaultMaker("cpu", 1)
    clean = Arm(name="clean", maker="fault", params={"fault": "none"})
    noisy = Arm(name="noise-2", maker="fault", params={"fault": "noise", "strength": 2})
    for arm in (clean, noisy):
        maker.check(arm, CASE)
    one, other = (maker.make(arm, CASE, 5, Repeats()) for arm in (clean, noisy))
    assert np.array_equal(one.video, one.reference)
    assert not np.array_equal(other.video, other.reference)
    assert np.array_equal(one.prompt, other.prompt)
    assert {k: one.hashes[k] for k in ("prompt", "noise", "weights")} == {
        k: other.hashes[k] for k in ("prompt", "noise", "weights")
    }
    assert one.world == "crafter-9x9"
    assert one.actions is not None
    assert len(one.actions) == len(one.video) == 8


def test_what_cannot_be_spoiled_is_refused() -> None:
    maker = FaultMaker("cpu", 1)
    arm = Arm(name="x", maker="fault", params={"fault": "reverse", "strength": 2})
    with pytest.raises(UsageError, match="strengths 1 to 1"):
        maker.check(arm, CASE)
    clean = Arm(name="clean", maker="fault", params={"fault": "none"})
    with pytest.raises(UsageError, match="either a world or a file"):
        maker.check(clean, CASE.model_copy(update={"params": {}}))
    with pytest.raises(UsageError, match="do not fit in clips of 12 frames"):
        maker.check(clean, CASE.model_copy(update={"params": {"world": "crafter-9x9", "frames": 12}}))
