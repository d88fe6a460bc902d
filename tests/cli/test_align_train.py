"""diptych align train: from a collection to weights that the model can be loaded with."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from harness.registry import REGISTRY, Entry
from models.alignment.collection import collect
from models.diffusion.text_video import load_text_video
from models.training.curves import Curves
from models.weights import read_weights
from models.worlds.scene_captions import EXAMPLE
from tests.models.alignment.collecting import TinyScorer, make_plan, prompt_set
from tests.models.diffusion.conftest import tiny_card

OTHER = "mostly stone; path on the left; going down; at dusk"


@pytest.fixture(params=["epsilon", "flow"])
def collection(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A collection of a tiny registered model, called ``tiny-t2v``."""
    card = tiny_card(tmp_path, request.param)
    monkeypatch.setitem(REGISTRY.entries, ("model", "tiny-t2v"), Entry("model", "tiny-t2v", "", "test", card))
    monkeypatch.setattr(Curves, "plot", lambda self: None)
    model = load_text_video("tiny-t2v", "cpu")
    prompts = prompt_set([EXAMPLE, OTHER])
    plan = make_plan(prompts, model="tiny-t2v", weights_sha256=model.weights_sha256)
    collect(tmp_path / "collection", model, prompts, TinyScorer(), plan)
    return tmp_path / "collection"


def test_a_collection_becomes_weights_that_the_model_takes(diptych, collection: Path, tmp_path: Path) -> None:
    given = ("align", "train", "--data", str(collection), "--preset", "test", "--set", "beta=50", "--json")
    for method, rank in (("videodpo", "2"), ("sft", "0")):
        out = tmp_path / method
        said = diptych(*given, "--method", method, "--rank", rank, "--out", str(out), "--learning-rate", "0.01")
        assert said.code == 0, said.err
        found = said.document
        assert (found["task"], found["method"], found["model"], found["pairs"]) == ("align", method, "tiny-t2v", 2)
        assert found["path"] == str((out / "aligned.safetensors").resolve())
        assert found["logged"]["loss"] > 0
        facts = read_weights(out / "aligned.safetensors")[1]
        assert facts["base_sha256"] == found["base_sha256"] == load_text_video("tiny-t2v", "cpu").weights_sha256
        assert facts["facts"]["preferences_sha256"] == found["preferences_sha256"]
        base = load_text_video("tiny-t2v", "cpu").sample([EXAMPLE], [1]).latents
        made = [
            load_text_video("tiny-t2v", "cpu", weights=str(out / "aligned.safetensors"), merge=merge)
            .sample([EXAMPLE], [1])
            .latents
            for merge in (True, False)
        ]
        assert not torch.allclose(made[0], base, atol=1e-3)
        torch.testing.assert_close(made[0], made[1], rtol=1e-3, atol=1e-3)


def test_mistakes_are_one_message(diptych, tmp_path: Path) -> None:
    given = ("align", "train", "--data", str(tmp_path), "--out", str(tmp_path / "out"), "--preset", "test")
    for arguments, words in (
        (("--method", "ppo"), "unknown method 'ppo'"),
        (("--method", "dpo", "--set", "beta"), "--set takes KEY=VALUE"),
        (("--method", "dpo", "--set", "reducton=sum"), "did you mean 'reduction'"),
        (("--method", "dpo", "--beta", "-1"), "beta: Input should be greater than 0"),
        (("--method", "dpo", "--device", "tpu"), "device"),
        (("--method", "dpo", "--seed", "-1"), "seed must be an integer of at least 0"),
        (("--method", "dpo"), "diptych align collect"),
    ):
        said = diptych(*given, *arguments)
        assert said.code in (1, 2), said.err
        assert words in said.err
        assert "Traceback" not in said.err
