"""Ceilings: the arithmetic by an injected clock, and plausible numbers from the real one."""

from __future__ import annotations

import pytest
import torch

from harness.ceilings import measure_ceilings
from harness.clock import Stopwatch
from harness.errors import UsageError


class Scripted(Stopwatch):
    """A stopwatch that says each call took the next of ``durations`` seconds."""

    def __init__(self, durations: list[float]) -> None:
        super().__init__()
        self.left = durations

    def measure(self, call, repeats, *, limit_seconds=None):
        return call(), [self.left.pop(0)]


def test_rates_are_amount_over_the_best_time_of_interleaved_rounds() -> None:
    # Order of a round: read, copy, product, width 1, width 16. The first round is not measured.
    rounds = [[9.0] * 5, [1.0, 2.0, 0.5, 4.0, 8.0], [2.0, 2.0, 0.5, 4.0, 8.0], [100.0, 100.0, 9.0, 16.0, 24.0]]
    watch = Scripted([seconds for one in rounds for seconds in one])
    found = measure_ceilings(widths=(1, 16), repeats=3, buffer_bytes=8192, matrix_side=32, dtype="float64", watch=watch)
    assert watch.left == []
    assert found.buffer_bytes == 8192
    assert found.read_bytes_per_second == 8192 / 1.0
    assert found.copy_bytes_per_second == 2 * 8192 / 2.0
    assert found.product_bytes_per_second == 8192 / 0.5
    assert found.bandwidth_bytes_per_second == 8192 / 0.5
    assert found.flops_per_second == {1: 2 * 32 * 32 * 8 / 4.0, 16: 2 * 16 * 32 * 32 / 8.0}
    assert found.unsteadiness == 2.0, "the best read is twice as fast as the median one"
    assert found.threads == torch.get_num_threads()


def test_real_numbers_are_plausible() -> None:
    found = measure_ceilings(widths=(1, 32), repeats=3, buffer_bytes=2**24, matrix_side=256)
    assert 1e8 < found.bandwidth_bytes_per_second < 1e13
    assert all(1e7 < rate < 1e15 for rate in found.flops_per_second.values())
    assert type(found).model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize("wrong", [{"dtype": "int8"}, {"widths": ()}, {"widths": (0,)}, {"repeats": 0}])
def test_nonsense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        measure_ceilings(**wrong)
