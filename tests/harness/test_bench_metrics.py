"""The benchmark of set metrics: its truths are true, its loop is what it says, and absent weights are said to be so."""

from __future__ import annotations

import numpy as np
import pytest

from harness.benches.metrics import ARMS, _truth, streamed, synthetic_clips, with_scipy
from harness.cli.builtin import load_builtin
from harness.stats.frechet import Moments, frechet_distance
from harness.stats.kvd import kernel_distance


class MeanColour:
    """Features that need no network."""

    def __call__(self, video):
        return video.mean((0, 1, 2))


@pytest.mark.parametrize(("name", "distance"), [("frechet", frechet_distance), ("kvd", kernel_distance)])
@pytest.mark.parametrize(("shift", "scale"), ARMS)
def test_the_closed_form_is_met_by_many_clips(name, distance, shift, scale) -> None:
    rng = np.random.default_rng(1)
    rows = scale * rng.standard_normal((4000, 5))
    rows[:, 0] += shift
    found = distance(rows, rng.standard_normal((4000, 5)))
    assert found == pytest.approx(_truth(name, shift, scale, 5), rel=0.12)


def test_streamed_moments_are_those_of_all_rows() -> None:
    rows = np.stack([MeanColour()(clip) for clip in synthetic_clips(9, 3)])
    moments, whole = streamed(MeanColour(), 9, 3), Moments.of(rows)
    assert moments.count == 9
    assert np.allclose(moments.mean, whole.mean, atol=1e-12)
    assert np.allclose(moments.scatter, whole.scatter, rtol=1e-12, atol=1e-9)


def test_the_loop_it_is_held_against_gives_the_same_value() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((40, 6)), rng.standard_normal((50, 6)) + 1
    assert with_scipy(first, second) == pytest.approx(frechet_distance(first, second), rel=1e-8)


@pytest.mark.full
def test_quick_gives_every_row_and_says_what_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIPTYCH_ASSETS", raising=False)
    monkeypatch.setenv("DIPTYCH_CACHE", "/nonexistent")
    bench = load_builtin().get("bench", "metrics")
    rows = list(bench(quick=True, seed=0, tell=lambda text: None))
    absent = [row for row in rows if row.value is None]
    assert ["x3d" in row.name for row in absent] == [True]
    assert "diptych assets fetch" in str(absent[0].reason)
    assert absent[0].met is None
    assert len(rows) == 12
