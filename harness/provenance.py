"""Where a number comes from: *context* (what can change it), *info* (what cannot), and the comparability key.

The key is the SHA-256 of case (suite, version, scale, seed, arms) and context. Commit, arguments, packages and time are
information: two commits are compared on purpose.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.device import Device, determinism_facts
from harness.files import file_sha256
from harness.load import load_average
from harness.nvml import open_uuid
from harness.store.records import Plan
from harness.types import Suite

PATCH_LIMIT_BYTES = 1_000_000
HASHED_BYTES = 10_000_000
HERE = Path(__file__).resolve()


def now() -> str:
    """Return the time, ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def canonical_json(value: Any) -> str:
    """Return the one JSON text of ``value``: sorted keys, no spaces, no NaN (ValueError)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=str)


def sha256_json(value: Any) -> str:
    """Return the SHA-256 of :func:`canonical_json`, hexadecimal."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


# ---- context --------------------------------------------------------------------------------------------------------


def cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return the processor's name, or what else the system tells of it: two kinds must not have one name.

    Linux on ARM servers gives numbers for implementer, part and variant instead of a name; macOS answers ``sysctl``.
    """
    facts: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for line in cpuinfo.read_text(errors="replace").splitlines():
            name, _, value = line.partition(":")
            facts.setdefault(name.strip(), value.strip())
    for name in ("model name", "Model"):
        if facts.get(name):
            return facts[name]
    numbers = [facts[name] for name in ("CPU implementer", "CPU part", "CPU variant") if name in facts]
    if numbers:
        return f"{platform.machine()} {' '.join(numbers)}"
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        said = subprocess.run(
            ["sysctl", "-n", "machdep.cpu.brand_string"], check=True, capture_output=True, text=True, timeout=10
        )
        return said.stdout.strip()
    return platform.processor() or platform.machine()


def software_context() -> dict[str, Any]:
    """Return versions and settings of what computes: torch (imported here), NumPy, Python."""
    import numpy
    import torch

    return {
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "torch": torch.__version__,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "determinism": determinism_facts(),
    }


def bench_context() -> dict[str, Any]:
    """Return what can change a benchmark's numbers, torch left alone: processor, load, Python, arrays, code."""
    packages = installed_packages()
    names = ("numpy", "scipy", "pandas", "torch")
    return {
        "cpu": cpu_model(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "packages": {name: packages[name] for name in names if name in packages},
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "load_average": load_average(),
        "commit": code_facts()["commit"],
        "time": now(),
    }


def gpu_context(index: int) -> dict[str, Any]:
    """Return a card's name, memory, driver, power limit and highest clocks; needs a GPU and is untested without one."""
    import torch

    found = torch.cuda.get_device_properties(index)
    facts: dict[str, Any] = {
        "gpu": found.name,
        "gpu_memory_bytes": found.total_memory,
        "compute_capability": f"{found.major}.{found.minor}",
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
    }
    return {**facts, **nvml_context(str(getattr(found, "uuid", "")))}


def nvml_context(uuid: str) -> dict[str, Any]:
    """Return what the driver tells of the card with ``uuid`` (as torch gives it), or why it tells nothing."""
    card = open_uuid(uuid)
    return {"nvml": f"absent: {card}"} if isinstance(card, str) else card.context()


def context_facts(
    device: Device,
    threads: int,
    makers: Mapping[str, Any],
    extractors: Mapping[str, Any],
    packages: Sequence[str] = (),
    plugins: Sequence[str] = (),
) -> dict[str, Any]:
    """Collect everything that can change a number.

    Args:
        device: The device.
        threads: Threads pinned.
        makers: Maker name → its ``context()``: weights' hashes, precision, sampling.
        extractors: Extractor name → its ``context()``, or an empty mapping where it has none.
        packages: Distributions that metrics compute with.
        plugins: Distributions besides Diptych's own whose components take part.

    Returns:
        JSON data. Clocks and load of the moment are not in it: they belong to trials.
    """
    facts = {
        "device": device.kind,
        "machine": platform.machine(),
        "system": platform.system(),
        "cpu": cpu_model(),
        "threads": threads,
        **software_context(),
        "makers": dict(makers),
        "extractors": dict(extractors),
        "metric_packages": {name: importlib.metadata.version(name) for name in packages},
    }
    if plugins:
        facts["plugins"] = {name: importlib.metadata.version(name) for name in plugins}
    if device.index is not None:
        facts.update(gpu_context(device.index))
    return json.loads(canonical_json(facts))  # type: ignore[no-any-return]


def case_facts(suite: Suite, plan: Plan) -> dict[str, Any]:
    """Return what was asked: suite, version, scale with its cases, seed, and the arms that are run."""
    return {
        "suite": suite.name,
        "version": suite.version,
        "scale": suite.scales[plan.scale].model_dump(mode="json"),
        "seed": plan.seed,
        "arms": [arm.model_dump(mode="json", exclude={"summary"}) for arm in suite.arms if arm.name in plan.arms],
    }


def comparability_key(suite: Suite, plan: Plan, context: Mapping[str, Any]) -> str:
    """Return the SHA-256 of case and context: runs with equal keys may be compared."""
    return sha256_json({"case": case_facts(suite, plan), "context": dict(context)})


LATER_FIELDS = ("win_rate_of", "methods", "training_score", "held_out")


def declaration_sha256(suite: Suite) -> str:
    """Return the SHA-256 of a whole declaration, what is only said included: made when a run begins, checked later.

    Fields that version 3 did not begin with count where they say something: a run that was kept before has its hash.
    """
    said = suite.model_dump(mode="json")
    return sha256_json({key: value for key, value in said.items() if value or key not in LATER_FIELDS})


def differences(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return one ``key: old → new`` per leaf that differs, keys dotted and sorted."""
    found: list[str] = []
    for key in sorted({*before, *after}):
        old, new = before.get(key, "absent"), after.get(key, "absent")
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += differences(old, new, f"{prefix}{key}.")
        elif old != new:
            found.append(f"{prefix}{key}: {old} → {new}")
    return found


# ---- info -----------------------------------------------------------------------------------------------------------


def git(folder: Path, *arguments: str) -> bytes:
    """Return what git prints; OSError or CalledProcessError where it cannot."""
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, timeout=30).stdout


def code_facts(file: Path = HERE) -> dict[str, Any]:
    """Return which code this is: commit, whether it was changed since, and the change itself.

    Args:
        file: A file of the code. A wheel inside another project's repository is not taken for that project: the file
            itself must be tracked.

    Returns:
        ``commit``, ``dirty``, ``patch``, ``patch_sha256``, ``untracked`` (file → SHA-256, None above 10 MB; the first
        100), ``reason``; the first are None with a reason outside a repository. A patch above 1 MB is kept as its hash
        alone.
    """
    nothing: dict[str, Any] = {
        "commit": None,
        "dirty": None,
        "patch": None,
        "patch_sha256": None,
        "untracked": {},
        "reason": None,
    }
    folder = file.parent
    try:
        git(folder, "ls-files", "--error-unmatch", file.name)
    except FileNotFoundError:
        return {**nothing, "reason": "git is not installed"}
    except (OSError, subprocess.SubprocessError):
        return {**nothing, "reason": "the code is not tracked by git (an installed package)"}
    try:
        root = Path(git(folder, "rev-parse", "--show-toplevel").decode().strip())
        commit = git(root, "rev-parse", "HEAD").decode().strip()
        patch = git(root, "diff", "HEAD", "--no-ext-diff", "--no-color", "--binary")
        untracked = git(root, "ls-files", "--others", "--exclude-standard", "-z").decode(errors="replace").split("\0")
    except (OSError, subprocess.SubprocessError) as error:
        return {**nothing, "reason": f"git failed: {type(error).__name__}"}
    new = sorted(name for name in untracked if name)
    kept = len(patch) <= PATCH_LIMIT_BYTES
    return {
        "commit": commit,
        "dirty": bool(patch or new),
        "patch": patch.decode(errors="replace") if patch and kept else None,
        "patch_sha256": hashlib.sha256(patch).hexdigest() if patch else None,
        "untracked": {name: _small_file_sha256(root / name) for name in new[:100]},
        "reason": None if kept else f"the patch is {len(patch)} bytes long: only its hash is kept",
    }


def _small_file_sha256(file: Path) -> str | None:
    try:
        return file_sha256(file) if file.stat().st_size <= HASHED_BYTES else None
    except OSError:
        return None


@functools.cache
def installed_packages() -> dict[str, str]:
    """Return name → version of every distribution of this environment, sorted; read once per process."""
    texts = (distribution.metadata for distribution in importlib.metadata.distributions())
    found = {(text["Name"] or "").lower(): text["Version"] for text in texts}
    return {name: found[name] for name in sorted(found) if name}


def info_facts(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Collect what cannot change a number but tells where it came from. No host name, no user name.

    Args:
        argv: The command line; ``sys.argv`` if None.
    """
    return {
        "code": code_facts(),
        "argv": list(sys.argv if argv is None else argv),
        "packages": dict(installed_packages()),
        "platform": platform.platform(),
        "time": now(),
    }
