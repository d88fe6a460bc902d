"""The training loop: one for every model, resumable bit for bit.

A run is a :class:`Job` (a model and two functions) and :class:`~models.training.presets.TrainOptions`. The loss of a
step is a function of the weights, the step's number and the job's generators, so weights, optimiser state, generators
and step are all there is to resume.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from harness.errors import DiptychError, StoppedError, UsageError
from models.training.average import MovingAverage
from models.training.checkpoint import read_checkpoint, restore, write_checkpoint
from models.training.curves import Curves
from models.training.presets import TrainOptions
from models.training.progress import Progress

CHECKPOINT = "checkpoint.safetensors"
CUT_OR_EXTEND = ("steps", "validate_every", "checkpoint_every", "threads", "processes")
"""Options that a resumed run may change: ``steps`` only while the learning rate has not begun to fall; ``threads``
changes the rounding of sums and nothing else."""
Logged = Mapping[str, float]


@dataclass
class Job:
    """What is trained.

    Attributes:
        model: On its device.
        loss: ``loss(step, part, parts)`` draws part ``part`` of the step's batch and returns its mean loss; or that
            and numbers by name, whose mean over the parts is logged.
        validate: Returns validation numbers by name.
        describe: What decides the run beside the options (seed, data, shape), JSON; a checkpoint of another is refused.
        generators: Torch generators that ``loss`` draws from.
        average: Of the weights; validation is then of the averaged ones. None keeps none.
        batch: Says in words what is in a step's batch, for the message of a run that diverged.
        trained_only: True leaves frozen weights out of checkpoints; ``describe`` must then name where they come from.
    """

    model: nn.Module
    loss: Callable[[int, int, int], Tensor | tuple[Tensor, Logged]]
    validate: Callable[[], dict[str, float]]
    describe: dict[str, Any]
    generators: dict[str, torch.Generator] = field(default_factory=dict)
    average: MovingAverage | None = None
    batch: Callable[[int], str] | None = None
    trained_only: bool = False


def make_optimisers(model: nn.Module, options: TrainOptions) -> list[torch.optim.Optimizer]:
    """AdamW over everything, or Muon over the blocks' matrices and AdamW over the rest."""
    matrices, decayed, plain = [], [], []
    for name, parameter in model.named_parameters():
        if parameter.dim() != 2 or "embed" in name:
            plain.append(parameter)
        elif options.optimiser == "muon" and "layers." in name:
            matrices.append(parameter)
        else:
            decayed.append(parameter)
    groups = [{"params": decayed, "weight_decay": options.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    adamw = torch.optim.AdamW(
        [group for group in groups if group["params"]], lr=options.learning_rate, betas=options.betas
    )
    if not matrices:
        return [adamw]
    muon = torch.optim.Muon(
        matrices, lr=options.learning_rate, weight_decay=options.weight_decay, adjust_lr_fn="match_rms_adamw"
    )
    return [adamw, muon]


def train(
    job: Job, options: TrainOptions, out: Path, *, resume: bool = False, stop_after: int | None = None
) -> dict[str, float]:
    """Train to ``options.steps``, writing ``checkpoint.safetensors``, ``curves.csv`` and ``curves.png`` under ``out``.

    Args:
        job: What is trained.
        options: How.
        out: Folder of the run.
        resume: Go on from the checkpoint in ``out``.
        stop_after: Stop at this step with a checkpoint, as a killed run would (None: go to the end).

    Returns:
        The last validation's numbers.
    """
    if stop_after is not None and stop_after < 1:
        raise UsageError(f"stop_after must be at least 1, not {stop_after}: a checkpoint belongs to a step.")
    if options.threads:
        torch.set_num_threads(options.threads)
    out.mkdir(parents=True, exist_ok=True)
    optimisers = make_optimisers(job.model, options)
    path, step = out / CHECKPOINT, 0
    if resume:
        tensors, facts = read_checkpoint(path)
        step = int(facts["step"])
        _refuse_other_run(facts, job, options, path, step)
        restore(tensors, job.model, optimisers, job.generators, job.average)
    elif path.exists():
        raise DiptychError(f"{path} exists. Go on with --resume, or choose another folder with --out.")
    curves = Curves(out, keep_through=step)
    facts = {"options": options.model_dump(mode="json"), "job": job.describe}
    last = options.steps if stop_after is None else min(options.steps, stop_after)
    results: dict[str, float] = {}
    kept = step if path.exists() else None  # the step of the last checkpoint
    with Progress("step", options.steps, step) as progress, _resumable(path, lambda: kept):
        while step < last:
            began = time.perf_counter()
            value, norm, logged = _step(job, optimisers, options, step)
            if not (math.isfinite(value) and math.isfinite(norm)):
                raise _diverged(job, step, value, norm, path, kept)
            curves.train(step, value, options.rate(step), norm, time.perf_counter() - began, logged)
            step += 1
            if step == options.steps or (options.validate_every and step % options.validate_every == 0):
                results = _validate(job)
                curves.validation(step, results)
                progress.say(step, "validation " + ", ".join(f"{k} {v:.4f}" for k, v in results.items()))
            if step == last or step % options.checkpoint_every == 0:
                curves.flush()
                write_checkpoint(
                    path, job.model, optimisers, job.generators, {**facts, "step": step}, job.average,
                    trained_only=job.trained_only,
                )  # fmt: skip
                kept = step
            progress.update(step, f"loss {value:.4f}")
    curves.flush()
    curves.plot()
    return results or _validate(job)


@contextlib.contextmanager
def _resumable(path: Path, kept: Callable[[], int | None]) -> Iterator[None]:
    """Turn Ctrl-C into the sentence that says what is kept."""
    try:
        yield
    except KeyboardInterrupt:
        step = kept()
        left = "no checkpoint was written yet" if step is None else f"{path} keeps step {step}; go on with --resume"
        raise StoppedError(f"stopped: {left}.") from None


def autocast(options: TrainOptions) -> contextlib.AbstractContextManager[Any]:
    """The precision of products."""
    kind = torch.device(options.device).type
    return torch.autocast(kind, torch.bfloat16, enabled=options.precision == "bfloat16")


def _diverged(job: Job, step: int, value: float, norm: float, path: Path, kept: int | None) -> DiptychError:
    """The sentence that says what is wrong, what was in the batch, and what is kept."""
    what = f"the gradient's norm is {norm}" if math.isfinite(value) else f"the loss is {value}"
    state = "no checkpoint was written yet" if kept is None else f"{path} is the state of step {kept}"
    batch = f" Its batch: {job.batch(step)}." if job.batch else ""
    return DiptychError(f"{what} at step {step}; lower --learning-rate ({state}).{batch}")


def _step(
    job: Job, optimisers: list[torch.optim.Optimizer], options: TrainOptions, step: int
) -> tuple[float, float, Logged]:
    """One step of the optimisers: mean loss, gradient norm before clipping, and what the loss logs.

    A step is whole: checkpoints lie between steps, so the phase of an accumulation is 0 in each of them.
    """
    job.model.train()
    parameters = [p for p in job.model.parameters() if p.requires_grad]
    parts = options.workers * options.accumulate

    def part(number: int) -> tuple[float, Logged, tuple[Tensor, ...]]:
        if options.workers > 1:
            torch.set_num_threads(1)  # a thread's own setting: it does not reach this pool from the main thread
        with autocast(options):
            found = job.loss(step, number, parts)
        loss, logged = found if isinstance(found, tuple) else (found, {})
        return float(loss.detach()), logged, torch.autograd.grad(loss, parameters)

    values: list[float] = []
    logs: list[Logged] = []
    sums: list[Tensor] = []
    # summed in order of the parts, so that the result does not depend on which thread was faster
    # the threads live for one step, so they follow a priority that is given to the process meanwhile
    with ThreadPoolExecutor(options.workers) as pool:
        for first in range(0, parts, options.workers):  # one micro batch after another: no two are in memory
            results = list(pool.map(part, range(first, first + options.workers)))
            for index in range(len(parameters)):
                summed = torch.stack([grads[index] for _, _, grads in results]).sum(0)
                if first == 0:
                    sums.append(summed)
                else:
                    sums[index] += summed
            values += [value for value, _, _ in results]
            logs += [logged for _, logged, _ in results]
    for parameter, summed in zip(parameters, sums, strict=True):
        parameter.grad = summed.div_(parts)
    norm = nn.utils.clip_grad_norm_(parameters, options.clip_norm)
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = options.rate(step)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
    if job.average:
        job.average.update()
    return sum(values) / parts, float(norm), {name: sum(log[name] for log in logs) / parts for name in logs[0]}


def _validate(job: Job) -> dict[str, float]:
    job.model.eval()
    with torch.no_grad(), job.average.applied() if job.average else contextlib.nullcontext():
        return job.validate()


def _refuse_other_run(facts: dict[str, Any], job: Job, options: TrainOptions, path: Path, step: int) -> None:
    """Raise unless the checkpoint is an earlier state of this very run."""
    # an older checkpoint lacks the newest options, whose defaults are what it had
    old, new = TrainOptions(**facts["options"]).model_dump(mode="json"), options.model_dump(mode="json")
    falling = step > min(old["steps"], new["steps"]) * (1 - options.decay_fraction)
    ignored = CUT_OR_EXTEND if not falling else CUT_OR_EXTEND[1:]
    changed = sorted(k for k in new if k not in ignored and old.get(k) != new[k])
    changed += sorted(k for k in job.describe if facts["job"].get(k) != job.describe[k])
    if changed:
        raise DiptychError(
            f"{path} belongs to a run with other {', '.join(changed)}; resume with the same, or choose another folder."
        )
