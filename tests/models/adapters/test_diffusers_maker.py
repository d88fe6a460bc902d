"""Pipelines as arms: same noise, one thing changed, and nothing half loaded."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from harness.errors import DiptychError, RejectedError, UsageError
from harness.types import Repeats

pytest.importorskip("diffusers", reason="the package diffusers is not installed")

from models.adapters.calls import StepClock, draw_noise
from models.adapters.changes import changed, read_change
from models.adapters.declared import ArmParams, CaseParams
from models.adapters.diffusers_pipeline import DiffusersMaker
from models.adapters.scheduling import make_scheduler
from models.adapters.sources import find_pipeline
from models.adapters.tiny import tiny_pipeline
from models.weights import HEADER
from tests.models.adapters.tinies import LAYERS, arm, case, loaded, lora_tensors, write_lora

FAMILIES = tuple(LAYERS)


@pytest.fixture(scope="module")
def maker() -> DiffusersMaker:
    return DiffusersMaker("cpu", 1)


def made(maker, one, other, seed=5, repeats=None):
    maker.check(one, other)
    return maker.make(one, other, seed, repeats or Repeats())


def state(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_lora_changes_the_video_on_the_same_noise_and_leaves_nothing_behind(maker, tmp_path, name):
    part, layers = LAYERS[name]
    file = write_lora(tmp_path / "x.safetensors", tiny_pipeline(name), part, layers)
    base = made(maker, arm(), case(name), repeats=Repeats(count=2))
    tuned = made(maker, arm(lora=str(file)), case(name))
    again = made(maker, arm(), case(name))
    assert base.video.shape == (9, 16, 16, 3)
    assert base.video.dtype == np.uint8
    assert (tuned.video != base.video).mean() > 0.01
    np.testing.assert_array_equal(again.video, base.video)
    assert tuned.hashes["noise"] == base.hashes["noise"]
    assert tuned.hashes["prompt"] == base.hashes["prompt"]
    assert tuned.hashes["weights"] != base.hashes["weights"] == again.hashes["weights"]
    assert base.counts == {"frames": 9, "steps": 2}
    assert len(base.seconds) == 2
    assert len(base.info["step_seconds"]) == 2
    assert 0 < sum(base.info["step_seconds"]) < base.seconds[-1]
    assert made(maker, arm(), case(name), seed=6).hashes["noise"] != base.hashes["noise"]


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("merge", [True, False])
def test_a_lora_is_what_peft_makes_of_it(tmp_path, name, merge):
    pytest.importorskip("peft", reason="the package peft is not installed")
    part, layers = LAYERS[name]
    ours, theirs = loaded(name), tiny_pipeline(name)
    file = write_lora(tmp_path / "x.safetensors", theirs, part, layers, alpha=5.0)
    change = read_change(ArmParams(lora=str(file), lora_scale=0.7, merge=merge), ours)
    if name == "tiny:unet3d":  # diffusers loads no adapter into this class, and peft itself must be asked
        beside(theirs.unet, load_file(file), layers, alpha=0.7 * 5.0)
    else:
        theirs.load_lora_weights(str(tmp_path), weight_name="x.safetensors", adapter_name="x", use_safetensors=True)
        theirs.set_adapters("x", 0.7)
    inputs = torch.randn(1, *theirs_input(theirs, part, layers[0]), generator=torch.Generator().manual_seed(1))
    before = state(ours.denoiser)
    for layer in layers[:1]:
        plain = ours.denoiser.get_submodule(layer)(inputs)
        with changed(ours, change):
            found = ours.denoiser.get_submodule(layer)(inputs)
            assert merge != equal(state(ours.denoiser), before)
        expected = getattr(theirs, part).get_submodule(layer)(inputs)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
        assert not torch.allclose(found, plain, atol=1e-2)
        assert torch.equal(ours.denoiser.get_submodule(layer)(inputs), plain)
    assert equal(state(ours.denoiser), before)


def beside(network, tensors, layers, alpha):
    import peft

    config = peft.LoraConfig(r=2, lora_alpha=alpha, target_modules=list(layers))
    peft.inject_adapter_in_model(config, network)
    for name in layers:
        layer = network.get_submodule(name)
        layer.lora_A["default"].weight.data.copy_(tensors[f"unet.{name}.lora_A.weight"])
        layer.lora_B["default"].weight.data.copy_(tensors[f"unet.{name}.lora_B.weight"])


def theirs_input(pipeline, part, layer) -> tuple[int, ...]:
    module = getattr(pipeline, part).get_submodule(layer)
    weight = module.base_layer.weight if hasattr(module, "base_layer") else module.weight
    return (3, weight.shape[1]) if weight.dim() == 2 else (weight.shape[1], 8, 8)


def test_a_convolution_is_changed_beside_its_weight_as_in_it(tmp_path):
    ours = loaded("tiny:unet3d")
    part, layers = LAYERS["tiny:unet3d"]
    file = write_lora(tmp_path / "x.safetensors", ours.pipeline, part, layers)
    inputs = torch.randn(2, 8, 8, 8, generator=torch.Generator().manual_seed(1))
    outputs = []
    for merge in (True, False):
        with changed(ours, read_change(ArmParams(lora=str(file), merge=merge), ours)):
            outputs.append(ours.denoiser.get_submodule(layers[1])(inputs))
    torch.testing.assert_close(outputs[0], outputs[1], rtol=1e-4, atol=1e-4)


def test_a_lora_whose_b_is_zero_changes_no_pixel(maker, tmp_path):
    part, layers = LAYERS["tiny:wan"]
    file = write_lora(tmp_path / "zero.safetensors", tiny_pipeline("tiny:wan"), part, layers, scale=0.0)
    base = made(maker, arm(), case("tiny:wan"))
    for merge in (True, False):
        same = made(maker, arm(lora=str(file), merge=merge), case("tiny:wan"))
        np.testing.assert_array_equal(same.video, base.video)
        assert same.info["merged"] is merge


def test_peft_and_older_names_mean_the_same_layers(tmp_path):
    ours = loaded("tiny:wan")
    part, layers = LAYERS["tiny:wan"]
    tensors = lora_tensors(ours.pipeline, part, layers)
    ways = {
        "diffusers": tensors,
        "bare": {key.removeprefix("transformer."): value for key, value in tensors.items()},
        "peft": {f"base_model.model.{key.removeprefix('transformer.')}": value for key, value in tensors.items()},
    }
    found = []
    for name, way in ways.items():
        save_file(way, tmp_path / f"{name}.safetensors")
        found.append(read_change(ArmParams(lora=str(tmp_path / f"{name}.safetensors")), ours).layers)
    for layers_found in found:
        assert [(layer.part, layer.module, layer.ratio) for layer in layers_found] == [
            ("transformer", name, 1.0) for name in sorted(layers)
        ]


def test_a_lora_of_another_architecture_is_refused_as_a_whole(maker, tmp_path):
    part, layers = LAYERS["tiny:wan"]
    file = write_lora(tmp_path / "wan.safetensors", tiny_pipeline("tiny:wan"), part, layers)
    with pytest.raises(DiptychError, match=r"no layer transformer\.blocks\.0\.attn1\.to_q.*of 2 layers"):
        maker.check(arm(lora=str(file)), case("tiny:cogvideox"))


def test_half_a_pair_another_size_and_what_is_no_lora_are_refused(tmp_path):
    ours = loaded("tiny:wan")
    part, layers = LAYERS["tiny:wan"]
    tensors = lora_tensors(ours.pipeline, part, layers)
    name = f"{part}.{layers[0]}.lora_B.weight"
    bad = {
        "half of transformer.blocks.0.attn1.to_q": {key: value for key, value in tensors.items() if key != name},
        r"has a weight \[24, 24\], not \[25, 2\]": {**tensors, name: torch.zeros(25, 2)},
        "unknown transformer.x.lora_magnitude_vector": {
            **tensors,
            "transformer.x.lora_magnitude_vector": torch.ones(1),
        },
        "is no LoRA": {"transformer.x": torch.ones(1)},
    }
    for said, state_dict in bad.items():
        save_file(state_dict, tmp_path / "x.safetensors")
        with pytest.raises(DiptychError, match=said):
            read_change(ArmParams(lora=str(tmp_path / "x.safetensors")), ours)
    with pytest.raises(UsageError, match="there is no LoRA 'nowhere'"):
        read_change(ArmParams(lora="nowhere"), ours)
    (tmp_path / "x.bin").write_bytes(b"no")
    with pytest.raises(UsageError, match="nothing else is ever loaded"):
        read_change(ArmParams(lora=str(tmp_path / "x.bin")), ours)
    with pytest.raises(UsageError, match="lora_scale says nothing"):
        read_change(ArmParams(lora_scale=2.0), ours)


def test_weights_of_the_denoiser_take_its_place(maker, tmp_path):
    other = tiny_pipeline("tiny:cogvideox", seed=1)
    other.transformer.save_pretrained(tmp_path / "other")
    base = made(maker, arm(), case("tiny:cogvideox"))
    swapped = made(maker, arm(weights=str(tmp_path / "other")), case("tiny:cogvideox"))
    assert (swapped.video != base.video).mean() > 0.01
    expected = load_file(next((tmp_path / "other").glob("*.safetensors")))
    ours = maker.load(maker_case("tiny:cogvideox"))
    with changed(ours, read_change(ArmParams(weights=str(tmp_path / "other")), ours)):
        assert equal(state(ours.denoiser), expected)
    np.testing.assert_array_equal(made(maker, arm(), case("tiny:cogvideox")).video, base.video)
    with pytest.raises(DiptychError, match=r"do not fit the WanTransformer3DModel.*missing"):
        maker.check(arm(weights=str(tmp_path / "other")), case("tiny:wan"))


def maker_case(name):
    return CaseParams(**case(name).params)


def test_aligned_weights_belong_to_their_base(tmp_path):
    ours = loaded("tiny:wan")
    part, layers = LAYERS["tiny:wan"]
    tensors = {key.removeprefix("transformer."): v for key, v in lora_tensors(ours.pipeline, part, layers).items()}
    header = {"aligned": "lora", "base_sha256": ours.denoiser_sha256, "scale": 0.25, "facts": {}}
    save_file(tensors, tmp_path / "aligned.safetensors", {HEADER: json.dumps(header)})
    change = read_change(ArmParams(weights=str(tmp_path / "aligned.safetensors")), ours)
    assert {(layer.module, layer.ratio) for layer in change.layers} == {(name, 0.25) for name in layers}
    weight = ours.denoiser.get_submodule(layers[0]).weight.clone()
    with changed(ours, change):
        difference = ours.denoiser.get_submodule(layers[0]).weight - weight
    a, b = (tensors[f"{layers[0]}.lora_{letter}.weight"] for letter in "AB")
    torch.testing.assert_close(difference, 0.25 * b @ a, rtol=1e-3, atol=1e-5)
    save_file(tensors, tmp_path / "aligned.safetensors", {HEADER: json.dumps({**header, "base_sha256": "0" * 64})})
    with pytest.raises(DiptychError, match="they belong to another model"):
        read_change(ArmParams(weights=str(tmp_path / "aligned.safetensors")), ours)


def test_a_stochastic_scheduler_draws_the_same_noise_again(maker):
    one = made(maker, arm(scheduler="CogVideoXDPMScheduler"), case("tiny:cogvideox", steps=3), repeats=Repeats(count=2))
    other = made(maker, arm(scheduler="CogVideoXDPMScheduler"), case("tiny:cogvideox", steps=3))
    np.testing.assert_array_equal(one.video, other.video)
    base = made(maker, arm(), case("tiny:cogvideox", steps=3))
    assert one.hashes["noise"] == base.hashes["noise"]
    assert one.hashes["weights"] == base.hashes["weights"]
    assert (one.video != base.video).any()
    assert base.info["scheduler"] == "CogVideoXDDIMScheduler"


def test_a_flow_keeps_its_shift_under_another_class(maker):
    pipeline = maker.load(maker_case("tiny:wan")).pipeline
    euler = make_scheduler(pipeline, "FlowMatchEulerDiscreteScheduler")
    assert euler.config.shift == 3.0
    with pytest.raises(UsageError, match="Valid: DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler"):
        maker.check(arm(scheduler="DDIMScheduler"), case("tiny:wan"))
    with pytest.raises(UsageError, match="unknown scheduler for a TextToVideoSDPipeline 'FlowMatchEuler"):
        maker.check(arm(scheduler="FlowMatchEulerDiscreteScheduler"), case("tiny:unet3d"))


def test_noise_is_the_seeds_alone():
    shape = torch.Size((1, 4, 3, 2, 2))
    one, same, other = (draw_noise(shape, torch.float32, seed) for seed in (1, 1, 2))
    assert torch.equal(one.latents, same.latents)
    assert one.sha256 == same.sha256 != other.sha256
    assert draw_noise(shape, torch.bfloat16, 1).sha256 == one.sha256, "the hash is of float32, whatever is told on"
    assert torch.equal(torch.randn(5, generator=one.generator), torch.randn(5, generator=same.generator))


def test_a_pipeline_without_callbacks_says_so():
    class Silent:
        def __call__(self, prompt):
            del prompt

    with StepClock("cpu").watching(Silent()) as callback:
        assert callback == {}


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"prompts": "nowhere.txt", "prompt": None}, "cannot be read"),
        ({"prompt": None}, "either a prompt or a file of prompts"),
        ({"height": 17}, "refuses the case: .*divisible by 8"),
        ({"pipeline": "tiny:wam"}, "did you mean 'tiny:wan'"),
        ({"pipeline": "no/such/folder"}, "there is no folder 'no/such/folder'"),
        (
            {"pipeline": "nobody-of-this-name/nothing"},
            "a run downloads nothing.*hf download nobody-of-this-name/nothing",
        ),
        ({"offload": True}, "on the CPU there is none"),
        ({"frames": 4, "no_such": 1}, "no_such"),
    ],
)
def test_what_cannot_run_is_told_before_the_first_trial(maker, params, said):
    with pytest.raises(UsageError, match=said):
        maker.check(arm(), case("tiny:cogvideox", **params))


def test_prompts_come_from_lines(maker, tmp_path):
    (tmp_path / "prompts.txt").write_text("a red cat\n\ntwo dogs\n")
    told = case("tiny:cogvideox", prompt=None, prompts=str(tmp_path / "prompts.txt"), index=1)
    assert made(maker, arm(), told).caption == "two dogs"
    with pytest.raises(UsageError, match="has 2 prompts, and case 'c' asks for index 2"):
        maker.check(arm(), told.model_copy(update={"params": {**told.params, "index": 2}}))


def test_another_number_of_frames_than_asked_for_is_no_result(maker):
    with pytest.raises(RejectedError, match="asked for 5 frames and made 8"):
        made(maker, arm(), case("tiny:cogvideox", frames=5))


def index_of(folder: Path, **said) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "model_index.json").write_text(json.dumps(said))
    return folder


def test_folders_that_are_no_text_to_video_pipeline_are_refused(tmp_path):
    bad = {
        "makes no video of a text alone": {"_class_name": "CogVideoXImageToVideoPipeline"},
        "it takes no num_frames": {"_class_name": "StableDiffusionPipeline"},
        "which this diffusers does not have": {"_class_name": "NoSuchPipeline"},
        "brings code of its own": {"_class_name": ["pipeline", "Mine"]},
        r"brings code of its own.*unet \(mine.Net\)": {"_class_name": "WanPipeline", "unet": ["mine", "Net"]},
    }
    for said, index in bad.items():
        with pytest.raises(UsageError, match=said):
            find_pipeline(str(index_of(tmp_path / "x", **index)))
    with pytest.raises(UsageError, match=r"has no model_index\.json"):
        find_pipeline(str(tmp_path))


def test_pickled_weights_are_refused(tmp_path):
    folder = index_of(tmp_path / "x", _class_name="WanPipeline", transformer=["diffusers", "WanTransformer3DModel"])
    (folder / "transformer").mkdir()
    (folder / "transformer" / "diffusion_pytorch_model.bin").write_bytes(b"a pickle")
    with pytest.raises(DiptychError, match="which is a pickle and never loaded"):
        find_pipeline(str(folder))


def test_a_hash_names_the_weights(tmp_path):
    first = loaded("tiny:wan")
    assert first.weights_sha256 == loaded("tiny:wan").weights_sha256 != first.denoiser_sha256
    assert loaded("tiny:cogvideox").denoiser_sha256 != first.denoiser_sha256


def test_context_is_json_and_names_what_can_change_numbers(maker):
    made(maker, arm(), case("tiny:wan"))
    context = json.loads(json.dumps(maker.context()))
    entry = context["pipelines"]["pipeline=tiny:wan dtype=float32"]
    assert entry["class"] == "WanPipeline"
    assert entry["scheduler_config"]["flow_shift"] == 3.0
    assert context["packages"]["diffusers"]
