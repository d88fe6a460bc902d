"""Runs text-to-video pipelines of diffusers as arms: same prompt, same noise, one thing changed."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import RejectedError
from harness.measure import measure
from harness.params import read_params
from harness.types import Arm, Case, Made, Repeats
from models.adapters.calls import StepClock, arguments_of, draw_noise, frames_of, latents_shape
from models.adapters.changes import Change, changed, read_change
from models.adapters.declared import ArmParams, CaseParams
from models.adapters.loading import LoadedPipeline, load_pipeline
from models.adapters.prompts import prompt_of
from models.adapters.scheduling import make_scheduler

PACKAGES = ("diffusers", "transformers")
LOADED_BY = ("pipeline", "revision", "variant", "dtype", "vae_dtype", "offload", "tiling")


class DiffusersMaker:
    """Makes one video per call.

    What is timed is the whole call of the pipeline: text encoders, all steps, the VAE. ``info["step_seconds"]`` has
    each denoising step of the last timed call.

    Args:
        device: ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
        threads: Threads that the caller has pinned; part of the protocol, and nothing is done with it here.
    """

    def __init__(self, device: str, threads: int) -> None:
        del threads
        self.device = device
        self._pipelines: dict[tuple[Any, ...], LoadedPipeline] = {}
        self._changes: dict[tuple[Any, ...], Change] = {}

    def check(self, arm: Arm, case: Case) -> None:
        """Load the case's pipeline and read what the arm changes; raises for what cannot run."""
        own, asked = _params(arm, case)
        prompt = prompt_of(asked, case.name)
        loaded = self.load(asked)
        self.change(own, asked)
        make_scheduler(loaded.pipeline, own.scheduler)
        latents_shape(loaded, arguments_of(loaded.pipeline, asked, prompt))

    def context(self) -> dict[str, Any]:
        """Pipelines with their weights, precision and scheduler, and the packages that run them."""
        return {
            "pipelines": {
                " ".join(f"{name}={value}" for name, value in zip(LOADED_BY, key, strict=True) if value): {
                    "class": loaded.class_name,
                    "weights_sha256": loaded.weights_sha256,
                    "scheduler": type(loaded.pipeline.scheduler).__name__,
                    "scheduler_config": _plain(dict(loaded.pipeline.scheduler.config)),
                }
                for key, loaded in sorted(self._pipelines.items(), key=lambda item: str(item[0]))
            },
            "packages": {name: _version(name) for name in PACKAGES},
        }

    def load(self, asked: CaseParams) -> LoadedPipeline:
        """Load a case's pipeline once."""
        key = _key(asked)
        if key not in self._pipelines:
            self._pipelines[key] = load_pipeline(asked, self.device)
        return self._pipelines[key]

    def change(self, own: ArmParams, asked: CaseParams) -> Change:
        """Read what an arm changes in a case's pipeline once."""
        key = (*_key(asked), own.model_dump_json())
        if key not in self._changes:
            self._changes[key] = read_change(own, self.load(asked))
        return self._changes[key]

    def make(self, arm: Arm, case: Case, seed: int, repeats: Repeats) -> Made:
        """Run the pipeline; see :meth:`harness.protocols.Maker.make`."""
        own, asked = _params(arm, case)
        prompt = prompt_of(asked, case.name)
        loaded, change = self.load(asked), self.change(own, asked)
        pipeline = loaded.pipeline
        arguments = arguments_of(pipeline, asked, prompt)
        shape, dtype = latents_shape(loaded, arguments)
        digest = draw_noise(shape, dtype, seed).sha256
        clock, usual = StepClock(loaded.device), pipeline.scheduler

        def run() -> NDArray[np.uint8]:
            noise = draw_noise(shape, dtype, seed)  # anew for each repeat: a generator goes on where it was left
            with clock.watching(pipeline) as callback:
                output = pipeline(
                    **arguments, **callback, latents=noise.latents, generator=noise.generator, output_type="np"
                )
            return frames_of(output)

        try:
            pipeline.scheduler = make_scheduler(pipeline, own.scheduler)
            with changed(loaded, change):
                measured = measure(run, loaded.device, repeats)
            scheduler, timesteps = type(pipeline.scheduler).__name__, len(pipeline.scheduler.timesteps)
        finally:
            pipeline.scheduler = usual
        video = measured.result
        if asked.frames is not None and len(video) != asked.frames:
            raise RejectedError(
                "InvalidOutput",
                f"a {loaded.class_name} was asked for {asked.frames} frames and made {len(video)}; ask for a number "
                "that it can make",
            )
        steps = clock.seconds()
        return Made(
            video=video,
            reference=None,
            prompt=None,
            seconds=measured.seconds,
            first_call_seconds=None,
            prefill_seconds=None,
            peak_memory_bytes=measured.peak_memory_bytes,
            energy_joules=measured.energy_joules,
            flags=measured.flags,
            counts={"frames": len(video), "steps": timesteps},
            values={},
            hashes={
                "prompt": hashlib.sha256(json.dumps([prompt, asked.negative_prompt]).encode()).hexdigest(),
                "noise": digest,
                "weights": change.weights_sha256(loaded.weights_sha256),
                "tokens": hashlib.sha256(str(video.shape).encode() + video.tobytes()).hexdigest(),
            },
            info={
                "prompt": prompt,
                "class": loaded.class_name,
                "scheduler": scheduler,
                "latents": list(shape),
                **_step_info(steps),
                **({"merged": change.merge} if change.layers else {}),
                **measured.info,
            },
            caption=prompt,
        )


def _step_info(seconds: list[float]) -> dict[str, Any]:
    return {"step_seconds": seconds} if seconds else {"step_seconds_absent": "the pipeline tells of no step"}


def _params(arm: Arm, case: Case) -> tuple[ArmParams, CaseParams]:
    own = read_params(ArmParams, arm.params, f"arm {arm.name!r}")
    return own, read_params(CaseParams, case.params, f"case {case.name!r}")


def _key(asked: CaseParams) -> tuple[Any, ...]:
    return tuple(getattr(asked, name) for name in LOADED_BY)


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration as JSON."""
    plain: dict[str, Any] = json.loads(json.dumps(config, default=str))
    return plain


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
