"""Makes the videos of the metrics' sanity suite: a real clip, spoiled; its reference is the clip itself."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.device import available_cores
from harness.errors import UsageError
from harness.measure import measure
from harness.params import read_params
from harness.registry import REGISTRY
from harness.types import Arm, Case, Made, Repeats
from models.faults.clips import Source, real_clip, world_clips
from models.faults.declared import ArmParams, CaseParams
from models.faults.faults import FAULTS, SWAPPED_PAIRS


class FaultMaker:
    """Applies one fault to one clip.

    The first frame is the prompt and is never touched; the fault spoils the frames after it. The generator of a fault
    is seeded by the block, so stronger faults of one block are the same fault, stronger.

    Args:
        device: Part of the protocol; everything here runs on the CPU.
        threads: Part of the protocol.
    """

    def __init__(self, device: str, threads: int) -> None:
        del device, threads
        self._clips: dict[tuple[Any, ...], Source] = {}
        self._worlds: dict[str, Any] = {}

    def check(self, arm: Arm, case: Case) -> None:
        """Read the parameters and the clip; raises for a strength that is not there and a clip that is too short."""
        asked = read_params(ArmParams, arm.params, f"arm {arm.name!r}")
        if asked.fault in FAULTS and asked.strength > FAULTS[asked.fault].strengths:
            raise UsageError(f"fault {asked.fault!r} has strengths 1 to {FAULTS[asked.fault].strengths}.")
        source = self.clip(case)
        frames = len(source.frames)
        if asked.fault == "caption" and source.caption is not None:
            self._other_caption(case, source)
        if asked.fault == "swap" and SWAPPED_PAIRS[asked.strength - 1] > frames // 2:
            raise UsageError(f"{frames} frames have no {SWAPPED_PAIRS[asked.strength - 1]} pairs to swap.")

    def context(self) -> dict[str, Any]:
        """What made or holds the clips."""
        return {"worlds": {name: world.versions() for name, world in sorted(self._worlds.items())}}

    def clip(self, case: Case) -> Source:
        """The clip of a case: prompt frame, true frames and, in a world, their actions."""
        asked = read_params(CaseParams, case.params, f"case {case.name!r}")
        if (asked.world is None) == (asked.file is None):
            raise UsageError(f"case {case.name!r} names either a world or a file.")
        size = (asked.height, asked.width, asked.frames)
        key = (asked.world, asked.split, asked.index, asked.file, asked.start, asked.fps, *size)
        if key not in self._clips:
            if asked.world is None:
                self._clips[key] = real_clip(asked)
            else:
                if asked.world not in self._worlds:
                    self._worlds[asked.world] = REGISTRY.get("world", asked.world)()
                clips = world_clips(self._worlds[asked.world], asked, available_cores())
                for index, source in enumerate(clips):
                    self._clips[(*key[:2], index, *key[3:])] = source
        return self._clips[key]

    def _other_caption(self, case: Case, source: Source) -> str | None:
        """What is true of another clip of the case's scale, the next one of which something else is true."""
        asked = read_params(CaseParams, case.params, f"case {case.name!r}")
        if source.caption is None or asked.world is None:
            return asked.other_caption
        count = asked.of or 1
        for step in range(1, count):
            params = {**case.params, "index": (asked.index + step) % count}
            other = self.clip(case.model_copy(update={"params": params})).caption
            if other != source.caption:
                return other
        raise UsageError(f"case {case.name!r}: all {count} clips have the caption {source.caption!r}.")

    def make(self, arm: Arm, case: Case, seed: int, repeats: Repeats) -> Made:
        """Spoil the case's clip; see :meth:`harness.protocols.Maker.make`."""
        asked = read_params(ArmParams, arm.params, f"arm {arm.name!r}")
        source = self.clip(case)
        caption = self._other_caption(case, source) if asked.fault == "caption" else source.caption

        def spoil() -> NDArray[np.uint8]:
            if asked.fault not in FAULTS:
                return source.frames
            spoiled = FAULTS[asked.fault].apply(source.frames, asked.strength, np.random.default_rng(seed))
            return np.ascontiguousarray(spoiled)

        measured = measure(spoil, "cpu", repeats)
        return Made(
            video=measured.result,
            reference=source.frames,
            prompt=source.prompt,
            seconds=measured.seconds,
            first_call_seconds=None,
            prefill_seconds=None,
            peak_memory_bytes=measured.peak_memory_bytes,
            energy_joules=measured.energy_joules,
            flags=[flag for flag in measured.flags if flag != "unsteady"],  # its time is no result
            counts={"frames": len(source.frames)},
            values={},
            hashes={
                "prompt": digest(source.prompt),
                "noise": hashlib.sha256(f"fault generator {seed}".encode()).hexdigest(),
                "weights": hashlib.sha256(b"no weights").hexdigest(),
                "tokens": digest(measured.result),
            },
            info=measured.info | ({} if caption is None else {"caption": caption}),
            caption=caption,
            actions=source.actions,
            world=read_params(CaseParams, case.params, f"case {case.name!r}").world,
        )


def digest(frames: NDArray[np.uint8]) -> str:
    """SHA-256 of shape and pixels."""
    return hashlib.sha256(str(frames.shape).encode() + np.ascontiguousarray(frames).tobytes()).hexdigest()
