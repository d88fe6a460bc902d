"""What a kept value depends on besides pixels and reading: the code, packages and weights behind it, as one hash."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import harness.metrics
import harness.scoring
import harness.videos
from harness import __version__
from harness.assets.locate import asset_sha256
from harness.protocols import Extractor
from harness.types import Metric

READING = ("av", "numpy", "pillow")
"""Distributions that turn a file into frames."""


def dependencies(
    metrics: Mapping[str, Metric], extractors: Mapping[str, Extractor], device: str
) -> dict[str, dict[str, Any]]:
    """Return what each value depends on: by metric for those of single videos, by feature space for the others.

    Args:
        metrics: Those that are asked for.
        extractors: Those that they need, by feature space.
        device: Of the networks.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, metric in metrics.items():
        if metric.scale != "set" and metric.combine is None:
            found[name] = {
                "packages": _versions({*READING, *metric.packages, *(("torch",) if metric.assets else ())}),
                "weights_sha256": {asset: asset_sha256(asset) for asset in metric.assets},
                "device": device if metric.assets else "cpu",
                "code_sha256": _sha256({*_sources(), *_module_file(metric.compute)}),
            }
    for space, extractor in extractors.items():
        tell = getattr(extractor, "context", None)
        found[space] = {
            "packages": _versions({*READING, "torch"}),
            "network": {} if tell is None else tell(),
            "device": device,
            "code_sha256": _sha256({*_sources(), *_module_file(type(extractor))}),
        }
    return {name: {"diptych": __version__, **facts} for name, facts in sorted(found.items())}


def digest(facts: Mapping[str, Any]) -> str:
    """The first 12 hexadecimal digits of the SHA-256 of facts as JSON."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:12]


def _versions(packages: Iterable[str]) -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in sorted(packages)}


def _sources() -> set[Path]:
    """The files that read videos and compute the metrics that come with Diptych."""
    packages = (harness.metrics, harness.scoring, harness.videos)
    return {path for package in packages for path in Path(package.__path__[0]).rglob("*.py")}


def _module_file(thing: Any) -> set[Path]:
    file = getattr(sys.modules.get(getattr(thing, "__module__", "")), "__file__", None)
    return set() if file is None else {Path(file)}


def _sha256(paths: Iterable[Path]) -> str:
    found = hashlib.sha256()
    for path in sorted(paths, key=lambda path: (path.name, str(path))):
        found.update(path.name.encode() + b"\0" + path.read_bytes())
    return found.hexdigest()
