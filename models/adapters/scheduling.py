"""The scheduler of an arm: a pipeline's own, or another class made of the same configuration, if it can be."""

from __future__ import annotations

import inspect
import typing
from typing import Any

from harness.errors import unknown
from models.adapters.packages import diffusers

FLOW = ("FlowMatchEulerDiscreteScheduler", "UniPCMultistepScheduler", "DPMSolverMultistepScheduler")
"""Schedulers that sample a flow."""


def is_flow(config: Any) -> bool:
    """True for the configuration of a scheduler that samples a flow."""
    return config.get("prediction_type") == "flow_prediction" or str(config.get("_class_name")).startswith("FlowMatch")


def choices(pipeline: Any) -> tuple[str, ...]:
    """Classes that can take the place of a pipeline's scheduler: they mean the same by its configuration."""
    scheduler = pipeline.scheduler
    own = type(scheduler).__name__
    if is_flow({**scheduler.config, "_class_name": own}):
        return tuple(sorted({own, *FLOW}))
    said = inspect.get_annotations(type(pipeline).__init__, eval_str=False).get("scheduler")
    classes = (said, *typing.get_args(said))
    named = {kind.__name__ for kind in classes if isinstance(kind, type) and hasattr(kind, "set_timesteps")}
    compatible = {kind.__name__ for kind in scheduler.compatibles}
    return tuple(sorted({own, *named, *compatible} - {"FlowMatchEulerDiscreteScheduler"}))


def make_scheduler(pipeline: Any, name: str | None) -> Any:
    """A fresh scheduler for a pipeline.

    Args:
        pipeline: Its scheduler's configuration is taken.
        name: Class, or None for the pipeline's own.

    Raises:
        UsageError: No class that means the same by that configuration; names those that do.
    """
    config = dict(pipeline.scheduler.config)
    own = type(pipeline.scheduler)
    if name is None or name == own.__name__:
        return own.from_config(config)
    valid = choices(pipeline)
    if name not in valid:
        raise unknown(f"scheduler for a {type(pipeline).__name__}", name, valid)
    kind = getattr(diffusers(), name)
    said = {key: value for key, value in config.items() if key in inspect.signature(kind.__init__).parameters}
    if not is_flow({**config, "_class_name": own.__name__}):
        return kind.from_config(said)
    shift = config.get("flow_shift", config.get("shift", 1.0))  # one number under two names
    if name == "FlowMatchEulerDiscreteScheduler":
        return kind.from_config(said, shift=shift)
    return kind.from_config(said, prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=shift)
