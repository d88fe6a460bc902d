"""Law E: training predicts every token as the engine does, from the same entries under the same mask."""

import numpy as np
import pytest
import torch
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from harness.errors import UsageError
from models.decoding.engine import Engine
from models.decoding.grid import Grid
from models.decoding.sampling import Sampler
from models.decoding.training_view import training_view
from models.training.teacher_forcing import PlacedView, grid_rotary, teacher_forced
from tests.models.decoding.helpers import NAMES, VOCABULARY, delays, given, grids, tables, tiny


@for_all(
    st.sampled_from(NAMES), grids, delays, st.sampled_from(["own", "all"]), st.booleans(),
    st.sampled_from(["above", "repeat", "prompt", "previous"]), st.sampled_from(["1d", "3d"]), st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=60)
def test_training_logits_are_the_engine_s_on_the_same_tokens(
    name: str, grid: Grid, k: int, provisional: str, refresh: bool, placeholder: str, position: str, seed: int
) -> None:
    try:
        compiled = tables(name, grid, k, provisional=provisional, refresh=refresh, placeholder=placeholder)
    except UsageError:
        compiled = tables(name, grid, k, provisional=provisional, refresh=refresh)
    model, truth = tiny(position), given(grid, batch=2, seed=seed)
    drawn = torch.from_numpy(np.sort(compiled.entries.target[compiled.entries.target >= 0]))
    forced = truth[:, drawn].reshape(2, grid.frames, grid.frame_tokens)
    wanted = Engine(model, compiled, Sampler(), batch=2).generate(truth, [1, 2], forced=forced, trace=True).logits
    with torch.no_grad():
        got = PlacedView(training_view(compiled), grid, model).logits(truth)
    assert float((got - wanted).abs().max()) <= 1e-9 * float(wanted.abs().max())


@pytest.mark.parametrize("name", ["sequential", "diagonal", "diagonal-st"])
def test_full_delay_is_ordinary_causal_training(name: str) -> None:
    grid = Grid(frames=2, rows=3, columns=4, actions=1)
    model, truth = tiny(), given(grid, batch=2)
    view = training_view(tables(name, grid, grid.columns))
    with torch.no_grad():
        wanted, targets = teacher_forced(model, truth, grid, grid_rotary(model.shape, grid, "cpu", torch.float64), 1)
        got = PlacedView(view, grid, model).logits(truth)
    assert torch.equal(targets, truth[:, view.target])
    assert float((got - wanted).abs().max()) <= 1e-9 * float(wanted.abs().max())


@pytest.mark.parametrize(("actions", "frame_ends"), [(0, 1), (1, 0), (3, 0)])
@pytest.mark.parametrize("name", ["diagonal", "diagonal-st"])
def test_it_has_the_raster_entries_and_a_stand_in_for_every_row_but_the_first(
    name: str, actions: int, frame_ends: int
) -> None:
    grid = Grid(frames=3, rows=4, columns=5, actions=actions)
    view = training_view(tables(name, grid, 2))
    stand_ins = grid.frames * (grid.rows - 1)
    if name == "diagonal-st":
        stand_ins += frame_ends * (grid.frames - 1)
    assert len(view.slot) == grid.slots - 1 + stand_ins, "the last token is fed by nobody"
    assert len(view.predicting) == len(set(view.target.tolist())) == grid.tokens
    assert sum(stop - start for start, stop in view.chunks) == len(view.slot)


def test_it_is_the_mask_that_the_loss_depends_on() -> None:
    """A causal training sequence predicts a row's first token from its true predecessor, this one from the stand-in."""
    grid = Grid(frames=1, rows=3, columns=4)
    truth, model = given(grid), tiny()
    other = truth.clone()
    end = grid.slot(0, 0, 3)
    other[:, end] = (other[:, end] + 1) % VOCABULARY  # the end of the first row
    first = grid.columns  # the second row's first token, in raster order
    changed = {}
    with torch.no_grad():
        for name in ("sequential", "diagonal"):
            view = PlacedView(training_view(tables(name, grid, 1)), grid, model)
            one, two = view.logits(truth), view.logits(other)
            changed[name] = float((one - two)[:, first].abs().max())
    assert changed["sequential"] > 1e-3
    assert changed["diagonal"] == 0
