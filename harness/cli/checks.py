"""What ``diptych doctor`` looks at. No check may raise: a missing thing is an answer."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

from harness.assets.locate import SHIPPED_REMEDY
from harness.assets.packed import CACHE_REMEDY, PackedError
from harness.cli.assets import verify_assets
from harness.cli.builtin import load_builtin, reach
from harness.cli.listing import weight_users, zoo_file, zoo_folder
from harness.errors import DiptychError
from harness.files import file_sha256
from harness.registry import PLURALS
from harness.types import Data

MINIMUM_PYTHON = (3, 11)
LEAST_DISK_BYTES = 2 * 1024**3
LEAST_MEMORY_BYTES = 2 * 1024**3
Severity = Literal["required", "advised", "information"]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Check(Data):
    """One thing that was looked at.

    Attributes:
        name: What.
        ok: False if something is wrong; the absence of what is only optional is not.
        detail: What was found.
        remedy: What to do about it; None where nothing is needed.
        severity: ``"required"`` makes ``diptych doctor`` fail, ``"advised"`` limits what can be done, ``"information"``
            is neither.
    """

    name: str
    ok: bool
    detail: str
    remedy: str | None = None
    severity: Severity = "advised"


def check_machine(results: str | None = None) -> tuple[Check, ...]:
    """Look at Python, packages, devices, memory, disk, weights and folders.

    Args:
        results: Where runs are kept; ``$DIPTYCH_RESULTS`` or ``./results`` by default.
    """
    checks: list[Check] = []
    for look in LOOKS:
        try:
            checks.extend(look(results))
        except Exception as error:  # noqa: BLE001 - a doctor that crashes says nothing about the other organs
            name = look.__name__.removeprefix("_")
            checks.append(
                Check(
                    name=name,
                    ok=False,
                    detail=f"could not be looked at: {type(error).__name__}: {error}",
                    remedy="diptych doctor --debug, and tell us",
                    severity="required",
                )
            )
    return tuple(checks)


def _python(_results: str | None) -> Iterator[Check]:
    enough = sys.version_info >= MINIMUM_PYTHON
    needed = ".".join(map(str, MINIMUM_PYTHON))
    detail = f"{platform.python_version()} at {sys.executable}"
    remedy = None if enough else f"install Python {needed} or newer"
    yield Check(name="python", ok=enough, detail=detail, remedy=remedy, severity="required")


def _torch(_results: str | None) -> Iterator[Check]:
    install = "pip install -c constraints.txt torch torchvision"
    try:
        import torch
    except (ImportError, OSError) as error:
        yield Check(name="torch", ok=False, detail=str(error), remedy=install, severity="required")
        return
    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU only"
    yield Check(name="torch", ok=True, detail=f"{torch.__version__} ({build})", severity="required")
    try:
        import torchvision
        from torchvision.transforms import v2

        v2.functional.resize(torch.zeros(3, 8, 8, dtype=torch.uint8), [4, 4], antialias=True)
    except (ImportError, OSError, RuntimeError) as error:
        yield Check(name="torchvision", ok=False, detail=str(error), remedy=install)
    else:
        yield Check(name="torchvision", ok=True, detail=torchvision.__version__)
    if not torch.cuda.is_available():
        yield Check(name="cuda", ok=True, severity="information", detail="no CUDA device; runs use the CPU")
        return
    for index in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(index)
        detail = f"{about.name}, {_size(about.total_memory)}, compute capability {about.major}.{about.minor}"
        yield Check(name=f"cuda:{index}", ok=True, detail=detail)


def _nvml(_results: str | None) -> Iterator[Check]:
    try:
        import pynvml
    except ImportError:
        yield Check(
            name="nvml",
            ok=True,
            severity="information",
            detail="nvidia-ml-py is not installed; no clocks or energy are recorded",
        )
        return
    try:
        pynvml.nvmlInit()
        detail = f"driver {pynvml.nvmlSystemGetDriverVersion()}"
        pynvml.nvmlShutdown()
    except pynvml.NVMLError as error:
        yield Check(
            name="nvml",
            ok=True,
            severity="information",
            detail=f"not usable: {error}; no clocks or energy are recorded",
        )
    else:
        yield Check(name="nvml", ok=True, detail=detail)


def _processors(_results: str | None) -> Iterator[Check]:
    cores = os.cpu_count() or 0
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cores
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    detail = f"{cores} cores, {usable} usable by this process, OMP_NUM_THREADS {threads}"
    if hasattr(os, "getloadavg"):
        load = os.getloadavg()[0]
        busy = load > usable
        remedy = "wait until the machine is idle: timings taken now are flagged" if busy else None
        yield Check(name="processors", ok=not busy, detail=f"{detail}, load {load:.1f}", remedy=remedy)
    else:
        yield Check(name="processors", ok=True, detail=detail)


def _memory(_results: str | None) -> Iterator[Check]:
    import psutil

    memory = psutil.virtual_memory()
    enough = memory.available >= LEAST_MEMORY_BYTES
    detail = f"{_size(memory.available)} available of {_size(memory.total)}"
    remedy = None if enough else f"free memory: {_size(LEAST_MEMORY_BYTES)} are advised"
    yield Check(name="memory", ok=enough, detail=detail, remedy=remedy)


def _packages(_results: str | None) -> Iterator[Check]:
    for name in ("numpy", "scipy", "pandas", "matplotlib", "scikit-image", "pydantic", "jinja2", "safetensors"):
        yield _installed(name, "required")
    yield _installed("crafter", "advised", why="prompts and true continuations are rendered by it")


def _installed(name: str, severity: Severity, why: str = "") -> Check:
    try:
        detail = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        detail = "not installed" + (f"; {why}" if why else "")
        return Check(name=name, ok=False, detail=detail, remedy=f"pip install {name}", severity=severity)
    return Check(name=name, ok=True, detail=detail, severity=severity)


def _video(_results: str | None) -> Iterator[Check]:
    try:
        import av
        from av.codec import Codec
    except ImportError as error:
        yield Check(name="av", ok=False, detail=str(error), remedy="pip install av", severity="required")
        return
    missing = []
    for codec in ("ffv1", "libx264"):
        try:
            Codec(codec, "w")
        except ValueError:
            missing.append(codec)
    detail = f"{av.__version__}, " + (f"no {' and no '.join(missing)}" if missing else "with ffv1 and libx264")
    remedy = "pip install --force-reinstall av (the wheel carries both)" if missing else None
    yield Check(name="av", ok=not missing, detail=detail, remedy=remedy, severity="required")


def _weights(_results: str | None) -> Iterator[Check]:
    if zoo_folder() is None:
        remedy = "reinstall diptych"
        yield Check(name="zoo", ok=False, detail="models/zoo is not installed", remedy=remedy, severity="required")
        return
    unreadable: list[str] = []
    for name, users in sorted(weight_users(fail=unreadable.append).items()):
        remedy = "reinstall diptych, or in a clone: git checkout models/zoo"
        try:
            path = zoo_file(name)
        except PackedError as error:
            detail = f"{error} Used by {', '.join(users)}"
            yield Check(name=f"weights {name}", ok=False, detail=detail, remedy=error.remedy, severity="required")
            continue
        if path is None:
            detail = f"absent; used by {', '.join(users)}"
            yield Check(name=f"weights {name}", ok=False, detail=detail, remedy=remedy)  # it may be a plug-in's
            continue
        detail = f"{_size(path.stat().st_size)}, sha256 {file_sha256(path)[:16]}…"
        why = damaged_safetensors(path)
        if why is not None:
            detail += f"; damaged: {why}; used by {', '.join(users)}"
        told = remedy if why else None
        yield Check(name=f"weights {name}", ok=why is None, detail=detail, remedy=told, severity="required")
    for why in unreadable:
        yield Check(name="zoo", ok=False, detail=why, remedy="diptych list models")


def _assets(_results: str | None) -> Iterator[Check]:
    """Whatever is here must have the bytes that the table says; what is not here is optional, unless it ships."""
    found = verify_assets().assets
    bad = [asset for asset in found if not asset.present and (asset.path is not None or asset.ships)]
    absent = [asset.name for asset in found if not asset.present and asset not in bad]
    here = sum(asset.present for asset in found)
    detail = f"{here} of {len(found)} here with the right SHA-256"
    detail += f"; not here: {', '.join(absent)}" if absent else ""
    detail = "; ".join([*(str(asset.reason) for asset in bad), detail])
    if ships := [str(asset.reason) for asset in bad if asset.ships]:
        remedy = CACHE_REMEDY if all(why.endswith(CACHE_REMEDY) for why in ships) else SHIPPED_REMEDY
        yield Check(name="assets", ok=False, detail=detail, remedy=remedy, severity="required")
    elif bad:
        yield Check(name="assets", ok=False, detail=detail, remedy="diptych assets verify")
    else:
        offer = "diptych assets fetch --all, if you want the metrics that need them" if absent else None
        yield Check(
            name="assets", ok=True, detail=detail, remedy=offer, severity="information" if absent else "advised"
        )


def damaged_safetensors(path: Path) -> str | None:
    """Say why a weight file cannot be read, from its header and size alone (no torch), or None."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            tensors = json.loads(file.read(length))
        end = max((entry["data_offsets"][1] for name, entry in tensors.items() if name != "__metadata__"), default=0)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, MemoryError, OverflowError):
        return "its header cannot be read"
    missing = 8 + length + end - path.stat().st_size
    return f"{missing} bytes are missing" if missing > 0 else None


def _components(_results: str | None) -> Iterator[Check]:
    registry = load_builtin()
    counted, amiss = [], []
    for kind in registry.packages:
        entries = registry.list(kind)
        counted.append(f"{len(entries)} {kind if len(entries) == 1 else PLURALS[kind]}")
        amiss += [f"{module}: {why}" for module, why in registry.broken.get(kind, {}).items()]
        amiss += [str(collision) for collision in registry.collisions(kind)]
        for entry in (e for e in entries if not registry.own(e)):
            try:
                entry.load()
            except DiptychError as error:  # what a plug-in names lazily shows only now that it cannot be imported
                amiss.append(str(error))
    detail = "; ".join(dict.fromkeys(amiss)) if amiss else ", ".join(counted)
    remedy = "mend or uninstall what is named" if amiss else None
    yield Check(name="components", ok=not amiss, detail=detail, remedy=remedy)


def _folders(results: str | None) -> Iterator[Check]:
    from harness.store.locate import results_root

    cache_root: Any = reach("models.worlds.cache:cache_root")
    cache: Path = cache_root()
    try:
        place: Path | None = results_root(results)
        why = ""
    except DiptychError as error:
        place, why = None, str(error)
    for name, folder, variable in (("results", place, "DIPTYCH_RESULTS"), ("cache", cache, "DIPTYCH_CACHE")):
        obstacle = why if folder is None else obstacle_to_writing(folder)
        remedy = f"set {variable} to a folder that you may write to" if obstacle else None
        yield Check(
            name=f"{name} folder", ok=not obstacle, detail=obstacle or str(folder), remedy=remedy, severity="required"
        )
    existing = next(p for p in (place or cache, *(place or cache).absolute().parents) if p.exists())
    free = shutil.disk_usage(existing).free
    enough = free >= LEAST_DISK_BYTES
    remedy = None if enough else f"free disk space: {_size(LEAST_DISK_BYTES)} are advised"
    yield Check(name="disk", ok=enough, detail=f"{_size(free)} free at {existing}", remedy=remedy)


def obstacle_to_writing(folder: Path) -> str:
    """Say why ``folder`` could not be created or written to; empty if it can. Creates nothing."""
    for place in (folder.absolute(), *folder.absolute().parents):
        if place.is_dir():
            return "" if os.access(place, os.W_OK | os.X_OK) else f"{place} may not be written to"
        if place.exists():
            return f"{place} is not a folder"
    return f"{folder} has no existing parent"


def _browser(_results: str | None) -> Iterator[Check]:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    detail = found or "none; only the browser tests of reports use one"
    yield Check(name="chromium", ok=True, severity="information", detail=detail)


def _size(count: int) -> str:
    return f"{count / 1024**3:.1f} GiB" if count >= 1024**3 else f"{count / 1024**2:.1f} MiB"


LOOKS: tuple[Callable[[str | None], Iterator[Check]], ...] = (
    _python,
    _torch,
    _nvml,
    _processors,
    _memory,
    _packages,
    _video,
    _weights,
    _assets,
    _components,
    _folders,
    _browser,
)
