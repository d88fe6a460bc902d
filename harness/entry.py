"""One registered component, and a name that several claim."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from harness.errors import DiptychError
from harness.plugins import explain


def resolve(target: str) -> Any:
    """Import what ``"module:attribute"`` names."""
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


@dataclass(frozen=True)
class Entry:
    """One registered component.

    Attributes:
        kind: Such as ``"suite"``.
        name: Unique inside its kind.
        summary: One line, shown by ``diptych list``.
        origin: ``file:line`` of the registration, or the distribution, its version and the module that it names.
        target: The object itself, or a lazy ``"module:attribute"`` string.
        module: Module that registers it, or that its entry point names.
        params: For makers, a lazy ``"module:attribute"`` of :class:`harness.params.ParamModels`; or nothing.
        distribution: Name of the distribution whose entry point brought it; nothing for what Diptych ships.
    """

    kind: str
    name: str
    summary: str
    origin: str
    target: Any
    module: str = ""
    params: str | None = None
    distribution: str = ""

    @property
    def place(self) -> str:
        """Origin, with the distribution where the origin does not name it."""
        return self.origin if self.origin.startswith(self.distribution) else f"{self.origin} of {self.distribution}"

    def load(self) -> Any:
        """Return the component, importing a lazy target now.

        Raises:
            DiptychError: It cannot be imported; says why and where.
        """
        if not isinstance(self.target, str):
            return self.target
        try:
            return resolve(self.target)
        except Exception as error:
            why = explain(error, self.target.partition(":")[0])
            raise DiptychError(f"{self.kind} {self.name!r} ({self.origin}) cannot be loaded: {why}") from error


@dataclass(frozen=True)
class Collision:
    """A name that several places claim.

    Attributes:
        kind: Kind of component.
        name: The name.
        used: Origin of the one that the name means, or None: then it means nothing.
        unused: Origins of the others.
    """

    kind: str
    name: str
    used: str | None
    unused: tuple[str, ...]

    def __str__(self) -> str:
        others = " and ".join(self.unused)
        if self.used is None:
            return (
                f"{self.kind} {self.name!r} is registered {len(self.unused)} times: {others}. None of them can be "
                "used: rename or uninstall all but one."
            )
        return f"{self.kind} {self.name!r} is Diptych's own ({self.used}); not used: that of {others}. Rename it there."
