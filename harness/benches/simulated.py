"""Runs that never ran: the plan's order of arms, a machine's noise, the real stopping rule, records as of a run.

Only the durations are made up. Everything that turns them into a verdict is the code that real runs use.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.clock import Stopwatch
from harness.metrics.throughput import frames_per_second
from harness.plan import make_plan
from harness.seeds import derived_seed
from harness.stats.noise import Noise, draw_noise
from harness.store.records import PlannedTrial, TrialRecord
from harness.types import Case, Made, Repeats, Scale, Suite

FRAMES = 6
CALL_SECONDS = 0.6
"""Duration of a call on a case of average difficulty."""

DIFFICULTY = 0.5, 2.0
"""What the easiest and the hardest case multiply it by."""

CALL_SPREAD = 0.01
"""Standard deviation of the logarithm of a call's duration, from call to call of a trial."""

QUALITY, QUALITY_SHARED, QUALITY_OWN = 0.7, 0.03, 0.01
"""Mean quality, and the standard deviations of what arms of one seed share of it and of what each arm adds to it."""

REPEATS = Repeats(count=5, limit_seconds=2.5)
"""Easy cases stop at the count, hard ones at the time."""

Timer = Callable[[Callable[[], None], Repeats, Callable[[], int]], list[float]]


def real_timer(call: Callable[[], None], repeats: Repeats, clock: Callable[[], int]) -> list[float]:
    """Time ``call`` as every trial does: by the harness's stopwatch, with another clock."""
    return Stopwatch("cpu", clock=clock).measure(call, repeats.count, limit_seconds=repeats.limit_seconds)[1]


@dataclass(frozen=True)
class Machine:
    """What is simulated.

    Attributes:
        noise: How trials of a run hang together.
        spread: Standard deviation of the logarithm of a trial's speed.
        slower: Arm → factor on its durations; arms that are not named take 1.
        repeats: When a trial stops.
        timer: What times the calls of a trial; the harness's own, except where a test plants a fault.
        order: Puts the planned trials into another order; a test plants a fault with it.
    """

    noise: Noise = "independent"
    spread: float = 0.02
    slower: Mapping[str, float] = field(default_factory=dict)
    repeats: Repeats = REPEATS
    timer: Timer = real_timer
    order: Callable[[Sequence[PlannedTrial]], Sequence[PlannedTrial]] = tuple


def trimmed(suite: Suite, cases: int) -> Suite:
    """Return ``suite`` with its own arms, primary metrics and thresholds on ``cases`` cases of one group.

    Args:
        suite: A declaration.
        cases: Cases of the scale ``"simulated"``.
    """
    kept = suite.primaries
    made = tuple(Case(name=f"simulated/{i:04d}", group="simulated", model="none") for i in range(cases))
    return suite.model_copy(
        update={
            "scales": {"simulated": Scale(name="simulated", cases=made)},
            "metrics": kept,
            "thresholds": tuple(t for t in suite.thresholds if t.metric in kept),
            "negative_control": None,
        }
    )


def simulate_run(suite: Suite, machine: Machine, seed: int) -> list[TrialRecord]:
    """Simulate one run of a :func:`trimmed` suite whose arms differ by ``machine.slower`` alone.

    Args:
        suite: The suite; its primary speed metric must be ``frames_per_second``.
        machine: Noise and rules.
        seed: Of plan and noise.

    Returns:
        Records, in the order in which the trials ran. Quality follows from a trial's seed and arm; the arms of a
        placebo suite make the same of the same seed.
    """
    assert suite.primary_speed is not None
    generator = np.random.default_rng(seed)
    trials = machine.order(make_plan(suite, "simulated", seed).trials)
    names = dict.fromkeys(trial.block.case for trial in trials)
    easiest, hardest = np.log(DIFFICULTY).tolist()
    usual = dict(zip(names, CALL_SECONDS * np.exp(generator.uniform(easiest, hardest, len(names))), strict=True))
    slow = np.exp(draw_noise(machine.noise, len(trials), machine.spread, generator))
    calls = np.exp(CALL_SPREAD * generator.standard_normal((len(trials), machine.repeats.count)))
    records = []
    for number, trial in enumerate(trials):
        level = 1e9 * usual[trial.block.case] * slow[number] * machine.slower.get(trial.arm, 1.0)
        seconds = _timed(machine, (level * calls[number]).tolist())
        values: dict[str, float | None] = {
            suite.primary_speed: frames_per_second(_made(seconds)),
            suite.primary_quality: _quality(trial, own=not suite.placebo),
        }
        records.append(
            TrialRecord(
                index=trial.index,
                block=trial.block,
                arm=trial.arm,
                seed=trial.seed,
                status="finished",
                started_at="",
                values=values,
                seconds=seconds,
                counts={"frames": FRAMES},
            )
        )
    return records


def _quality(trial: PlannedTrial, *, own: bool) -> float:
    """Draw the quality of a trial: what its seed gives every arm, and, where arms differ, what is its ``own``."""
    shared = QUALITY + QUALITY_SHARED * random.Random(trial.seed).gauss()
    return shared + QUALITY_OWN * random.Random(derived_seed(trial.seed, trial.arm)).gauss() if own else shared


def _timed(machine: Machine, nanoseconds: Sequence[float]) -> list[float]:
    """Let the timer call something that takes ``nanoseconds``, one after the other."""
    now, left = 0, iter(nanoseconds)

    def call() -> None:
        nonlocal now
        now += int(next(left))

    return machine.timer(call, machine.repeats, lambda: now)


def _made(seconds: list[float]) -> Made:
    return Made(
        video=None,
        reference=None,
        prompt=None,
        seconds=seconds,
        first_call_seconds=None,
        prefill_seconds=None,
        peak_memory_bytes=None,
        counts={"frames": FRAMES},
        values={},
        hashes={},
    )
