"""Makes little videos from arithmetic alone, with durations that the arm prescribes."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from typing import Any

import numpy as np

from harness.errors import DiptychError
from harness.types import Arm, Case, Made, Repeats

FRAMES, SIDE = 4, 24


class TinyMaker:
    """An arm's ``seconds`` and ``damage`` decide its speed and its quality."""

    def __init__(self, device: str, threads: int) -> None:
        self.device, self.threads = device, threads

    def check(self, arm: Arm, case: Case) -> None:
        if "seconds" not in arm.params:
            raise DiptychError(f"arm {arm.name!r} prescribes no seconds.")

    def make(self, arm: Arm, case: Case, seed: int, repeats: Repeats) -> Made:
        if case.name == os.environ.get("TINY_INTERRUPT"):
            os.kill(os.getppid(), signal.SIGINT)  # the user's Ctrl-C, in the middle of a trial of this worker process
            time.sleep(60)
        if arm.params.get("fails"):
            raise RuntimeError("this arm always fails")
        rng = np.random.default_rng(seed)
        prompt = rng.integers(0, 256, (1, SIDE, SIDE, 3), dtype=np.uint8)
        truth = rng.integers(64, 192, (FRAMES, SIDE, SIDE, 3)).astype(np.float64)
        error = rng.normal(size=truth.shape) * (4 + float(arm.params["damage"]))
        video = np.clip(truth + error, 0, 255).astype(np.uint8)
        clock = np.random.default_rng([seed, len(arm.name)])  # durations differ between arms, as real ones do
        wobble = 1 + 0.02 * clock.random(repeats.count)
        return Made(
            video=video,
            reference=truth.astype(np.uint8),
            prompt=prompt,
            seconds=[float(arm.params["seconds"] * w) for w in wobble],
            first_call_seconds=None,
            prefill_seconds=None,
            peak_memory_bytes=None,
            counts={"frames": FRAMES, "tokens": FRAMES * 4, "passes": FRAMES},
            values={},
            hashes={
                "prompt": hashlib.sha256(prompt.tobytes()).hexdigest(),
                "noise": hashlib.sha256(str(seed).encode()).hexdigest(),
                "weights": hashlib.sha256(case.model.encode()).hexdigest(),
                "tokens": hashlib.sha256(video.tobytes()).hexdigest(),
            },
        )

    def context(self) -> dict[str, Any]:
        return {"precision": "none"}
