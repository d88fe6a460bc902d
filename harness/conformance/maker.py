"""Laws of makers: the same arm, case and seed make the same video, and what is asked for is what is done."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property

from harness.conformance.laws import Component, Law, free_of_global_state, refuses, require, same
from harness.errors import DiptychError
from harness.protocols import Maker
from harness.trial import check_output, trial_hashes
from harness.types import Arm, Case, Made, Repeats, Suite

NEEDED = ("prompt", "noise", "weights", "tokens")
REPEATS = 3
SEED = 5


@dataclass
class Subject:
    """A maker at work on arms and a case that a registered suite gives it.

    Attributes:
        component: The maker.
        suite: The suite.
        arms: Two of its arms, the baseline first.
        case: One of its cases.
    """

    component: Component
    suite: Suite
    arms: tuple[Arm, Arm]
    case: Case

    @cached_property
    def maker(self) -> Maker:
        """The maker on the CPU, told of what it will make."""
        maker: Maker = self.component.thing("cpu", 1)
        for arm in self.arms:
            maker.check(arm, self.case)
        return maker

    def make(self, arm: int = 1, seed: int = SEED, repeats: Repeats | None = None) -> Made:
        """Make the case's video by one of the arms."""
        return self.maker.make(self.arms[arm], self.case, seed, repeats or Repeats())


def prepare(component: Component) -> Subject:
    """Find a suite that uses the maker.

    Raises:
        DiptychError: None does.
    """
    name = component.entry.name
    for entry in component.registry.list("suite"):
        try:
            suite: Suite = entry.load()
        except DiptychError:
            continue  # told where that suite is checked
        arms = [arm for arm in suite.arms if arm.maker == name]
        arms.sort(key=lambda arm: arm.name != suite.baseline)  # stable: the baseline first
        cases = [case for scale in suite.scales.values() for case in scale.cases]
        if len(arms) > 1 and cases:
            return Subject(component, suite, (arms[0], arms[1]), cases[0])
    raise DiptychError(f"no registered suite has two arms of maker {name!r}, so there is nothing to make by it.")


def _repeatable(subject: Subject) -> str:
    one, other = free_of_global_state(subject.make)
    for made in (one, other):
        check_output(made)
    for what in ("video", "reference", "prompt", "tokens"):
        require(same(getattr(one, what), getattr(other, what)), f"two calls give different {what}")
    for what in ("hashes", "counts", "values"):
        require(getattr(one, what) == getattr(other, what), f"two calls give different {what}")
    what = "no video" if one.video is None else str(list(one.video.shape))
    return f"arm {subject.arms[1].name!r}, case {subject.case.name!r}: {what} twice, bit for bit"


def _hashes(subject: Subject) -> str:
    made = subject.make()
    deterministic = bool(made.info.get("deterministic"))
    needed = [name for name in NEEDED if not (deterministic and name == "noise")]
    missing = [name for name in needed if not made.hashes.get(name)]
    require(not missing, f"no hash of {', '.join(missing)}: halves could not be matched")
    return ", ".join(needed)


def _matched(subject: Subject) -> str:
    one, other = trial_hashes(subject.make(0)), trial_hashes(subject.make(1))
    differing = [name for name in ("prompt", "noise", "reference") if one.get(name) != other.get(name)]
    arms = f"arms {subject.arms[0].name!r} and {subject.arms[1].name!r}"
    require(not differing, f"{arms} with one seed differ in {', '.join(differing)}")
    return f"{arms} meet the same prompt, noise and true continuation"


def _seeded(subject: Subject) -> str:
    one, other = subject.make(), subject.make(seed=SEED + 1)
    if one.info.get("deterministic"):
        return "the maker declares itself deterministic: no seed changes anything"
    require(one.hashes.get("noise") != other.hashes.get("noise"), "two seeds give the same noise")
    require(one.hashes.get("prompt") == other.hashes.get("prompt"), "the seed changes the prompt")
    return "another seed is other noise on the same prompt"


def _repeats(subject: Subject) -> str:
    count = len(subject.make(repeats=Repeats(count=REPEATS)).seconds)
    require(count == REPEATS, f"asked for {REPEATS} timed calls, it gives {count} durations")
    soon = len(subject.make(repeats=Repeats(count=REPEATS, limit_seconds=1e-9)).seconds)
    require(soon == 1, f"with no time left after the first timed call it gives {soon} durations")
    return f"{REPEATS} durations for {REPEATS} calls, 1 where the time is up"


def _context(subject: Subject) -> str:
    context = subject.maker.context()
    try:
        json.dumps(context)
    except TypeError as error:
        require(False, f"context() is no JSON: {error}")
    return ", ".join(sorted(context)) or "nothing can change its numbers"


def _refuses(subject: Subject) -> str:
    arm = subject.arms[1]
    odd = arm.model_copy(update={"params": {**arm.params, "no_such_parameter": 1}})
    return refuses(lambda: subject.maker.check(odd, subject.case), "a parameter that nobody reads")


LAWS = (
    Law("repeatable, and touches nothing else", _repeatable),
    Law("hashes are there", _hashes),
    Law("arms of one seed are matched", _matched),
    Law("another seed is other noise", _seeded),
    Law("repeats are honoured", _repeats),
    Law("context is JSON", _context),
    Law("unknown parameters are refused", _refuses),
)
