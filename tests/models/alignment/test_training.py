"""Preference training: log 2 at first, likelier winners later, bit for bit the same after a stop, and honest errors."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from harness.errors import DiptychError, UsageError
from models.alignment.adapters import adapter_tensors, add_adapters, apply_aligned, without_adapters
from models.alignment.options import align_options
from models.alignment.training import ALIGNED, Aligned, train_aligned
from models.training.checkpoint import read_checkpoint
from models.training.curves import Curves
from models.weights import read_weights
from tests.models.alignment.fakes import LATENT, Model, Network, preferences

BASE = Model().sha256


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Drawing a run's curves takes longer than the run."""
    if "picture" not in request.node.name:
        monkeypatch.setattr(Curves, "plot", lambda self: None)


def align(
    out: Path, method: str = "videodpo", model: Model | None = None, pairs=None, seed: int = 0, **changes: Any
) -> Aligned:
    run = {key: changes.pop(key) for key in ("resume", "stop_after", "held_out") if key in changes}
    options = align_options("test", method, {"beta": 2.0, "learning_rate": 1e-2, **changes})
    return train_aligned(model or Model(), pairs or preferences(), options, out, seed, **run)


def rows(out: Path, kind: str = "train") -> list[dict[str, str]]:
    with (out / "curves.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["kind"] == kind]


def numbers(out: Path, name: str) -> list[float]:
    return [float(row["value"]) for row in rows(out) if row["name"] == name]


@pytest.mark.parametrize("rank", [0, 2])
def test_the_first_loss_is_log_two(tmp_path: Path, rank: int) -> None:
    found = align(tmp_path, "dpo", rank=rank, steps=1, learning_rate=1e-30, beta=5000.0)
    assert found.logged["loss"] == pytest.approx(math.log(2), rel=1e-6)  # six digits are written
    assert found.logged["margin"] == found.logged["reference_divergence"] == 0
    assert found.logged["implicit_accuracy"] == 0.5


@pytest.mark.parametrize("rank", [0, 2])
def test_winners_become_likelier_and_losers_less(tmp_path: Path, rank: int) -> None:
    found = align(tmp_path, rank=rank, steps=60, ema=0.0, held_out=preferences(8, seed=1))
    after = found.validation
    assert after["preference_loss"] < math.log(2) - 0.05
    assert after["implicit_accuracy"] > 0.9
    assert (
        after["winner_error"] - after["winner_reference_error"] < after["loser_error"] - after["loser_reference_error"]
    )
    assert after["reference_divergence"] > 0
    assert all(0 <= value <= 1 for value in numbers(tmp_path, "implicit_accuracy"))


def test_sft_learns_winners_alone(tmp_path: Path) -> None:
    found = align(tmp_path, "sft", steps=60, rank=0)
    assert found.validation["winner_error"] < found.validation["winner_reference_error"] - 0.01
    assert found.logged["loss"] == found.logged["winner_error"]
    other = preferences()
    other.losers.mul_(7.0)
    align(tmp_path / "other", "sft", pairs=other, steps=60, rank=0)
    assert weights(tmp_path) == weights(tmp_path / "other")


def weights(out: Path) -> dict[str, list[float]]:
    return {name: value.flatten().tolist() for name, value in load_file(out / ALIGNED).items()}


def test_equal_weights_are_plain_dpo_and_others_are_not(tmp_path: Path) -> None:
    align(tmp_path / "dpo", "dpo")
    align(tmp_path / "ones", "videodpo", pairs=preferences(weights=[1.0] * 6))
    align(tmp_path / "rare", "videodpo")
    assert weights(tmp_path / "dpo") == weights(tmp_path / "ones") != weights(tmp_path / "rare")


@pytest.mark.parametrize(
    "change",
    [{"shared_noise": False}, {"shared_timestep": False}, {"reduction": "per-column"}, {"caption_dropout": 0.9}],
)
def test_each_deviation_of_the_released_code_is_another_training(tmp_path: Path, change: dict[str, Any]) -> None:
    align(tmp_path / "plain")
    align(tmp_path / "other", **change)
    assert weights(tmp_path / "plain") != weights(tmp_path / "other")


def test_dropout_is_off_unless_asked_for_and_leaves_the_global_generator_alone(tmp_path: Path) -> None:
    models = [Model(Network(dropout=0.5)) for _ in range(3)]  # torch draws a layer's first weights
    torch.manual_seed(5)
    before = torch.get_rng_state()
    for model, name, changes in zip(
        models, ("off", "on", "again"), ({}, {"dropout": True}, {"dropout": True}), strict=True
    ):
        align(tmp_path / name, model=model, steps=1, learning_rate=1e-30, **changes)
    assert torch.equal(torch.get_rng_state(), before)
    assert numbers(tmp_path / "off", "reference_divergence") == [0]
    assert numbers(tmp_path / "on", "reference_divergence")[0] > 0, "policy and reference have masks of their own"
    assert numbers(tmp_path / "on", "loss") == numbers(tmp_path / "again", "loss")


def test_a_caption_is_left_out_of_both_videos(tmp_path: Path) -> None:
    model = Model()
    align(tmp_path, model=model, caption_dropout=0.5, steps=4, accumulate=1)
    asked = [captions for captions in model.asked if "" in captions]
    assert asked
    for captions in asked:
        assert captions[: len(captions) // 2] == captions[len(captions) // 2 :]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"rank": 0},
        {"ema": 0.5},
        {"rank": 0, "ema": 0.9, "accumulate": 4},
        {"dropout": True},
        {"shared_noise": False},
    ],
    ids=str,
)
def test_a_run_that_was_stopped_goes_on_bit_for_bit(tmp_path: Path, changes: dict[str, Any]) -> None:
    def model() -> Model:
        return Model(Network(dropout=0.3))

    align(tmp_path / "whole", model=model(), **changes)
    for stop in (2, 5):
        align(tmp_path / "parts", model=model(), stop_after=stop, resume=stop > 2, **changes)
    align(tmp_path / "parts", model=model(), resume=True, **changes)
    for name in (ALIGNED, "checkpoint.safetensors"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()
    kept = [{k: v for k, v in row.items() if k != "seconds"} for row in rows(tmp_path / "whole")]
    assert kept == [{k: v for k, v in row.items() if k != "seconds"} for row in rows(tmp_path / "parts")]


def test_accumulation_is_the_same_batch_in_pieces(tmp_path: Path) -> None:
    for pieces in (1, 2, 4):
        align(tmp_path / str(pieces), accumulate=pieces, rank=0, stored="float32")
    whole, halves, quarters = (load_file(tmp_path / str(pieces) / ALIGNED) for pieces in (1, 2, 4))
    for name, value in whole.items():
        torch.testing.assert_close(halves[name], value, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(quarters[name], value, rtol=1e-4, atol=1e-5)


def test_the_moving_average_is_what_is_written(tmp_path: Path) -> None:
    align(tmp_path / "plain", rank=0, steps=1, stored="float32", warmup_steps=1)
    align(tmp_path / "average", rank=0, steps=1, ema=0.75, stored="float32", warmup_steps=1)
    start, plain = Network().state_dict(), load_file(tmp_path / "plain" / ALIGNED)
    for name, value in load_file(tmp_path / "average" / ALIGNED).items():
        torch.testing.assert_close(value, 0.75 * start[name] + 0.25 * plain[name])


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_state(tmp_path: Path) -> None:
    class Breaking(Model):
        def predict(self, network, noised, timesteps, condition):
            found = super().predict(network, noised, timesteps, condition)
            return found * float("nan") if len(self.asked) > 8 else found

    with pytest.raises(DiptychError, match=r"the loss is nan at step 3.*is the state of step 3.*batch: 'caption \d"):
        align(tmp_path, model=Breaking(), validation_pairs=2)
    tensors, facts = read_checkpoint(tmp_path / "checkpoint.safetensors")
    assert facts["step"] == 3
    assert all(torch.isfinite(value).all() for value in tensors.values() if value.is_floating_point())
    assert not (tmp_path / ALIGNED).exists()


def test_checkpoints_hold_what_is_trained_and_refuse_another_run(tmp_path: Path) -> None:
    align(tmp_path, stop_after=2)
    tensors, _ = read_checkpoint(tmp_path / "checkpoint.safetensors")
    assert all("lora_" in name for name in tensors if name.startswith("model."))
    for changes, words in (
        ({"beta": 3.0}, "other beta"),
        ({"seed": 1}, "other seed"),
        ({"pairs": preferences(seed=4)}, "other preferences_sha256"),
        ({"model": Model(sha256="cd" * 32)}, "other base"),
        ({"method": "dpo"}, "other method"),
    ):
        with pytest.raises(DiptychError, match=words):
            align(tmp_path, resume=True, **changes)


@pytest.mark.parametrize("rank", [0, 2])
def test_aligned_weights_put_back_are_the_trained_network(tmp_path: Path, rank: int) -> None:
    model = Model()
    align(tmp_path, model=model, rank=rank, lora_alpha=4.0, stored="float32")
    asked = (
        torch.randn(3, *LATENT, generator=torch.Generator().manual_seed(0)),
        torch.tensor([1, 500, 900]),
        torch.ones(3),
    )
    expected = model.network.eval()(*asked)
    assert not torch.allclose(expected, Network()(*asked), atol=1e-3)
    for merge in (True, False):
        network = Network()
        facts = apply_aligned(network, tmp_path / ALIGNED, BASE, merge=merge)
        torch.testing.assert_close(network(*asked), expected, rtol=1e-4, atol=1e-5)
        assert (facts["method"], facts["seed"], facts["options"]["rank"]) == ("videodpo", 0, rank)
        assert facts["preferences_sha256"] == preferences().sha256
        assert bool(adapter_tensors(network)) == (rank > 0 and not merge)
        assert not any(parameter.requires_grad for parameter in network.parameters()) or not rank
    assert read_weights(tmp_path / ALIGNED)[1]["base_sha256"] == BASE


@pytest.mark.parametrize("rank", [0, 2])
def test_weights_of_another_base_or_architecture_are_one_error(tmp_path: Path, rank: int) -> None:
    align(tmp_path, rank=rank, steps=1)
    network = Network(width=6)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(DiptychError, match=r"was trained from the weights abab.*and the model has cdcd"):
        apply_aligned(network, tmp_path / ALIGNED, "cd" * 32)
    for merge in (True, False):
        with pytest.raises(DiptychError, match=r"another architecture: .*up"):
            apply_aligned(network, tmp_path / ALIGNED, BASE, merge=merge)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    with pytest.raises(DiptychError, match="holds no aligned weights"):
        apply_aligned(network, tmp_path / "checkpoint.safetensors", BASE)


def test_adapters_change_nothing_at_first_and_can_be_switched_off() -> None:
    network, asked = Network(), (torch.ones(1, *LATENT), torch.tensor([9]), torch.ones(1))
    expected = network(*asked)
    add_adapters(network, ["up", "down"], rank=2, scale=1.0, seed=3)
    assert torch.equal(network(*asked), expected)
    trained = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    with torch.no_grad():
        for tensor in adapter_tensors(network).values():
            tensor.add_(1.0)
    assert not torch.equal(network(*asked), expected)
    with without_adapters(network):
        assert torch.equal(network(*asked), expected)
    assert {name for name, parameter in network.named_parameters() if parameter.requires_grad} == trained
    assert all("lora_" in name for name in trained)


def test_wrong_preferences_and_targets_are_one_message(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no linear layer .* matches targets 'attention'. Linear layers: up, down"):
        align(tmp_path, targets="attention")
    with pytest.raises(UsageError, match="finite and above 0"):
        align(tmp_path, pairs=preferences(weights=[1, 1, 1, 0, 1, 1]))
    odd = preferences()
    object.__setattr__(odd, "losers", odd.losers[:3])
    with pytest.raises(UsageError, match="do not match"):
        align(tmp_path, pairs=odd)


def test_few_effective_pairs_and_lossy_storage_are_said(tmp_path: Path) -> None:
    rare = align(
        tmp_path / "rare", pairs=preferences(weights=[1000, 1, 1, 1, 1, 1]), rank=0, learning_rate=1e-6, warmup_steps=6
    )
    assert any("effective sample size is 1.0 of 6 pairs" in note for note in rare.notes)
    assert any("storing as float16 moves weights" in note for note in rare.notes)
    assert align(tmp_path / "fine", rank=0, stored="float32").notes == ()


def test_the_picture_of_a_run_shows_every_number(tmp_path: Path) -> None:
    align(tmp_path)
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    logged = {row["name"] for row in rows(tmp_path)}
    assert {"loss", "margin", "inside", "implicit_accuracy", "reference_divergence", "weight_ess_share"} <= logged
