"""Weights as their authors released them: a file of ``torch.save``, of which nothing but tensors is looked at.

Training left other things in some of these files: an optimiser's numbers as NumPy's scalars, a configuration's objects.
They are read with ``weights_only``, and every class or function that a file names beside tensors and plain values is
replaced by one that does nothing, so that nothing a file names is ever imported or run.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from harness.errors import DiptychError

Network = TypeVar("Network", bound=nn.Module)
NAMED = 4
"""So many tensors that do not fit are named."""


class _Called(type):
    """Calling a stand-in gives one, whatever it is given."""

    def __call__(cls, *given: object) -> object:
        return object.__new__(cls)  # type: ignore[arg-type]  # a class is one of its metaclass


class Inert(metaclass=_Called):
    """Stands for whatever a file names, and does nothing.

    Torch's reader calls it where the file calls something. Where the file makes an object without a call, the reader
    takes ``__new__``; it sets items of plain dictionaries only, so such an object is one.
    """

    def __new__(cls, *given: object) -> Any:
        """A dictionary that keeps the object's items and attributes."""
        return OrderedDict[Any, Any]()

    def __setstate__(self, state: object) -> None:
        """Nothing is kept."""


def released_tensors(path: Path, key: str | None = None) -> dict[str, Tensor]:
    """Tensors by name, without the ``module.`` that training on several devices puts before them.

    Args:
        path: The file.
        key: Where in the file they are; None if the file is nothing else.

    Raises:
        DiptychError: Another kind of file, or one without them.
    """
    try:
        strange = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        with torch.serialization.safe_globals([(Inert, name) for name in strange]):
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DiptychError(f"{path} is no file of weights that can be read safely: {first}") from error
    if key is not None:
        if not isinstance(found, dict) or key not in found:
            have = ", ".join(sorted(map(str, found))[:8]) if isinstance(found, dict) else type(found).__name__
            raise DiptychError(f"{path} holds no weights under {key!r}; it holds {have or 'nothing'}.")
        found = found[key]
    if not isinstance(found, Mapping) or not all(isinstance(value, Tensor) for value in found.values()):
        where = "" if key is None else f" under {key!r}"
        raise DiptychError(f"{path} holds no tensors by name{where}.")
    return {str(name).removeprefix("module."): value for name, value in found.items()}


def load_released(make: Callable[[], Network], path: Path, key: str | None = None) -> Network:
    """The network that ``make`` builds, with all tensors of a released file in float32, in evaluation mode.

    It is built without memory for first weights, which nothing draws.

    Raises:
        DiptychError: As :func:`released_tensors`; or tensors that are missing, unknown or of another shape: some of
            them are named.
    """
    with torch.device("meta"):
        network = make()
    tensors, wanted = released_tensors(path, key), network.state_dict()
    problems = [f"missing {name} {list(value.shape)}" for name, value in wanted.items() if name not in tensors]
    problems += [f"unknown {name} {list(value.shape)}" for name, value in tensors.items() if name not in wanted]
    problems += [
        f"{name} is {list(tensors[name].shape)}, expected {list(value.shape)}"
        for name, value in wanted.items()
        if name in tensors and tensors[name].shape != value.shape
    ]
    if problems:
        more = f" and {len(problems) - NAMED} more" if len(problems) > NAMED else ""
        raise DiptychError(f"{path} does not fit the network: {'; '.join(problems[:NAMED])}{more}.")
    network.load_state_dict({name: value.float() for name, value in tensors.items()}, assign=True)
    return network.eval().requires_grad_(requires_grad=False)
