"""Laws B and C: the engine against the float64 reference decoder, and what must not change its tokens."""

from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
from hypothesis import assume, settings
from hypothesis import given as for_all
from hypothesis import strategies as st

from harness.device import Device, reproducible
from harness.errors import DiptychError, UsageError
from models.ar import attention
from models.decoding.engine import Engine
from models.decoding.grid import Grid
from models.decoding.reference import decode
from models.decoding.sampling import Sampler
from tests.models.decoding.helpers import NAMES, delays, given, grids, names, tables, tiny

GRID = Grid(frames=2, rows=3, columns=4, actions=2, prompt_frames=1)
SAMPLER = Sampler(top_p=0.9)


@for_all(
    names,
    grids,
    delays,
    st.sampled_from(["own", "all"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["1d", "3d"]),
    st.integers(0, 2**40),
    st.sampled_from(["above", "repeat", "prompt", "previous"]),
    st.booleans(),
    st.integers(0, 2),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=80)
def test_engine_is_the_reference_decoder(
    name: str,
    grid: Grid,
    k: int,
    provisional: str,
    refresh: bool,
    pad: bool,
    position: str,
    seed: int,
    placeholder: str,
    refresh_actions: bool,
    start_tokens: int,
    unprompted: bool,
    unwritten: bool,
    compat: bool,
) -> None:
    model = tiny(position)
    prompt_frames = 0 if unprompted and start_tokens else grid.prompt_frames
    grid = replace(grid, start_tokens=start_tokens, prompt_frames=prompt_frames)
    options = {"provisional": provisional, "refresh": refresh, "refresh_actions": refresh_actions}
    options |= {"unwritten": unwritten}
    if compat and name in ("diagonal", "diagonal-st") and placeholder in ("prompt", "repeat"):
        options |= {"compat": "mineworld"}
    try:
        compiled = tables(name, grid, k, placeholder=placeholder, **options)
    except UsageError as error:
        valid = str(error).partition("Valid here: ")[2].rstrip(".").split(", ")
        assume(valid != ["none"])  # frame-at-once without a prompt frame: nothing is known before its first pass
        compiled = tables(name, grid, k, placeholder=valid[0], **options)
    prompt = given(grid, batch=2, seed=seed % 1000)
    engine = Engine(model, compiled, SAMPLER, batch=2, pad=pad)
    ours = engine.generate(prompt, [seed, seed + 1], trace=True)
    reference = decode(model, compiled, SAMPLER, prompt, [seed, seed + 1])
    assert torch.equal(ours.tokens, reference.tokens)
    scale = float(reference.logits.abs().max())
    assert float((ours.logits - reference.logits).abs().max()) <= 1e-9 * max(scale, 1.0)
    assert ours.noise_hashes == reference.noise_hashes


@pytest.mark.parametrize("name", NAMES)
def test_forced_streams_give_equal_logits_across_padding_and_batch(name: str) -> None:
    model = tiny()
    compiled = tables(name, GRID, 2)
    prompt = given(GRID, batch=3)
    forced = torch.randint(23, (3, GRID.frames, GRID.frame_tokens), generator=torch.Generator().manual_seed(3))
    whole = Engine(model, compiled, SAMPLER, batch=3, pad=True).generate(prompt, [1, 2, 3], forced=forced, trace=True)
    assert torch.equal(whole.tokens, forced)
    for lane in range(3):
        alone = Engine(model, compiled, SAMPLER).generate(
            prompt[lane : lane + 1], [lane + 1], forced=forced[lane : lane + 1], trace=True
        )
        assert float((alone.logits[0] - whole.logits[lane]).abs().max()) <= 1e-9 * float(whole.logits.abs().max())


@pytest.mark.parametrize("name", NAMES)
def test_attention_in_parts_draws_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "PART_SLOTS", 5)
    compiled, prompt = tables(name, GRID, 1), given(GRID)
    ours = Engine(tiny(), compiled, SAMPLER, pad=True).generate(prompt, [7], trace=True)
    reference = decode(tiny(), compiled, SAMPLER, prompt, [7])
    assert torch.equal(ours.tokens, reference.tokens)
    assert float((ours.logits - reference.logits).abs().max()) <= 1e-9 * float(reference.logits.abs().max())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("poison", [7.5, float("nan"), float("inf")])
@pytest.mark.parametrize("pad", [False, True])
def test_tokens_do_not_depend_on_what_the_cache_held(name: str, poison: float, pad: bool) -> None:
    engine = Engine(tiny(), tables(name, GRID, 1), SAMPLER, pad=pad)
    prompt = given(GRID)
    clean = engine.generate(prompt, [9], trace=True)
    engine.keys.fill_(poison)
    engine.values.fill_(poison)
    again = engine.generate(prompt, [9], trace=True)
    assert torch.equal(clean.tokens, again.tokens)
    assert torch.equal(clean.logits, again.logits)
    engine.keys.normal_(generator=torch.Generator().manual_seed(0))
    engine.values.normal_(generator=torch.Generator().manual_seed(1))
    assert torch.equal(clean.tokens, engine.generate(prompt, [9]).tokens)


def test_tokens_do_not_depend_on_the_video_decoded_before() -> None:
    engine = Engine(tiny(), tables("diagonal", GRID, 1), SAMPLER)
    first = engine.generate(given(GRID, seed=1), [9]).tokens.clone()
    engine.generate(given(GRID, seed=2), [10])
    assert torch.equal(first, engine.generate(given(GRID, seed=1), [9]).tokens)


def test_true_tokens_of_the_continuation_are_never_read() -> None:
    engine = Engine(tiny(), tables("diagonal", GRID, 1), SAMPLER)
    one, other = given(GRID, seed=1), given(GRID, seed=1)
    for frame in range(GRID.frames):
        start = GRID.slot(frame, 0, 0)
        other[:, start : start + GRID.frame_tokens] = 22
    assert torch.equal(engine.generate(one, [9]).tokens, engine.generate(other, [9]).tokens)


@pytest.mark.parametrize("name", ["diagonal", "diagonal-st"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_full_delay_decodes_the_sequential_tokens_bit_for_bit(name: str, dtype: torch.dtype) -> None:
    model, prompt = tiny(dtype=dtype), given(GRID)
    wanted = Engine(model, tables("sequential", GRID), SAMPLER).generate(prompt, [4], trace=True)
    for k in (GRID.columns, GRID.columns + 5):
        got = Engine(model, tables(name, GRID, k), SAMPLER).generate(prompt, [4], trace=True)
        assert torch.equal(wanted.tokens, got.tokens)
        assert torch.equal(wanted.logits, got.logits)


def test_lanes_have_their_own_noise_and_tokens_follow_their_seed() -> None:
    grid = Grid(frames=2, rows=3, columns=4)
    model, compiled = tiny(), tables("diagonal", grid, 1)
    prompt = given(grid).repeat(2, 1)
    engine = Engine(model, compiled, SAMPLER, batch=2)
    a, b = engine.generate(prompt, [5, 6]), engine.generate(prompt, [6, 5])
    assert torch.equal(a.tokens[0], b.tokens[1])
    assert torch.equal(a.tokens[1], b.tokens[0])
    assert not torch.equal(a.tokens[0], a.tokens[1])
    assert a.noise_hashes == b.noise_hashes[::-1]


def test_placeholders_change_later_tokens_only_through_what_saw_them() -> None:
    """The first row and the first tokens of a diagonal frame are sequential's: nothing stood in for anything yet."""
    model, prompt = tiny(), given(GRID)
    sequential = Engine(model, tables("sequential", GRID), SAMPLER).generate(prompt, [4], trace=True)
    diagonal = Engine(model, tables("diagonal", GRID, 1), SAMPLER).generate(prompt, [4], trace=True)
    row = GRID.columns
    assert torch.allclose(sequential.logits[:, :row], diagonal.logits[:, :row], rtol=0, atol=1e-9)
    assert not torch.allclose(sequential.logits[:, row], diagonal.logits[:, row], rtol=0, atol=1e-3)


def test_refresh_changes_what_later_tokens_see() -> None:
    model, prompt = tiny(), given(GRID)
    forced = torch.randint(23, (1, GRID.frames, GRID.frame_tokens), generator=torch.Generator().manual_seed(3))
    logits = [
        Engine(model, tables("diagonal", GRID, 1, refresh=refresh, provisional="all"), SAMPLER)
        .generate(prompt, [4], forced=forced, trace=True)
        .logits
        for refresh in (True, False)
    ]
    second_frame = GRID.frame_tokens
    assert not torch.allclose(logits[0][:, second_frame], logits[1][:, second_frame], rtol=0, atol=1e-6)


def test_wrong_token_buffers_and_seed_counts_are_refused() -> None:
    engine = Engine(tiny(), tables("sequential", GRID), SAMPLER)
    with pytest.raises(DiptychError, match="token buffer must be"):
        engine.generate(given(GRID)[:, :-1], [1])
    with pytest.raises(DiptychError, match="2 seeds for 1 lanes"):
        engine.generate(given(GRID), [1, 2])
    for seed in (-1, 2**63, 1.5):
        with pytest.raises(DiptychError, match=r"a seed must be an integer from 0 to 2\*\*63 - 1, not "):
            engine.generate(given(GRID), [seed])
    assert engine.generate(given(GRID), [2**63 - 1]).finite
    wrong = given(GRID)
    wrong[0, 0] = 26
    with pytest.raises(DiptychError, match=r"must be from 0 to 25, the model's vocabulary, and \d+ to 26 are given"):
        engine.generate(wrong, [1])
    with pytest.raises(DiptychError, match=r"the cache is \[2, 1, 2, \d+, 8\] torch.float64, and this model and"):
        Engine(tiny(), tables("sequential", Grid(frames=1, rows=3, columns=4)), SAMPLER, cache=engine.cache)


def test_forced_streams_that_do_not_fit_are_refused() -> None:
    engine, forced = Engine(tiny(), tables("sequential", GRID), SAMPLER), torch.zeros(1, 2, 12, dtype=torch.int64)
    assert engine.generate(given(GRID), [1], forced=forced).finite
    with pytest.raises(DiptychError, match=r"the forced tokens must be \[1, 2, 12\].*, not \[1, 24\]"):
        engine.generate(given(GRID), [1], forced=forced.flatten(1))
    with pytest.raises(DiptychError, match="forced tokens must be from 0 to 25"):
        engine.generate(given(GRID), [1], forced=forced + 26)


@pytest.mark.gpu
@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_engine_on_cuda_equals_the_reference(name: str, deterministic: bool) -> None:
    compiled, prompt = tables(name, GRID, 2), given(GRID)
    engine = Engine(tiny().cuda(), compiled, SAMPLER, pad=True)
    with reproducible(Device("cuda", 0), 1) if deterministic else nullcontext():  # as trials run, and as users do
        ours = engine.generate(prompt, [7], trace=True)
        replayed = engine.generate(prompt, [7])
    assert engine.capture().graphs > 0
    assert torch.equal(replayed.tokens, ours.tokens), "graphs draw what single passes draw"
    reference = decode(tiny(), compiled, SAMPLER, prompt, [7])
    assert torch.equal(ours.tokens.cpu(), reference.tokens)
    assert ours.noise_hashes == reference.noise_hashes
    scale = float(reference.logits.abs().max())
    assert float((ours.logits.cpu() - reference.logits).abs().max()) <= 1e-9 * scale
