"""Suites of the tiny maker."""

from __future__ import annotations

from harness.registry import register
from harness.types import Arm, Case, Scale, Suite, Threshold


def arm(name: str, **params: float | bool) -> Arm:
    return Arm(name=name, summary=f"the {name} one", maker="tiny", params={"seconds": 0.2, "damage": 0.0} | params)


def scale(name: str, cases: int) -> Scale:
    made = tuple(Case(name=f"tiny/{i:03}", group="tiny", model="tiny") for i in range(cases))
    return Scale(name=name, cases=made, repetitions=1, warmups=0, repeats=3)


def suite(name: str, *arms: Arm) -> Suite:
    return Suite(
        name=name,
        version=1,
        question="Is the quick arm quicker?",
        arms=arms,
        baseline="slow",
        scales={"smoke": scale("smoke", 8), "small": scale("small", 16)},
        metrics=("frames_per_second", "psnr"),
        primary_speed="frames_per_second",
        primary_quality="psnr",
        margin=1.0,
        margin_why="a test of the command line",
        thresholds=(Threshold(metric="frames_per_second", tau=0.05, why="a test"),),
    )


TINY = suite("tiny", arm("slow"), arm("quick", seconds=0.1), arm("sloppy", seconds=0.05, damage=40.0))
UNPAIRED = suite("tiny-unpaired", arm("slow"), arm("broken", fails=True))

register("suite", "tiny", summary="a slow, a quick and a sloppy arm", target="diptych_tiny.suite:TINY")
register("suite", "tiny-unpaired", summary="one arm always fails", target="diptych_tiny.suite:UNPAIRED")

MODEL = "tiny"
