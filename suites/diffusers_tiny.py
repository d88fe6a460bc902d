"""Do pipelines of diffusers run as arms here? Random weights of a few kilobytes: speed only, and no download."""

from __future__ import annotations

from harness.registry import register
from harness.types import Arm, Case, Scale, Suite, Threshold, Value

PROMPTS = ("a red cat walks", "rain over a lake", "two dogs play", "night falls", "a boat turns", "snow on a hill")
SIZE: dict[str, Value] = {"frames": 9, "height": 16, "width": 16, "steps": 4, "guidance": 3.0}


def cases(pipeline: str, count: int) -> tuple[Case, ...]:
    """One case for each of the first ``count`` prompts."""
    return tuple(
        Case(
            name=f"{pipeline}/{index:04d}",
            group=pipeline,
            model="",
            params={"pipeline": pipeline, "prompt": prompt, **SIZE},
            speed_only=True,
        )
        for index, prompt in enumerate(PROMPTS[:count])
    )


DIFFUSERS_TINY = register("suite", "diffusers-tiny")(
    Suite(
        name="diffusers-tiny",
        version=1,
        question="Does a pipeline of diffusers run as an arm here, and what does another scheduler cost in time?",
        arms=(
            Arm(name="ddim", summary="the pipeline's own scheduler", maker="diffusers"),
            Arm(
                name="dpm",
                summary="a stochastic one on the same latents",
                maker="diffusers",
                params={"scheduler": "CogVideoXDPMScheduler"},
            ),
        ),
        baseline="ddim",
        scales={
            "smoke": Scale(name="smoke", cases=cases("tiny:cogvideox", 1)),
            "small": Scale(name="small", cases=cases("tiny:cogvideox", 6)),
            "full": Scale(
                name="full", cases=(*cases("tiny:cogvideox", 6), *cases("tiny:cogvideox-rotary", 6)), repetitions=2
            ),
        },
        metrics=("frames_per_second", "peak_memory_bytes", "imaging_quality[brisque]"),
        primary_speed="frames_per_second",
        primary_quality="imaging_quality[brisque]",
        margin=1.0,
        margin_why="never asked: the weights are random, and nothing can be said of quality",
        thresholds=(
            Threshold(metric="frames_per_second", tau=0.05, why="below this, timings of one machine differ anyway"),
        ),
    )
)
