"""Memory that is freed, and whether the system has it back."""

import sys

import pytest

from harness.memory import PROC, give_back_memory, status_bytes


@pytest.mark.skipif(sys.platform != "linux", reason="glibc and /proc are Linux's")
def test_what_is_freed_goes_back_to_the_system() -> None:
    kept = [bytes(50_000) for _ in range(2000)]
    full = status_bytes(PROC, "VmRSS")
    pinned = kept[::500]  # here and there, so that the heap's end cannot simply move
    del kept
    give_back_memory()
    assert len(pinned) == 4
    assert status_bytes(PROC, "VmRSS") <= full - 50_000_000
