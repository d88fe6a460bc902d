"""What asv calls machine and environment, from the context of a run: the processor, never a host's name."""

from __future__ import annotations

import hashlib
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.provenance import cpu_model, sha256_json

FACTS = (
    "device",
    "gpu",
    "gpu_memory_bytes",
    "power_limit_watts",
    "cpu",
    "cpu_capability",
    "machine",
    "system",
    "threads",
)
"""Facts of the context that make a machine; a change of any is another machine, with graphs of its own."""

SOFTWARE = ("python", "torch", "cuda", "driver")
"""Facts of the context that make an environment, where they are known."""

LONGEST = 128
"""asv replaces environment names of this many characters or more by a hash."""


@dataclass(frozen=True)
class Place:
    """Where a run was made.

    Attributes:
        machine: Name, also a folder's: the processor and the threads, and six digits of the hash of all facts.
        machine_facts: Content of ``machine.json`` without its version: strings.
        environment: Name of software and seed, such as ``"python3.11-torch2.13.0-seed0"``.
        params: What makes a graph of its own: machine, software, seed; strings.
    """

    machine: str
    machine_facts: dict[str, str]
    environment: str
    params: dict[str, str]


def slug(text: str) -> str:
    """Return ``text`` in lower case with everything but letters and digits as single hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def place_of(context: Mapping[str, Any], threads: int, seed: int) -> Place:
    """Return machine and environment of a run.

    Args:
        context: The manifest's context.
        threads: Threads that computation was pinned to.
        seed: The run's seed: another one draws other noise, which is another series.
    """
    facts = {name: context[name] for name in FACTS if context.get(name) is not None} | {"threads": threads}
    processor = str(facts.get("gpu") or facts.get("cpu") or facts.get("device") or "unknown")
    name = f"{slug(processor)[:60] or 'unknown'}-{threads}-thread{'s' if threads != 1 else ''}-{sha256_json(facts)[:6]}"
    memory = facts.get("gpu_memory_bytes")
    shown = {
        "machine": name,
        "os": str(facts.get("system", "")),
        "arch": str(facts.get("machine", "")),
        "cpu": f"{facts.get('cpu', '')} {facts.get('cpu_capability', '')}".strip(),
        "num_cpu": f"{threads} used",
        "ram": "" if memory is None else f"{memory} bytes on the GPU",
    }
    if "gpu" in facts:
        shown["gpu"] = str(facts["gpu"])
    software = {key: str(context[key]) for key in SOFTWARE if context.get(key) is not None}
    if "python" in software:  # a patch release is no environment of its own
        software["python"] = ".".join(software["python"].split(".")[:2])
    parts = {**software, "seed": str(seed)}
    environment = "-".join(re.sub(r"[^A-Za-z0-9._+-]+", "_", f"{key}{value}") for key, value in parts.items())
    return Place(name, shown, environment, {"machine": name, **parts})


def result_file(place: Place, commit: str) -> str:
    """Return the name of a result file as asv forms it: ``<machine>/<first 8 digits of commit>-<environment>.json``."""
    name = place.environment
    if len(name) >= LONGEST:
        name = f"env-{hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()}"
    return f"{place.machine}/{commit[:8]}-{name}.json"


def this_machine(threads: int = 1) -> str:
    """Return a name for the machine that this runs on: its processor, not its host's name."""
    context = {"cpu": cpu_model(), "machine": platform.machine(), "system": platform.system()}
    return place_of(context, threads, 0).machine
