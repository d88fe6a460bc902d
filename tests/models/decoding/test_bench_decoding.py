"""The decoding benchmark on a model too small to measure: its rows, and what it says where something is absent."""

import pytest
import torch

from models.ar.shapes import TransformerShape
from models.ar.transformer import VideoTransformer
from models.decoding import benchmark as bench
from models.decoding.grid import Grid
from models.decoding.rival import Llama

SHAPE = TransformerShape(
    image_vocabulary=23, vocabulary=26, hidden=32, mlp=48, layers=2, heads=4, kv_heads=2, head_dim=8
)
GRID = Grid(frames=1, rows=3, columns=4, actions=1)


def rows(rivals: tuple[str, ...] = ()) -> dict:
    subject = bench.Subject("tiny", SHAPE, GRID, "float32", 0.5, rivals)
    return {row.name: row for row in bench.measure_subject(subject, "cpu", 0, 1, lambda _: None)}


def test_every_order_is_held_against_what_the_bound_predicts() -> None:
    found = rows()
    for name in ("diagonal-k1", "diagonal-k2", "diagonal-k4", "diagonal-st-k2"):
        row = found[f"tiny: {name}, speed-up against the predicted one"]
        assert row.reference > 0
        assert row.ratio == row.value / row.reference
        assert row.met == (row.ratio >= 0.85)
    assert found["tiny: sequential, against the best eager one"].met is None, "nobody to be held against"
    assert found["tiny: capture"].value is None
    assert "CUDA" in found["tiny: capture"].reason or torch.cuda.is_available()


@pytest.mark.full
def test_the_forced_stream_of_both_gives_the_same_logits() -> None:
    found = rows(("dynamic", "static"))
    assert found["tiny: last logits against transformers"].met
    assert found["tiny: sequential, against the best eager one"].reference > 0


def test_without_transformers_the_rows_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.importlib.util, "find_spec", lambda name: None)
    row = rows(("dynamic",))["tiny: transformers, dynamic cache, eager"]
    assert row.value is None
    assert "pip install" in row.reason


def test_a_rival_that_fails_is_left_out_with_its_reason() -> None:
    def broken() -> None:
        raise RuntimeError("no compiler")

    reasons: dict[str, str] = {}
    seconds = bench.timed({"compiled": broken, "prefill": lambda: None}, "cpu", 2, reasons, lambda _: None)
    assert len(seconds["prefill"]) == 2
    assert "no compiler" in reasons["compiled"]
    with pytest.raises(RuntimeError, match="no compiler"):
        bench.timed({"sequential": broken}, "cpu", 1, {}, lambda _: None)


def test_rows_are_told_as_they_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "subjects", lambda *_: [bench.Subject("tiny", SHAPE, GRID, "float32", 0.5, ())])
    told: list[str] = []
    row = next(iter(bench.bench_decoding(quick=True, seed=0, tell=told.append)))
    assert told[-1].startswith(f"{row.name}: {row.value:.4g} {row.unit}")
    absent = row.model_copy(update={"value": None, "ratio": None, "reason": "no compiler"})
    assert bench.said(absent) == f"{row.name}: absent (no compiler)"


@pytest.mark.full
def test_the_rival_is_spared_the_logits_of_the_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    model = VideoTransformer(SHAPE).reset(torch.Generator().manual_seed(0)).eval()
    rival, sizes = Llama(model, GRID.slots), []
    rival.module.lm_head.register_forward_hook(lambda module, args, out: sizes.append(out.shape[1]))
    sequence = torch.randint(23, (1, GRID.slots - 1), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        last = rival.decode(sequence, GRID.prompt_slots, "dynamic")
        whole = rival.module(sequence).logits[0, -1]
    assert sizes[:-1] == [1] * (GRID.slots - GRID.prompt_slots)
    assert torch.allclose(last, whole, rtol=1e-4, atol=1e-5)
