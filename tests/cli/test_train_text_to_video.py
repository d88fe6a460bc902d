"""``diptych train text-to-video``: what it writes, that it goes on bit for bit, and what it says of mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from harness.cli.builtin import load_builtin
from harness.cli.main import run
from models.diffusion.text_video import load_denoiser
from models.tokenizers.loading import load_tokenizer
from models.training.text_to_video import captioned_windows
from models.worlds.scene_captions import is_held_out, parse_scene_caption

load_builtin()
SMALL = ["--preset", "test", "--shape", "width=16", "--shape", "layers=1", "--shape", "heads=2"]


def train(out: Path, *more: str) -> int:
    return run(["train", "text-to-video", "--out", str(out), *SMALL, *more, "--json"])


@pytest.mark.parametrize("prediction", ["epsilon", "flow"])
def test_a_stopped_training_goes_on_bit_for_bit(tmp_path: Path, prediction: str, capfd: pytest.CaptureFixture) -> None:
    assert train(tmp_path / "whole", "--prediction", prediction) == 0
    facts = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert facts["task"] == "text-to-video"
    assert set(facts["validation"]) == {"loss", "misled", "untold"}
    assert train(tmp_path / "parts", "--prediction", prediction, "--stop-after", "5") == 0
    assert train(tmp_path / "parts", "--prediction", prediction, "--resume") == 0
    whole, parts = (load_file(tmp_path / name / "text_to_video.safetensors") for name in ("whole", "parts"))
    assert all(np.array_equal(whole[name].float(), parts[name].float()) for name in whole)
    model = load_denoiser(str(tmp_path / "whole" / "text_to_video.safetensors"))
    assert model.shape.prediction == prediction
    assert model.shape.width == 16
    assert min(model.shape.latent_std) > 0.1


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--prediction", "epsilom"], "did you mean 'epsilon'"),
        (["--shape", "widht=16"], "did you mean 'width'"),
        (["--shape", "width=-3"], "KEY=INTEGER"),
        (["--shape", "patch=2"], "patch"),
        (["--world", "vizdoom-6x8"], "no captions"),
        (["--frames", "13"], "12 frames"),
        (["--steps", "0"], "at least 1"),
    ],
)
def test_mistakes_are_said_in_one_message(
    tmp_path: Path, more: list[str], said: str, capfd: pytest.CaptureFixture
) -> None:
    assert train(tmp_path / "run", *more) == 2
    printed = capfd.readouterr().err
    assert said in " ".join(printed.split())
    assert "Traceback" not in printed


def test_windows_of_held_out_combinations_are_left_out_and_can_be_had_alone() -> None:
    tokenizer = load_tokenizer("tokenizer_crafter.safetensors")
    kept = captioned_windows("crafter-9x9", "validation", 48, 8, tokenizer)
    others = captioned_windows("crafter-9x9", "validation", 48, 8, tokenizer, held_out=True)
    assert not any(is_held_out(parse_scene_caption(caption)) for caption in kept.captions)
    assert all(is_held_out(parse_scene_caption(caption)) for caption in others.captions)
    assert kept.dropped == len(others.captions) > 0
    assert kept.tokens.shape == (48 * 5 - kept.dropped, 8, 9, 9)
