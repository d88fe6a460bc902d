"""What a law is, how a component is held to laws, and how global random state is watched meanwhile."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, NoReturn, TypeVar

import numpy as np

from harness.errors import DiptychError
from harness.plugins import explain
from harness.registry import Entry, Registry
from harness.types import Data

S = TypeVar("S")
T = TypeVar("T")


class LawFact(Data):
    """Whether one law was kept.

    Attributes:
        name: The law.
        ok: True if it was kept, or does not apply.
        detail: What was looked at, why the law does not apply, or what broke it.
        applies: False if the law says nothing about this component.
    """

    name: str
    ok: bool
    detail: str
    applies: bool = True


class LawBrokenError(Exception):
    """A law that is not kept; the message says how it shows."""


class DoesNotApplyError(Exception):
    """A law that says nothing about this component; the message says why."""


@dataclass(frozen=True)
class Law(Generic[S]):
    """One law.

    Attributes:
        name: What holds, in a few words.
        check: Looks at the subject; returns what it saw, and raises where the law is broken.
    """

    name: str
    check: Callable[[S], str]


@dataclass(frozen=True)
class Component:
    """A registered component, loaded.

    Attributes:
        entry: How it is registered.
        thing: The component.
        registry: Where what it names is looked up.
    """

    entry: Entry
    thing: Any
    registry: Registry


def require(kept: bool, otherwise: str) -> None:
    """Raise :class:`LawBrokenError` with ``otherwise`` if a law is not ``kept``."""
    if not kept:
        raise LawBrokenError(otherwise)


def does_not_apply(why: str) -> NoReturn:
    """Leave a law that says nothing here."""
    raise DoesNotApplyError(why)


def hold(subject: S, laws: Sequence[Law[S]], module: str) -> list[LawFact]:
    """Hold ``subject`` to every law; an exception breaks the law in which it is raised, and no other.

    Args:
        subject: The component, and what its laws need.
        laws: The laws.
        module: The component's module, whose line is named where something is raised.
    """
    facts = []
    for law in laws:
        try:
            facts.append(LawFact(name=law.name, ok=True, detail=law.check(subject)))
        except DoesNotApplyError as error:
            facts.append(LawFact(name=law.name, ok=True, detail=str(error), applies=False))
        except LawBrokenError as error:
            facts.append(LawFact(name=law.name, ok=False, detail=str(error)))
        except DiptychError as error:
            facts.append(LawFact(name=law.name, ok=False, detail=" ".join(str(error).split())))
        except Exception as error:  # noqa: BLE001 - a component that raises has broken the law, and is told where
            facts.append(LawFact(name=law.name, ok=False, detail=explain(error, module)))
    return facts


def refuses(call: Callable[[], object], what: str) -> str:
    """Require that ``call`` is refused with a message for a user, and return the message."""
    try:
        call()
    except DiptychError as error:
        return " ".join(str(error).split())
    except Exception as error:
        raise LawBrokenError(
            f"{what} raises {type(error).__name__} ({error}); raise harness.errors.UsageError with one clear message"
        ) from error
    raise LawBrokenError(f"{what} is accepted")


@contextmanager
def global_seed(seed: int) -> Iterator[None]:
    """Seed the global generators of Python, NumPy and (if it is imported) torch; they are put back afterwards."""
    torch = sys.modules.get("torch")
    python, numpy, torches = random.getstate(), np.random.get_state(), None if torch is None else torch.get_rng_state()
    random.seed(seed)
    np.random.seed(seed)
    if torch is not None:
        torch.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        if torch is not None:
            torch.set_rng_state(torches)


def generator_states() -> dict[str, bytes]:
    """State of each global generator."""
    torch = sys.modules.get("torch")
    numpy: Any = np.random.get_state(legacy=False)
    key = numpy["state"].pop("key").tobytes()
    states = {"Python": repr(random.getstate()).encode(), "NumPy": key + repr(numpy).encode()}
    if torch is not None:
        states["torch"] = torch.get_rng_state().numpy().tobytes()
    return states


def free_of_global_state(call: Callable[[], T]) -> tuple[T, T]:
    """Call twice under different global seeds, and require that no global generator was drawn from or seeded.

    Returns:
        Both results, for the caller to find equal.
    """
    results = []
    for seed in (1, 2):
        with global_seed(seed):
            before = generator_states()
            results.append(call())
            after = generator_states()
            touched = [name for name in before if before[name] != after[name]]
            require(
                not touched,
                f"the global generator of {' and '.join(touched)} is drawn from or seeded; use one of your own",
            )
    return results[0], results[1]


def same(one: object, other: object) -> bool:
    """True for equal values; arrays and floats must agree in every bit, and NaN equals NaN."""
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        a, b = np.asarray(one), np.asarray(other)
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return one == other or (one != one and other != other)
