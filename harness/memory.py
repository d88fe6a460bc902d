"""Peak memory of a stretch of work, with the method it was read by.

CPU: the kernel's high-water mark of the process (``VmHWM``), reset before the work by writing 5 to
``/proc/self/clear_refs`` (proc(5)); the whole process counts, weights and libraries included. Where it cannot be reset,
the peak since the process began is given and says so. CUDA: the allocator's peak, reset before the work; that branch
needs a GPU and is untested without one.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

PROC = Path("/proc/self")
UNKNOWN = "this system keeps no peak of a process's memory"


def give_back_memory() -> None:
    """Return what this process has freed and still holds to the system, where its C library can (glibc)."""
    import ctypes
    import gc

    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


class PeakMemory:
    """Measures the peak inside its ``with`` statement.

    Attributes:
        bytes: The peak in bytes; None if there is no way to know (then :attr:`method` is the reason).
        method: How it was read.
        start_bytes: Resident (CPU) or allocated (CUDA) memory when the work began, or None.
    """

    def __init__(self, device: str = "cpu", *, proc: Path = PROC) -> None:
        """Prepare to measure on ``device`` (``"cpu"`` or ``"cuda:N"``); ``proc`` is ``/proc/self`` except in tests."""
        self.device = device
        self.bytes: int | None = None
        self.start_bytes: int | None = None
        self.method = ""
        self._proc = proc
        self._reset = False

    def __enter__(self) -> Self:
        if self.device.startswith("cuda"):
            import torch

            torch.cuda.synchronize(self.device)
            torch.cuda.reset_peak_memory_stats(self.device)
            self.start_bytes = torch.cuda.memory_allocated(self.device)
            return self
        try:
            # Write only: the file gives its owner no right to read.
            handle = os.open(self._proc / "clear_refs", os.O_WRONLY)
            try:
                os.write(handle, b"5")
            finally:
                os.close(handle)
            self._reset = True
        except OSError:
            self._reset = False
        self.start_bytes = status_bytes(self._proc, "VmRSS")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.device.startswith("cuda"):
            if error is not None:  # the card may be unusable: a second error would hide the first
                return
            import torch

            torch.cuda.synchronize(self.device)
            self.bytes = torch.cuda.max_memory_allocated(self.device)
            self.method = "CUDA allocator's peak, reset before the work"
            return
        peak = status_bytes(self._proc, "VmHWM") if self._reset else None
        if peak is not None:
            self.bytes, self.method = peak, "VmHWM of the process, reset before the work"
            return
        self.bytes = lifetime_peak_bytes()
        self.method = UNKNOWN if self.bytes is None else "ru_maxrss: peak since the process began (no reset possible)"


def status_bytes(proc: Path, field: str) -> int | None:
    """Return a field of ``/proc/self/status`` (given there in kB) in bytes, or None."""
    try:
        lines = (proc / "status").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    return None


def lifetime_peak_bytes() -> int | None:
    """Return the peak resident memory since the process began in bytes, or None."""
    import sys

    try:
        import resource
    except ImportError:  # not a POSIX system
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
