"""One call of a pipeline: which arguments it takes, the noise it starts from, and how long its steps take."""

from __future__ import annotations

import hashlib
import inspect
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from harness.errors import RejectedError, UsageError
from models.adapters.declared import CaseParams
from models.adapters.loading import DENOISERS, LoadedPipeline
from models.adapters.sources import FRAME_ARGUMENTS


class _FoundError(Exception):
    """Ends a call of which only the initial latents' shape is wanted."""

    def __init__(self, shape: torch.Size, dtype: torch.dtype) -> None:
        super().__init__()
        self.shape, self.dtype = shape, dtype


def arguments_of(pipeline: Any, asked: CaseParams, prompt: str) -> dict[str, Any]:
    """What a pipeline is called with for a case, without noise and callbacks; what nobody said is left to it.

    Raises:
        UsageError: The pipeline has no such argument.
    """
    known = inspect.signature(type(pipeline).__call__).parameters
    frames = next(name for name in FRAME_ARGUMENTS if name in known)
    said = {
        "negative_prompt": asked.negative_prompt,
        "num_inference_steps": asked.steps,
        "guidance_scale": asked.guidance,
        frames: asked.frames,
        "height": asked.height,
        "width": asked.width,
    }
    said = {name: value for name, value in said.items() if value is not None}
    unknown = sorted(said.keys() - known.keys())
    if unknown:
        raise UsageError(f"a {type(pipeline).__name__} takes no {', '.join(unknown)}; leave it out of the case.")
    return {"prompt": prompt, **said, **text_length(pipeline)}


def text_length(pipeline: Any) -> dict[str, int]:
    """``max_sequence_length``, where the denoiser's positions fix it (CogVideoX): the call's default is only usual."""
    config = getattr(getattr(pipeline, "transformer", None), "config", {})
    length = config.get("max_text_seq_length") if hasattr(config, "get") else None
    takes = "max_sequence_length" in inspect.signature(type(pipeline).__call__).parameters
    return {"max_sequence_length": int(length)} if takes and length else {}


def latents_shape(loaded: LoadedPipeline, arguments: dict[str, Any]) -> tuple[torch.Size, torch.dtype]:
    """Shape and type of the initial latents of a call, as the pipeline itself makes them; asked once per shape.

    Raises:
        UsageError: The pipeline refuses the arguments, or does not prepare latents in the usual way.
    """
    key = tuple(arguments.get(name) for name in (*FRAME_ARGUMENTS, "height", "width"))
    if key not in loaded.shapes:
        pipeline = loaded.pipeline
        prepare = getattr(pipeline, "prepare_latents", None)
        if prepare is None:
            raise UsageError(f"a {loaded.class_name} has no prepare_latents, so arms cannot be given the same noise.")

        def stop(*given: Any, **named: Any) -> None:
            latents = prepare(*given, **named)
            latents = latents[0] if isinstance(latents, tuple) else latents
            raise _FoundError(latents.shape, latents.dtype)

        pipeline.prepare_latents = stop
        try:
            pipeline(**arguments, generator=torch.Generator().manual_seed(0))
            raise UsageError(f"a {loaded.class_name} never prepares latents, so arms cannot be given the same noise.")
        except _FoundError as found:
            loaded.shapes[key] = (found.shape, found.dtype)
        except (ValueError, TypeError) as error:
            raise UsageError(f"the {loaded.class_name} {loaded.name!r} refuses the case: {error}") from error
        finally:
            del pipeline.prepare_latents
            pipeline.maybe_free_model_hooks()
    return loaded.shapes[key]


@dataclass(frozen=True)
class Noise:
    """The noise of one block, the same for all arms.

    Attributes:
        latents: Initial latents, standard normal, on the CPU.
        generator: Of the noise that a stochastic scheduler draws afterwards.
        sha256: Of the latents in float32 and the generator's state after them, which fixes all that follows.
    """

    latents: Tensor
    generator: torch.Generator
    sha256: str


def draw_noise(shape: torch.Size, dtype: torch.dtype, seed: int) -> Noise:
    """Draw a block's noise on the CPU, whatever the device."""
    generator = torch.Generator().manual_seed(seed % 2**63)
    latents = torch.randn(shape, generator=generator, dtype=torch.float32)
    digest = hashlib.sha256(str(list(shape)).encode() + latents.numpy().tobytes())
    digest.update(generator.get_state().numpy().tobytes())
    return Noise(latents.to(dtype), generator, digest.hexdigest())


@dataclass
class StepClock:
    """Times the denoising steps of a call: events in the stream on CUDA, read at the end; the host's clock elsewhere.

    Attributes:
        device: Torch device.
        marks: When the denoiser was first called, and when each step ended.
    """

    device: str
    marks: list[Any] = field(default_factory=list)

    def mark(self) -> None:
        """Note the time."""
        if self.device.startswith("cuda"):
            event = torch.cuda.Event(enable_timing=True)
            event.record(torch.cuda.current_stream(self.device))
            self.marks.append(event)
        else:
            self.marks.append(time.perf_counter_ns())

    def seconds(self) -> list[float]:
        """Duration of each step, in seconds."""
        pairs = zip(self.marks, self.marks[1:], strict=False)
        if self.device.startswith("cuda"):
            torch.cuda.synchronize(self.device)
            return [start.elapsed_time(end) / 1e3 for start, end in pairs]
        return [(end - start) / 1e9 for start, end in pairs]

    @contextmanager
    def watching(self, pipeline: Any) -> Iterator[dict[str, Any]]:
        """Give the arguments that make a pipeline tell of its steps; empty where it has no callback."""
        known = inspect.signature(type(pipeline).__call__).parameters
        self.marks.clear()

        def first(*_: Any) -> None:
            if not self.marks:
                self.mark()

        def ended(_pipeline: Any, _step: int, _timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            self.mark()
            return tensors

        networks = [part for name in DENOISERS if isinstance(part := getattr(pipeline, name, None), nn.Module)]
        handles = [network.register_forward_pre_hook(first) for network in networks]
        try:
            if "callback_on_step_end" in known:
                yield {"callback_on_step_end": ended, "callback_on_step_end_tensor_inputs": []}
            elif "callback" in known:
                yield {"callback": lambda *_: self.mark(), "callback_steps": 1}
            else:
                yield {}
        finally:
            for handle in handles:
                handle.remove()


def frames_of(output: Any) -> NDArray[np.uint8]:
    """Frames uint8 ``[T, height, width, 3]`` of a pipeline's output of type ``"np"``.

    Raises:
        RejectedError: They hold NaN or infinity, or are no video.
    """
    found = output.frames if hasattr(output, "frames") else output[0]
    video = np.asarray(found[0], dtype=np.float32)
    if not np.isfinite(video).all():
        raise RejectedError("NotFinite", "the video holds NaN or infinity")
    if video.ndim != 4 or video.shape[-1] != 3:
        raise RejectedError("InvalidOutput", f"the pipeline gives {list(video.shape)}, not [frames, height, width, 3]")
    return np.rint(np.clip(video, 0, 1) * 255).astype(np.uint8)
