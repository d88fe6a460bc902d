"""Where the components of this distribution register themselves."""

from __future__ import annotations

import functools

from harness.entry import resolve
from harness.registry import REGISTRY, Registry

PACKAGES: tuple[tuple[str, str], ...] = (
    ("suite", "suites"),
    ("model", "models.zoo"),
    ("schedule", "models.decoding.schedules"),
    ("metric", "harness.metrics"),
    ("world", "models.worlds.catalogue"),
    ("maker", "models.makers"),
    ("extractor", "models.extractors.catalogue"),
    ("comparer", "models.perceptual.catalogue"),
    ("scorer", "models.scorers.catalogue"),
    ("text-scorer", "models.scorers.texts"),
    ("bench", "harness.benches"),
    ("bench", "models.benches"),
    ("asset", "models.assets"),
)


def load_builtin(registry: Registry = REGISTRY) -> Registry:
    """Tell ``registry`` of the packages whose modules register components; imports none of them.

    Args:
        registry: The registry to fill; calling twice adds nothing.

    Returns:
        The same registry.
    """
    for kind, package in PACKAGES:
        if package not in registry.packages.get(kind, []):
            registry.add_package(kind, package)
    return registry


@functools.cache
def reach(target: str) -> object:
    """Import ``"module:attribute"`` of another room, only now.

    Args:
        target: Such as ``"reports.report:write_report"``.
    """
    thing: object = resolve(target)
    return thing
