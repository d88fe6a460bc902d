"""What a metric needs and this machine lacks: distributions, weight files. Nothing is installed or fetched here."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence

from harness.assets.locate import AbsentError, asset_path
from harness.registry import REGISTRY, Registry
from harness.types import Metric


def missing_packages(metric: Metric) -> str | None:
    """Say which distributions a metric computes with that are not installed, and how they come; None if none is."""
    lacking = absent_packages(metric.packages)
    return f"it needs {lacking}" if lacking else None


def absent_packages(names: Sequence[str]) -> str | None:
    """Say which of these distributions are not installed, and how they come; None if none is missing.

    Example:
        >>> absent_packages(["numpy", "no-such-thing"])
        'no-such-thing. Try: pip install no-such-thing'
    """
    lacking = []
    for name in names:
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            lacking.append(name)
    return f"{', '.join(lacking)}. Try: pip install {' '.join(lacking)}" if lacking else None


def missing_assets(metric: Metric, registry: Registry = REGISTRY) -> str | None:
    """Say which weight files of a metric are not on this machine, and how they come; None if none is missing.

    Raises:
        DiptychError: A file is here with other bytes than it should have.
    """
    lacking = []
    for name in metric.assets:
        try:
            asset_path(name, registry)
        except AbsentError as error:
            lacking.append(str(error))
    return " ".join(lacking) or None
