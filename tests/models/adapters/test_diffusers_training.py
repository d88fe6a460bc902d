"""DPO of a pipeline's denoiser, on its own videos: collected latents in, an arm's weights out."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest
import torch

from harness.errors import DiptychError, UsageError
from harness.types import Repeats

pytest.importorskip("diffusers", reason="the package diffusers is not installed")
pytest.importorskip("peft", reason="the package peft is not installed")

from models.adapters.declared import CaseParams
from models.adapters.diffusers_pipeline import DiffusersMaker
from models.adapters.diffusers_sampling import PipelineModel
from models.alignment.options import ALIGN_PRESETS
from models.alignment.preferences import Preferences
from models.alignment.training import train_aligned
from tests.models.adapters.tinies import SIZES, arm, case

CAPTIONS = ("a red cat", "two dogs")
TRAINED = {
    "tiny:cogvideox": r".*attn1\.(to_q|to_v)",
    "tiny:wan": r".*attn2\.(to_q|to_v)",
    "tiny:unet3d": r".*attn2\.(to_k|to_v)",
}


def preferences(model: PipelineModel) -> Preferences:
    videos = [model.sample(CAPTIONS, seeds) for seeds in ((1, 2), (3, 4))]
    winners, losers = (video.latents for video in videos)
    return Preferences(CAPTIONS, winners, losers, torch.full((2,), 2.0, dtype=torch.float64), "0" * 64)


@pytest.mark.parametrize("name", TRAINED)
def test_dpo_trains_a_pipelines_denoiser_and_its_weights_are_an_arm(name, tmp_path):
    model = PipelineModel(CaseParams(pipeline=name, **SIZES))
    pairs = preferences(model)
    options = ALIGN_PRESETS["test"].model_copy(
        update={"steps": 3, "batch": 2, "accumulate": 1, "targets": TRAINED[name], "validate_every": 3, "beta": 50.0}
    )
    trained = train_aligned(model, pairs, options, tmp_path, seed=0)
    with (tmp_path / "curves.csv").open(newline="") as file:
        losses = [float(row["value"]) for row in csv.DictReader(file) if row["name"] == "loss"]
    assert losses[0] == pytest.approx(2 * math.log(2), rel=1e-5), "B is zero: all pairs have log 2, weighed by 2"
    assert losses[-1] != losses[0]
    assert trained.path.is_file()
    maker = DiffusersMaker("cpu", 1)
    videos = []
    for params in ({}, {"weights": str(trained.path)}):
        maker.check(arm(**params), case(name))
        videos.append(maker.make(arm(**params), case(name), 5, Repeats()))
    assert videos[0].hashes["noise"] == videos[1].hashes["noise"]
    assert videos[0].hashes["weights"] != videos[1].hashes["weights"]
    with pytest.raises(DiptychError, match="they belong to another model"):
        maker.check(arm(weights=str(trained.path)), case("tiny:cogvideox" if name != "tiny:cogvideox" else "tiny:wan"))


def test_a_sample_is_its_seeds_and_its_own(tmp_path):
    model = PipelineModel(CaseParams(pipeline="tiny:cogvideox", **SIZES))
    both = model.sample(CAPTIONS, (1, 2))
    alone = model.sample(CAPTIONS[1:], (2,))
    assert both.latents.shape == (2, 4, 3, 2, 2)
    assert torch.equal(both.latents[1:], alone.latents)
    assert both.noise_sha256[1:] == alone.noise_sha256
    assert len(both.step_seconds) == SIZES["steps"]
    frames = model.decode(both.latents)
    maker = DiffusersMaker("cpu", 1)
    made = maker.make(arm(), case("tiny:cogvideox", prompt=CAPTIONS[0]), 1, Repeats())
    assert made.hashes["noise"] == both.noise_sha256[0]
    assert np.abs(made.video.astype(int) - frames[0].astype(int)).max() <= 1
    with pytest.raises(UsageError, match="a seed for every caption"):
        model.sample(CAPTIONS, (1,))
    with pytest.raises(UsageError, match="eta must be 0"):
        model.sample(CAPTIONS, (1, 2), eta=0.5)
