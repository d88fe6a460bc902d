"""Models whose weights are not there, or belong to another network, and suites that ask for them."""

from __future__ import annotations

from harness.registry import register
from harness.types import Arm, Case, Scale, Suite, Threshold
from models.ar.shapes import TransformerShape
from models.zoo.cards import VideoModel

SHAPE = TransformerShape(
    image_vocabulary=1000,
    vocabulary=1017,
    hidden=32,
    mlp=64,
    layers=1,
    heads=2,
    kv_heads=1,
    head_dim=16,
)


def card(name: str, weights: str) -> VideoModel:
    return VideoModel(
        name=name,
        summary="cannot be loaded",
        world="crafter-9x9",
        shape=SHAPE,
        prompt_frames=1,
        frames=1,
        tokenizer="tokenizer_crafter.safetensors",
        weights=weights,
    )


def suite(model: str) -> Suite:
    case = Case(name=f"{model}/0", group=model, model=model, params={"split": "test", "index": 0, "of": 1})
    return Suite(
        name=model,
        version=1,
        question="Is a bad file of weights told of before any trial?",
        arms=(
            Arm(name="sequential", maker="decoding", params={"schedule": "sequential"}),
            Arm(name="diagonal", maker="decoding", params={"schedule": "diagonal", "k": 2}),
        ),
        baseline="sequential",
        scales={"smoke": Scale(name="smoke", cases=(case,))},
        metrics=("frames_per_second", "psnr"),
        primary_speed="frames_per_second",
        primary_quality="psnr",
        margin=1.0,
        margin_why="a test of the command line",
        thresholds=(Threshold(metric="frames_per_second", tau=0.05, why="a test"),),
    )


register("model", "tiny-lost", summary="weights that are not there")(card("tiny-lost", "absent.safetensors"))
register("model", "tiny-misshaped", summary="weights of another network")(
    card("tiny-misshaped", "tokenizer_crafter.safetensors")
)
for name in ("tiny-lost", "tiny-misshaped"):
    register("suite", name, summary="cannot be run")(suite(name))
