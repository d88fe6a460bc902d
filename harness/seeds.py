"""Seeds of matched trials: from suite, case and repetition, and never from the arm."""

from __future__ import annotations

import hashlib


def block_seed(base: int, suite: str, case: str, repetition: int) -> int:
    """Return the seed that every arm of one block shares.

    The arm cannot be passed: two arms of a block always meet the same noise.

    Args:
        base: The run's seed (``--seed``), ≥ 0.
        suite: Suite name.
        case: Case name.
        repetition: Repetition inside the case, from 0.

    Returns:
        An integer in [0, 2**63).
    """
    text = f"{base}\x00{suite}\x00{case}\x00{repetition}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def derived_seed(seed: int, purpose: str) -> int:
    """Return another seed for ``purpose`` (``"order"``, ``"bootstrap"``), independent of the first."""
    return int.from_bytes(hashlib.sha256(f"{seed}\x00{purpose}".encode()).digest()[:8], "big") >> 1
