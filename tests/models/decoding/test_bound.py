"""Law F: bytes and FLOPs of a pass against a count by hand, and the bound's arithmetic."""

import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from models.decoding.bound import bound_seconds, interpolated, pass_costs
from models.decoding.grid import Grid
from tests.models.decoding.helpers import given, tables, tiny


def test_flops_are_those_that_torch_counts() -> None:
    from models.decoding.engine import Engine
    from models.decoding.sampling import Sampler

    grid = Grid(frames=2, rows=3, columns=4, actions=1)
    model = tiny(dtype=torch.float32)
    compiled = tables("diagonal", grid, 2)
    engine = Engine(model, compiled, Sampler(greedy=True))
    # the counter knows no formula for the CPU's fused attention: let it see plain matrix products
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        engine.generate(given(grid), [0])
    costs = pass_costs(model.shape, compiled, element_bytes=4)
    assert costs.flops.sum() == pytest.approx(counter.get_total_flops(), rel=1e-12)


def test_bytes_of_a_sequential_pass_are_weights_plus_cache() -> None:
    grid = Grid(frames=1, rows=2, columns=3)
    model = tiny()
    shape = model.shape
    compiled = tables("sequential", grid)
    costs = pass_costs(shape, compiled, element_bytes=8)
    weights = sum(p.numel() for n, p in model.named_parameters() if p.dim() == 2 and "embed" not in n)
    unread = (shape.vocabulary - shape.image_vocabulary) * shape.hidden  # rows of the head for action tokens
    row = 2 * shape.layers * shape.kv_heads * shape.head_dim
    for pass_ in range(1, compiled.passes):
        slots = grid.prompt_slots + pass_
        assert costs.bytes[pass_] == 8 * (weights - unread + shape.hidden + row * (slots + 1))


def test_bound_takes_the_slower_of_memory_and_arithmetic_per_pass() -> None:
    grid = Grid(frames=1, rows=1, columns=2)
    compiled = tables("sequential", grid)
    costs = pass_costs(tiny().shape, compiled, element_bytes=4)
    memory = costs.bytes.sum() / 10.0
    assert bound_seconds(costs, 10.0, lambda width: 1e30) == pytest.approx(memory)
    assert bound_seconds(costs, 1e30, lambda width: 5.0) == pytest.approx(costs.flops.sum() / 5.0)
    mixed = np.maximum(costs.bytes / 1e3, costs.flops / 1e3).sum()
    assert bound_seconds(costs, 1e3, lambda width: 1e3) == pytest.approx(mixed)


def test_peaks_are_interpolated_between_widths_and_flat_outside() -> None:
    peak = interpolated({1: 10.0, 4: 40.0})
    assert peak(1) == pytest.approx(10.0)
    assert peak(2) == pytest.approx(20.0)
    assert peak(64) == pytest.approx(40.0)
