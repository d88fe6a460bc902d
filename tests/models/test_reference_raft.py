"""The large RAFT under the authors' names, against the paper's formulas; sizes, padding and VBench's rule of motion."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import DiptychError, NoValueError
from harness.metrics.omniscore.dynamic_degree import moves
from models.scorers.flow import Motion, fastest
from models.scorers.reference import raft
from tests.models.test_reference_scorers import randomised, textured


def raft_names() -> list[str]:
    """What the authors' large network calls its tensors; the norms of shortcuts appear twice."""
    parts = [f"layer{i}.{j}.conv{k}" for i in (1, 2, 3) for j in (0, 1) for k in (1, 2)]
    parts += ["conv1", "conv2", "layer2.0.downsample.0", "layer3.0.downsample.0"]
    stored = [f"{net}.{part}" for net in ("fnet", "cnet") for part in parts]
    stored += [f"update_block.encoder.{part}" for part in ("convc1", "convc2", "convf1", "convf2", "conv")]
    stored += [f"update_block.gru.conv{gate}{half}" for gate in "zrq" for half in (1, 2)]
    stored += ["update_block.flow_head.conv1", "update_block.flow_head.conv2"]
    stored += ["update_block.mask.0", "update_block.mask.2"]
    names = [f"module.{part}.{kind}" for part in stored for kind in ("weight", "bias")]
    norms = ["norm1", *(f"layer{i}.{j}.norm{k}" for i in (1, 2, 3) for j in (0, 1) for k in (1, 2))]
    norms += [f"layer{i}.0.{part}" for i in (2, 3) for part in ("norm3", "downsample.1")]
    kinds = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    return names + [f"module.cnet.{norm}.{kind}" for norm in norms for kind in kinds]


@pytest.fixture(scope="module")
def large() -> torch.nn.Module:
    from torchvision.models.optical_flow import raft_large

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return raft_large(weights=None).eval()


def test_names_of_raft_cover_torchvisions_network_once(large):
    stored = raft_names()
    renamed = [raft.torchvision_name(name) for name in stored]
    assert len(stored) == len(set(stored)) == 179  # as many as the authors' files hold
    assert set(renamed) == set(large.state_dict())
    twice = {name for name in renamed if renamed.count(name) > 1}
    assert twice == {name for name in renamed if "downsample.1" in name}
    assert all(renamed.count(name) == 2 for name in twice)


def slow_encoder(held: dict[str, torch.Tensor], net: str, frames: torch.Tensor) -> torch.Tensor:
    """RAFT's encoder from the paper and the authors' names: instance norms in ``fnet``, batch norms in ``cnet``."""

    def conv(x: torch.Tensor, name: str, stride: int) -> torch.Tensor:
        kernel = held[f"module.{net}.{name}.weight"]
        return F.conv2d(x, kernel, held[f"module.{net}.{name}.bias"], stride, kernel.shape[2] // 2)

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        if net == "fnet":
            centred = x - x.mean((2, 3), keepdim=True)
            return centred / (centred.square().mean((2, 3), keepdim=True) + 1e-5).sqrt()
        kinds = ("running_mean", "running_var", "weight", "bias")
        mean, variance, weight, bias = (held[f"module.cnet.{name}.{kind}"][:, None, None] for kind in kinds)
        return (x - mean) / (variance + 1e-5).sqrt() * weight + bias

    x = norm(conv(frames, "conv1", 2), "norm1").relu()
    for layer in (1, 2, 3):
        for block in (0, 1):
            name, stride = f"layer{layer}.{block}", 2 if layer > 1 and block == 0 else 1
            y = norm(conv(x, f"{name}.conv1", stride), f"{name}.norm1").relu()
            y = norm(conv(y, f"{name}.conv2", 1), f"{name}.norm2").relu()
            short = norm(conv(x, f"{name}.downsample.0", 2), f"{name}.norm3") if stride == 2 else x
            x = (short + y).relu()
    return conv(x, "conv2", 1)


def slow_update(
    held: dict[str, torch.Tensor],
    hidden: torch.Tensor,
    context: torch.Tensor,
    correlation: torch.Tensor,
    flow: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """One iteration of RAFT from the paper and the authors' names: state, step of the flow, weights of upsampling."""

    def conv(x: torch.Tensor, name: str) -> torch.Tensor:
        kernel = held[f"module.update_block.{name}.weight"]
        padding = (kernel.shape[2] // 2, kernel.shape[3] // 2)
        return F.conv2d(x, kernel, held[f"module.update_block.{name}.bias"], padding=padding)

    seen = conv(conv(correlation, "encoder.convc1").relu(), "encoder.convc2").relu()
    moved = conv(conv(flow, "encoder.convf1").relu(), "encoder.convf2").relu()
    motion = conv(torch.cat([seen, moved], 1), "encoder.conv").relu()
    inputs = torch.cat([context, motion, flow], 1)
    for half in (1, 2):  # along rows, then along columns
        both = torch.cat([hidden, inputs], 1)
        gate, reset = conv(both, f"gru.convz{half}").sigmoid(), conv(both, f"gru.convr{half}").sigmoid()
        fresh = conv(torch.cat([reset * hidden, inputs], 1), f"gru.convq{half}").tanh()
        hidden = (1 - gate) * hidden + gate * fresh
    step = conv(conv(hidden, "flow_head.conv1").relu(), "flow_head.conv2")
    return hidden, step, 0.25 * conv(conv(hidden, "mask.0").relu(), "mask.2")


def test_tensors_of_raft_do_what_the_paper_says(large):
    network = copy.deepcopy(large)
    randomised(network, scale=0.05)
    held = {name: network.state_dict()[raft.torchvision_name(name)] for name in raft_names()}
    generator = torch.Generator().manual_seed(2)
    frames = torch.rand(2, 3, 32, 40, generator=generator)
    with torch.inference_mode():
        for net, encoder in (("fnet", network.feature_encoder), ("cnet", network.context_encoder)):
            torch.testing.assert_close(encoder(frames), slow_encoder(held, net, frames), atol=1e-3, rtol=1e-3)
        given = [torch.randn(1, channels, 6, 7, generator=generator) for channels in (128, 128, 324, 2)]
        hidden, step = network.update_block(*given)
        found = hidden, step, network.mask_predictor(hidden)
        for one, other in zip(found, slow_update(held, *given), strict=True):
            torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-3)


def test_names_without_the_prefix_of_data_parallel_are_the_same():
    for name in raft_names():
        assert raft.torchvision_name(name.removeprefix("module.")) == raft.torchvision_name(name)


def test_raft_is_read_from_the_authors_file(large, tmp_path, monkeypatch):
    held, path = large.state_dict(), tmp_path / "raft.pth"
    stored = {name: held[raft.torchvision_name(name)].clone() for name in raft_names()}
    torch.save(stored, path)
    monkeypatch.setattr(raft, "asset_path", lambda name: path)
    score, video = raft.motion_raft_things("cpu"), textured(3, 128, 136)
    flow = raft.RaftLargeFlow(large, "another", "cpu", "")(video)
    assert flow.shape == (2, 128, 136, 2)
    np.testing.assert_array_equal(score(video), fastest(flow))
    assert score.context()["iterations"] == 20
    stored["module.cnet.layer2.0.norm3.weight"] += 1
    with pytest.raises(DiptychError, match=r"both context_encoder\.layer2\.0\.downsample\.1\.weight, and differ"):
        raft.torchvision_tensors(stored)
    with pytest.raises(DiptychError, match="a file does not fit RAFT"):
        raft.raft_large({"module.fnet.conv1.bias": torch.zeros(64)}, "a file")


@given(st.integers(121, 300), st.integers(121, 300))
@settings(max_examples=40)
def test_padding_repeats_edges_on_either_side_as_the_authors_padder(height, width):
    frame = torch.arange(float(height * width)).reshape(1, 1, height, width)
    down, across = ((length // 8 + 1) * 8 - length for length in (height, width))
    down, across = down % 8, across % 8
    expected = np.pad(
        frame[0, 0].numpy(), ((down // 2, down - down // 2), (across // 2, across - across // 2)), mode="edge"
    )
    np.testing.assert_array_equal(raft.padded(frame)[0, 0].numpy(), expected)


@given(st.integers(16, 3000), st.integers(16, 3000))
@settings(max_examples=100)
def test_frames_are_looked_at_as_they_are_between_the_bounds(height, width):
    if max(height, width) > 73 * min(height, width):
        with pytest.raises(NoValueError, match="too long and thin"):
            raft.looked_at_size(height, width)
        return
    if max(height, width) > 71 * min(height, width):  # either, by rounding
        return
    rows, columns = raft.looked_at_size(height, width)
    if height * width <= raft.MOST_PIXELS and min(height, width) > 120:
        assert (rows, columns) == (height, width)
    assert -(-min(rows, columns) // 8) * 8 >= 128
    assert rows * columns <= 1.01 * raft.MOST_PIXELS
    assert rows / columns == pytest.approx(height / width, rel=0.02)


class Shift(torch.nn.Module):
    """Says that everything moves by (3, 4) pixels, however often it is asked to look again."""

    def forward(self, before: torch.Tensor, after: torch.Tensor, num_flow_updates: int) -> list[torch.Tensor]:
        assert num_flow_updates == 20
        assert before.shape == after.shape
        assert -1.001 <= before.min() <= before.max() <= 1.001
        count, _, height, width = before.shape
        assert height % 8 == width % 8 == 0
        flow = torch.tensor([3.0, 4.0])[None, :, None, None].expand(count, 2, height, width)
        return [torch.zeros_like(flow), flow]


@pytest.mark.parametrize("size", [(130, 170), (170, 130), (64, 64), (1080, 1920)])
def test_motion_is_told_in_per_cent_of_the_shorter_side(size):
    motion = Motion(raft.RaftLargeFlow(Shift(), f"shift {size}", "cpu", ""))
    assert motion(textured(3, *size)) == pytest.approx([500 / min(raft.looked_at_size(*size))] * 2, rel=1e-5)


@given(st.lists(st.floats(0, 12), min_size=1, max_size=30), st.integers(64, 720))
@settings(max_examples=100)
def test_a_video_moves_by_vbenchs_rule_in_pixels(pixels, side):
    """VBench counts steps of more than ``6 side / 256`` pixels until there are ``round(4 n / 16)`` of them."""
    threshold, needed, fast = 6.0 * (side / 256.0), round(4 * ((len(pixels) + 1) / 16.0)), 0
    expected = False
    if any(abs(step - threshold) < 1e-9 for step in pixels):
        return
    for step in pixels:
        fast += step > threshold
        if fast >= needed:
            expected = True
            break
    assert moves([100 * step / side for step in pixels]) == expected
