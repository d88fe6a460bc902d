"""VBench's networks on tiny random instances: names of tensors, preprocessing, arithmetic; loading, laws, metrics."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file

import harness.metrics.by_scorer as by_scorer
from harness.assets.locate import AbsentError, find_asset
from harness.cli.builtin import load_builtin
from harness.conformance import scorer as laws
from harness.conformance.laws import Component, hold
from harness.errors import DiptychError, NoValueError, UsageError
from harness.metrics.omniscore.dynamic_degree import moves
from models.scorers.flow import Motion
from models.scorers.reference import clip, dino, raft
from models.scorers.reference.consistency import RowConsistency
from models.scorers.reference.frames import as_clip_sees, as_dino_sees, middle, rows_of_frames, scaled_size

REGISTRY = load_builtin()
TINY_DINO: dino.Shape = {"patch_size": 16, "num_layers": 2, "num_heads": 2, "hidden_dim": 16, "mlp_dim": 32}
TINY_CLIP: clip.Shape = {
    "patch_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "hidden_size": 16,
    "intermediate_size": 32,
    "projection_dim": 8,
}
SIZES = [(48, 64), (64, 48), (300, 500), (320, 512), (224, 224), (225, 226), (40, 40)]


def textured(frames: int = 4, height: int = 48, width: int = 64, seed: int = 0) -> np.ndarray:
    """A smooth random picture that moves three pixels to the right per frame, uint8 ``[frames, height, width, 3]``."""
    from scipy.ndimage import gaussian_filter

    wide = gaussian_filter(np.random.default_rng(seed).normal(size=(height, width + 3 * frames, 3)), (2, 2, 0))
    wide = np.clip(128 + 300 * wide, 0, 255).astype(np.uint8)
    return np.stack([wide[:, 3 * (frames - t) : 3 * (frames - t) + width] for t in range(frames)])


def randomised(network: torch.nn.Module, seed: int = 0, scale: float = 0.3) -> torch.nn.Module:
    """Give every weight a random value, so that no part of the network is silent."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in network.state_dict().values():
            if value.is_floating_point():
                noise = torch.randn(value.shape, generator=generator)
                value.copy_(noise.abs() + 0.5 if value.ndim == 1 else scale * noise)
    return network


def tiny_dino() -> torch.nn.Module:
    return randomised(dino.vision_transformer(TINY_DINO))


def tiny_clip() -> torch.nn.Module:
    pytest.importorskip("transformers", reason="CLIP needs transformers: pip install 'diptych[reference]'")
    return randomised(clip.image_tower(TINY_CLIP))


# ---- what the networks see ------------------------------------------------------------------------------------------


def frames_of(height: int, width: int) -> tuple[np.ndarray, torch.Tensor]:
    video = textured(2, height, width)
    return video, torch.from_numpy(video.copy()).permute(0, 3, 1, 2).float()


def composed(steps, frames: torch.Tensor) -> torch.Tensor:
    """What torchvision's transforms, which VBench composes, make of the frames."""
    for step in steps:
        frames = step(frames)
    return frames


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_clip_sees_what_torchvisions_transforms_give(height, width):
    from torchvision.transforms import CenterCrop, InterpolationMode, Normalize, Resize

    _, frames = frames_of(height, width)
    steps = (
        Resize(224, interpolation=InterpolationMode.BICUBIC, antialias=False),
        CenterCrop(224),
        lambda x: x.float().div(255.0),
        Normalize((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    )
    seen = as_clip_sees(frames)
    assert seen.shape == (2, 3, 224, 224)
    torch.testing.assert_close(seen, composed(steps, frames), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_dino_sees_what_torchvisions_transforms_give(height, width):
    from torchvision.transforms import Normalize, Resize

    _, frames = frames_of(height, width)
    steps = (
        Resize(size=224, antialias=False),
        lambda x: x.float().div(255.0),
        Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    )
    torch.testing.assert_close(as_dino_sees(frames), composed(steps, frames), atol=1e-5, rtol=1e-5)


def test_enlarged_frames_are_those_of_pillow():
    """Where nothing shrinks, antialiasing plays no part, and Pillow scales channels of floats as VBench's tensors."""
    video, frames = frames_of(100, 150)
    seen = as_dino_sees(frames)
    for channel, (mean, deviation) in enumerate(zip((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), strict=True)):
        picture = Image.fromarray(video[0, :, :, channel].astype(np.float32))
        scaled = np.asarray(picture.resize((336, 224), Image.Resampling.BILINEAR))
        np.testing.assert_allclose(seen[0, channel], (scaled / 255 - mean) / deviation, atol=1e-4)


@given(st.integers(16, 2000), st.integers(16, 2000))
@settings(max_examples=60)
def test_the_shorter_side_becomes_224_and_the_longer_one_is_rounded_down(height, width):
    rows, columns = scaled_size(height, width)
    assert min(rows, columns) == 224
    longer = 224 * max(height, width) / min(height, width)
    assert longer - 1 < max(rows, columns) <= longer
    assert (rows <= columns) == (height <= width) or rows == columns


@pytest.mark.parametrize("longer", [224, 225, 226, 227, 228, 229, 231])
def test_the_middle_square_is_torchvisions(longer):
    from torchvision.transforms import CenterCrop

    for frames in (torch.rand(1, 1, 224, longer), torch.rand(1, 1, longer, 224)):
        assert torch.equal(middle(frames), CenterCrop(224)(frames))


def test_rows_stand_in_the_order_of_the_frames_whatever_the_batches():
    levels = np.arange(23, dtype=np.uint8)
    video = np.broadcast_to(levels[:, None, None, None], (23, 16, 24, 3)).copy()
    sizes = []

    def look(seen: torch.Tensor) -> torch.Tensor:
        sizes.append(len(seen))
        return seen.mean((2, 3)) * 0.229 * 255 + 0.485 * 255

    rows = rows_of_frames(video, torch.device("cpu"), as_dino_sees, look)
    assert len(sizes) > 1
    np.testing.assert_allclose(rows[:, 0], levels, atol=1e-3)


# ---- DINO -----------------------------------------------------------------------------------------------------------


def dino_names(layers: int) -> list[str]:
    """What the authors' ``VisionTransformer`` calls its tensors."""
    names = ["cls_token", "pos_embed"]
    parts = ["patch_embed.proj", "norm"]
    for layer in range(layers):
        block = ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2")
        parts += [f"blocks.{layer}.{part}" for part in block]
    return names + [f"{part}.{kind}" for part in parts for kind in ("weight", "bias")]


def dino_tensors(network: torch.nn.Module, layers: int) -> dict[str, torch.Tensor]:
    held = network.state_dict()
    return {name: held[dino.torchvision_name(name)] for name in dino_names(layers)}


@pytest.mark.parametrize("shape", [TINY_DINO, dino.VITB16], ids=["tiny", "vitb16"])
def test_names_of_dino_cover_torchvisions_network_once(shape):
    stored = dino_names(shape["num_layers"])
    renamed = [dino.torchvision_name(name) for name in stored]
    with torch.device("meta"):
        wanted = set(dino.vision_transformer(shape).state_dict())
    assert len(set(renamed)) == len(stored)
    assert set(renamed) == wanted


def slow_dino(held: dict[str, torch.Tensor], shape: dino.Shape, frame: torch.Tensor) -> torch.Tensor:
    """DINO's forward pass from the paper and the authors' names, one frame ``[3, H, W]``, heads one by one."""
    patch, width, heads = shape["patch_size"], shape["hidden_dim"], shape["num_heads"]
    rows, columns = frame.shape[1] // patch, frame.shape[2] // patch
    tokens = [held["cls_token"][0, 0]]
    kernel = held["patch_embed.proj.weight"].reshape(width, -1)
    for i in range(rows):
        for j in range(columns):
            place = frame[:, i * patch : (i + 1) * patch, j * patch : (j + 1) * patch]
            tokens.append(kernel @ place.flatten() + held["patch_embed.proj.bias"])
    learned = held["pos_embed"][0]
    side = math.isqrt(len(learned) - 1)
    where = learned[1:]
    if frame.shape[1] != frame.shape[2] or rows * columns != side * side:
        grid = where.T.reshape(1, width, side, side)
        grid = F.interpolate(grid, scale_factor=((rows + 0.1) / side, (columns + 0.1) / side), mode="bicubic")
        where = grid[0].reshape(width, -1).T
    states = torch.stack(tokens) + torch.cat([learned[:1], where])

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        centred = x - x.mean(1, keepdim=True)
        unit = centred / (centred.square().mean(1, keepdim=True) + 1e-6).sqrt()
        return unit * held[f"{name}.weight"] + held[f"{name}.bias"]

    def linear(x: torch.Tensor, name: str) -> torch.Tensor:
        return x @ held[f"{name}.weight"].T + held[f"{name}.bias"]

    for layer in range(shape["num_layers"]):
        block = f"blocks.{layer}"
        query, key, value = linear(norm(states, f"{block}.norm1"), f"{block}.attn.qkv").split(width, dim=1)
        each = width // heads
        mixed = []
        for head in range(heads):
            own = slice(head * each, (head + 1) * each)
            weights = (query[:, own] @ key[:, own].T / math.sqrt(each)).softmax(1)
            mixed.append(weights @ value[:, own])
        states = states + linear(torch.cat(mixed, 1), f"{block}.attn.proj")
        wide = linear(norm(states, f"{block}.norm2"), f"{block}.mlp.fc1")
        wide = wide * (1 + torch.erf(wide / math.sqrt(2))) / 2
        states = states + linear(wide, f"{block}.mlp.fc2")
    return norm(states, "norm")[0]


@pytest.mark.parametrize("size", [(224, 224), (224, 298), (298, 224), (224, 230)])
def test_dinos_row_is_that_of_the_papers_formulas(size):
    network = tiny_dino()
    frames = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(1))
    expected = [slow_dino(dino_tensors(network, 2), TINY_DINO, frame) for frame in frames]
    with torch.inference_mode():
        found = dino.class_tokens(network, frames)
    torch.testing.assert_close(found, torch.stack(expected), atol=2e-4, rtol=2e-4)


def test_dino_is_read_from_the_authors_file(tmp_path, monkeypatch):
    network, path = tiny_dino(), tmp_path / "dino.pth"
    torch.save(dino_tensors(network, 2), path)
    monkeypatch.setattr(dino, "asset_path", lambda name: path)
    monkeypatch.setattr(dino, "VITB16", TINY_DINO)
    video = textured(3)
    rows = dino.dino_vitb16("cpu")
    assert len(rows.context()["weights_sha256"]) == 64
    np.testing.assert_array_equal(rows(video), dino.DinoRows(network, "cpu", "")(video))
    torch.save({"cls_token": torch.zeros(1, 1, 16)}, path)
    with pytest.raises(DiptychError, match="does not fit DINO's ViT-B/16"):
        dino.dino_vitb16("cpu")


def test_frames_that_are_too_long_for_attention_have_a_reason():
    with pytest.raises(NoValueError, match="at most 8 times as long as they are wide, not 16 × 300"):
        dino.DinoRows(tiny_dino(), "cpu", "")(textured(2, 16, 300))


# ---- CLIP -----------------------------------------------------------------------------------------------------------


def slow_clip(held: dict[str, torch.Tensor], shape: clip.Shape, frame: torch.Tensor) -> torch.Tensor:
    """CLIP's image tower from OpenAI's description, one frame ``[3, 224, 224]``, heads one by one."""
    patch, width, heads = shape["patch_size"], shape["hidden_size"], shape["num_attention_heads"]
    places = F.unfold(frame[None], patch, stride=patch)[0].T
    kernel = held["vision_model.embeddings.patch_embedding.weight"].reshape(width, -1)
    states = torch.cat([held["vision_model.embeddings.class_embedding"][None], places @ kernel.T])
    states = states + held["vision_model.embeddings.position_embedding.weight"]

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        return F.layer_norm(x, (width,), held[f"{name}.weight"], held[f"{name}.bias"], 1e-5)

    def linear(x: torch.Tensor, name: str) -> torch.Tensor:
        return x @ held[f"{name}.weight"].T + held[f"{name}.bias"]

    states = norm(states, "vision_model.pre_layrnorm")
    for layer in range(shape["num_hidden_layers"]):
        block = f"vision_model.encoder.layers.{layer}"
        inner = norm(states, f"{block}.layer_norm1")
        query, key, value = (linear(inner, f"{block}.self_attn.{part}_proj") for part in "qkv")
        each = width // heads
        mixed = []
        for head in range(heads):
            own = slice(head * each, (head + 1) * each)
            mixed.append((query[:, own] @ key[:, own].T / math.sqrt(each)).softmax(1) @ value[:, own])
        states = states + linear(torch.cat(mixed, 1), f"{block}.self_attn.out_proj")
        wide = linear(norm(states, f"{block}.layer_norm2"), f"{block}.mlp.fc1")
        states = states + linear(wide * torch.sigmoid(1.702 * wide), f"{block}.mlp.fc2")
    return norm(states[:1], "vision_model.post_layernorm")[0] @ held["visual_projection.weight"].T


def test_clips_row_is_that_of_openais_formulas():
    network, video = tiny_clip(), textured(2)
    seen = as_clip_sees(torch.from_numpy(video.copy()).permute(0, 3, 1, 2).float())
    expected = torch.stack([slow_clip(network.state_dict(), TINY_CLIP, frame) for frame in seen])
    found = clip.ClipRows(network, "cpu", "")(video)
    np.testing.assert_allclose(found, expected, atol=2e-4, rtol=2e-4)


def both_towers(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The tensors as the files hold them: the text tower beside the image tower, and the numbers of the places."""
    kept = {name: value.clone() for name, value in network.state_dict().items()}
    kept["text_model.final_layer_norm.weight"] = torch.ones(4)
    kept["logit_scale"] = torch.tensor(4.6)
    return {**kept, clip.NO_WEIGHTS: torch.arange(50)[None]}


def test_clip_is_read_from_a_file_of_both_towers(tmp_path, monkeypatch):
    network, path = tiny_clip(), tmp_path / "clip.safetensors"
    tensors = both_towers(network)
    save_file(tensors, path)
    monkeypatch.setattr(clip, "asset_path", lambda name: path)
    monkeypatch.setitem(clip.SHAPES, "clip-vitb32", TINY_CLIP)
    video = textured(3)
    np.testing.assert_array_equal(clip.clip_rows("clip-vitb32", "cpu")(video), clip.ClipRows(network, "cpu", "")(video))
    del tensors["visual_projection.weight"]
    save_file(tensors, path)
    with pytest.raises(DiptychError, match="does not fit the image tower of clip-vitb32"):
        clip.clip_rows("clip-vitb32", "cpu")
    path.write_bytes(b"no safetensors")
    with pytest.raises(DiptychError, match="only safetensors are loaded"):
        clip.clip_rows("clip-vitb32", "cpu")


@pytest.mark.parametrize("asset", clip.SHAPES)
def test_the_shapes_of_clip_are_those_that_openai_published(asset):
    """Numbers of parameters of the image towers: OpenAI's ViT-B/32 and ViT-L/14 with their projections."""
    pytest.importorskip("transformers", reason="CLIP needs transformers: pip install 'diptych[reference]'")
    with torch.device("meta"):
        count = sum(value.numel() for value in clip.image_tower(clip.SHAPES[asset]).parameters())
    assert count == {"clip-vitb32": 87_849_216, "clip-vitl14": 303_966_208}[asset]


def test_without_transformers_clip_is_absent(monkeypatch):
    monkeypatch.setattr(clip, "PACKAGES", ("no-such-package",))
    with pytest.raises(AbsentError, match="pip install no-such-package"):
        clip.image_tower(TINY_CLIP)


# ---- LAION's head ---------------------------------------------------------------------------------------------------


@given(st.integers(1, 5), st.integers(0, 99))
@settings(max_examples=25)
def test_a_grade_is_the_head_on_the_row_of_unit_length_over_10(count, seed):
    rng = np.random.default_rng(seed)
    rows, weight, bias = rng.normal(size=(count, 6)).astype(np.float32), rng.normal(size=6), float(rng.normal())
    found = clip.grades(rows, torch.tensor(weight, dtype=torch.float32)[None], torch.tensor([bias]).float())
    expected = [(sum(weight * row) / math.sqrt(sum(row**2)) + bias) / 10 for row in rows.astype(np.float64)]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_head_is_read_from_its_file(tmp_path, monkeypatch):
    network = tiny_clip()
    paths = {"clip-vitl14": tmp_path / "clip.safetensors", clip.HEAD: tmp_path / "head.pth"}
    save_file(both_towers(network), paths["clip-vitl14"])
    head = {"weight": torch.linspace(-1, 1, 8)[None], "bias": torch.tensor([3.5])}
    torch.save(head, paths[clip.HEAD])
    monkeypatch.setattr(clip, "asset_path", paths.__getitem__)
    monkeypatch.setitem(clip.SHAPES, "clip-vitl14", TINY_CLIP)
    score, video = clip.aesthetics("cpu"), textured(3)
    rows = clip.ClipRows(network, "cpu", "")(video)
    np.testing.assert_array_equal(score(video), clip.grades(rows, head["weight"], head["bias"]))
    assert set(score.context()) == {"weights_sha256", "head_sha256"}
    torch.save({"weight": torch.zeros(1, 9), "bias": torch.zeros(1)}, paths[clip.HEAD])
    with pytest.raises(DiptychError, match="is no linear layer from 8 numbers to one"):
        clip.aesthetics("cpu")


# ---- consistency ----------------------------------------------------------------------------------------------------


class Fixed:
    """Rows that are known beforehand."""

    def __init__(self, rows: np.ndarray) -> None:
        self.rows = rows.astype(np.float32)

    def __call__(self, video: np.ndarray) -> np.ndarray:
        return self.rows

    def context(self) -> dict[str, str]:
        return {}


@given(st.integers(2, 7), st.integers(0, 99))
@settings(max_examples=30)
def test_consistency_is_vbenchs_loop(count, seed):
    rows = np.random.default_rng(seed).normal(size=(count, 4))
    score = RowConsistency("consistency", Fixed(rows))
    total, first, former = 0.0, None, None
    for row in torch.from_numpy(rows.astype(np.float32)):
        unit = F.normalize(row[None], dim=-1, p=2)
        if first is None:
            first = unit
        else:
            before = max(0.0, F.cosine_similarity(former, unit).item())
            total += (before + max(0.0, F.cosine_similarity(first, unit).item())) / 2
        former = unit
    assert float(score(textured(count)).mean()) == pytest.approx(total / (count - 1), abs=1e-6)


def test_a_still_picture_is_consistent_and_a_single_frame_has_no_value():
    score = RowConsistency("subject consistency", dino.DinoRows(tiny_dino(), "cpu", ""))
    assert score(np.repeat(textured(1), 4, axis=0)) == pytest.approx([1.0] * 3)
    with pytest.raises(NoValueError, match="subject consistency needs at least 2 frames"):
        score(textured(1))


# ---- laws, metrics, weights -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def large() -> torch.nn.Module:
    from torchvision.models.optical_flow import raft_large

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return raft_large(weights=None).eval()


def tiny_scorer(name: str, large: torch.nn.Module, device: str):
    if name == "subject-dino-vitb16":
        return RowConsistency("subject consistency", dino.DinoRows(tiny_dino(), device, "0"))
    if name == "background-clip-vitb32":
        return RowConsistency("background consistency", clip.ClipRows(tiny_clip(), device, "0"))
    if name == "laion-clip-vitl14":
        rows = clip.ClipRows(tiny_clip(), device, "0")
        return clip.LaionAesthetics(rows, torch.linspace(-1, 1, 8)[None], torch.tensor([3.5]), "0")
    return Motion(raft.RaftLargeFlow(large, "flow[tiny]", device, "0"))


METRICS = {
    "subject_consistency[dino-vitb16]": ("subject-dino-vitb16", "cosine", ("dino-vitb16",)),
    "background_consistency[clip-vitb32]": ("background-clip-vitb32", "cosine", ("clip-vitb32",)),
    "aesthetic_quality[laion-clip-vitl14]": (
        "laion-clip-vitl14",
        "grade over 10",
        ("clip-vitl14", "laion-aesthetic-vitl14"),
    ),
    "motion_magnitude[raft-things]": ("motion-raft-things", "% of shorter side per step", ("raft-things",)),
    "dynamic_degree[raft-things]": ("motion-raft-things", "moves", ("raft-things",)),
}
SCORERS = list(dict.fromkeys(name for name, _, _ in METRICS.values()))


@pytest.mark.parametrize("name", SCORERS)
def test_a_tiny_random_instance_keeps_the_laws_of_scorers(name, large, monkeypatch):
    monkeypatch.setattr(raft, "ITERATIONS", 2)  # laws hold after any number, and 20 take long
    (entry,) = (entry for entry in REGISTRY.list("scorer") if entry.name == name)
    component = Component(entry, lambda device: tiny_scorer(name, large, device), REGISTRY)
    facts = hold(laws.prepare(component), laws.LAWS, entry.module)
    assert [f"{fact.name}: {fact.detail}" for fact in facts if not fact.ok] == []
    assert len(facts) == len(laws.LAWS)
    assert not [fact.name for fact in facts if "not on this machine" in fact.detail]


@pytest.mark.parametrize("name", METRICS)
def test_the_metric_is_the_mean_of_its_scorers_values(name, large, monkeypatch):
    monkeypatch.setattr(raft, "ITERATIONS", 2)
    scored_by, unit, assets = METRICS[name]
    metric, video = REGISTRY.get("metric", name), textured(3)
    score = tiny_scorer(scored_by, large, "cpu")
    monkeypatch.setattr(by_scorer, "scorer", {scored_by: score}.__getitem__)
    made = SimpleNamespace(video=video)
    assert (metric.unit, metric.assets, metric.direction) == (unit, assets, "higher")
    values = score(video)
    if name.startswith("dynamic_degree"):
        assert metric.compute(made) == float(moves(values.tolist()))
    else:
        assert metric.first_frame == score.first
        assert metric.per_frame(made) == values.tolist()
        assert metric.compute(made) == pytest.approx(values.mean())


@pytest.mark.parametrize("name", SCORERS)
def test_without_its_weights_a_scorer_says_how_to_get_them(name, monkeypatch, tmp_path):
    monkeypatch.setenv("DIPTYCH_ASSETS", str(tmp_path))
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path))
    with pytest.raises(AbsentError, match="diptych assets fetch"):
        REGISTRY.get("scorer", name)("cpu")


def test_an_unknown_device_is_refused():
    for rows in (dino.DinoRows, clip.ClipRows):
        with pytest.raises(UsageError, match="no-such-device"):
            rows(torch.nn.Identity(), "no-such-device", "")
    with pytest.raises(UsageError, match="no-such-device"):
        raft.RaftLargeFlow(torch.nn.Identity(), "a flow", "no-such-device", "")


@pytest.mark.parametrize("name", sorted({name for _, _, assets in METRICS.values() for name in assets}))
def test_weights_come_from_a_fixed_address_and_their_hash_has_a_source(name):
    asset = find_asset(name)
    assert asset.url.startswith("https://")
    assert "/main/" not in asset.url  # which may change under a hash
    assert asset.file_name.endswith((".safetensors", ".pth"))
    assert asset.sha256_source or name == clip.HEAD  # whose bytes were held when its hash was computed
