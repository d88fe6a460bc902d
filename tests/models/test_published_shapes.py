"""Published shapes: their exact sizes, what does not fit, and speed-only trials of them."""

import psutil
import pytest
import torch

from harness.cli.builtin import load_builtin
from harness.errors import UsageError
from harness.registry import REGISTRY
from harness.types import Arm, Case, Repeats
from models.ar.prepared import PreparedTransformer
from models.ar.shapes import TransformerShape
from models.ar.transformer import VideoTransformer
from models.decoding import memory, shape_maker
from models.decoding.cache import Cache
from models.decoding.grid import Grid
from models.decoding.memory import Memory, check_memory, memory_needed
from models.decoding.shape_maker import ShapeMaker, draw
from models.zoo.cards import PublishedShape

load_builtin()
COUNTS = {
    "mineworld-300m-16f": 321_049_600,
    "mineworld-700m-16f": 725_985_280,
    "mineworld-700m-32f": 725_985_280,
    "mineworld-1.2b-16f": 1_229_301_760,
    "mineworld-1.2b-32f": 1_229_301_760,
    "cosmos-like-4b": 4_014_084_096,
    "cosmos-like-12b": 11_560_965_120,
    "wham-like-1.6b": 1_628_538_880,
}
TINY = PublishedShape(
    name="tiny-like",
    summary="",
    shape=TransformerShape(
        image_vocabulary=23, vocabulary=26, hidden=16, mlp=24, layers=2, heads=4, kv_heads=2, head_dim=8
    ),
    rows=3,
    columns=4,
    actions_per_frame=2,
    prompt_frames=1,
    frames=2,
    max_positions=3 * 14,
    source="nothing",
)


def case(**params: object) -> Case:
    return Case(name="c", group="g", model="tiny-like", params=params, speed_only=True)


def arm(schedule: str = "diagonal", **params: object) -> Arm:
    return Arm(name=schedule, maker="decoding-shape", params={"schedule": schedule, **params})


@pytest.fixture
def maker(monkeypatch: pytest.MonkeyPatch) -> ShapeMaker:
    found = REGISTRY.get
    monkeypatch.setattr(
        REGISTRY, "get", lambda kind, name: TINY if (kind, name) == ("model", "tiny-like") else found(kind, name)
    )
    return ShapeMaker("cpu", 1)


@pytest.mark.parametrize("name", COUNTS)
def test_counts_are_those_of_the_tensors_and_of_llama(name: str) -> None:
    card = REGISTRY.get("model", name)
    with torch.device("meta"):
        model = VideoTransformer(card.shape)
    assert sum(p.numel() for p in model.parameters()) == card.shape.parameters == COUNTS[name]
    grid = Grid(card.prompt_frames + card.frames - 1, card.rows, card.columns, card.actions_per_frame)
    assert grid.slots <= card.max_positions
    if name.startswith("mineworld"):
        from transformers import LlamaConfig, LlamaForCausalLM

        facts = card.shape
        with torch.device("meta"):
            theirs = LlamaForCausalLM(
                LlamaConfig(
                    vocab_size=8262, hidden_size=facts.hidden, intermediate_size=facts.mlp, num_hidden_layers=20,
                    num_attention_heads=facts.heads, num_key_value_heads=4, tie_word_embeddings=False,
                )
            )  # fmt: skip
        assert sum(p.numel() for p in theirs.parameters()) == COUNTS[name]


def test_what_has_no_readable_source_is_named_so() -> None:
    for name in COUNTS:
        card = REGISTRY.get("model", name)
        assert ("memory" in card.source or "assumed" in card.source) == ("-like" in name)
        assert "speed only" in card.summary


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("batch", [1, 3])
def test_memory_in_closed_form_is_what_is_allocated(dtype: str, batch: int) -> None:
    grid = Grid(frames=2, rows=3, columns=4, actions=2)
    model = draw(TINY, getattr(torch, dtype), "cpu")
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    cache = Cache.zeros(PreparedTransformer(model), grid.slots, batch)
    needed = memory_needed(TINY.shape, grid, dtype, batch, width=3)
    assert (needed.weights, needed.cache) == (weights, cache.bytes)
    assert needed.logits == 4 * 4 * batch * 3 * 23
    assert needed.total == needed.weights + needed.cache + needed.logits


def test_what_does_not_fit_says_how_much_is_needed_and_what_to_change() -> None:
    check_memory(Memory(50, 20, 10), 100, "cpu")
    told = r"needs 8\.80 GB on cpu \(weights 5\.00, cache 2\.00, logits 1\.00.* and 8\.50 GB are available\. Try fewer"
    with pytest.raises(UsageError, match=told):
        check_memory(Memory(5 * 10**9, 2 * 10**9, 10**9), 8_500_000_000, "cpu")


def test_a_trial_has_speed_and_hashes_and_no_video(maker: ShapeMaker) -> None:
    maker.check(arm(), case())
    made = maker.make(arm(), case(), 5, Repeats())
    again = maker.make(arm(), case(), 5, Repeats())
    other = maker.make(arm("sequential"), case(), 5, Repeats())
    assert made.video is None
    assert made.hashes == again.hashes
    assert {name: made.hashes[name] for name in ("prompt", "noise", "weights")} == {
        name: other.hashes[name] for name in ("prompt", "noise", "weights")
    }
    assert (made.counts["frames"], made.counts["tokens"], len(made.frame_seconds)) == (2, 24, 2)
    assert maker.make(arm(), case(index=1), 5, Repeats()).hashes["prompt"] != made.hashes["prompt"]
    assert made.info["graphs"] == {"graphs": 0, "seconds": 0.0, "pool_bytes": 0}, "nothing is captured on a CPU"
    half = maker.make(arm(), case(precision="bfloat16"), 5, Repeats())
    assert half.info["precision"] == "bfloat16"
    assert half.hashes["weights"] != made.hashes["weights"]


def test_bad_cases_are_one_message(maker: ShapeMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"1 \+ 3 frames are 54 slots, and tiny-like has positions for 42"):
        maker.check(arm(), case(frames=3))
    with pytest.raises(UsageError, match="no units for float16"):
        maker.check(arm(), case(precision="float16"))
    with pytest.raises(UsageError, match="weights and stale mean nothing"):
        maker.check(arm(stale=True), case())
    with pytest.raises(UsageError, match="its maker is 'decoding'"):
        maker.check(arm(), case().model_copy(update={"model": "video-transformer-crafter-9x9"}))
    monkeypatch.setattr(shape_maker, "memory_available", lambda device: 1000)
    with pytest.raises(UsageError, match=r"needs .* GB on cpu"):
        maker.check(arm(), case())
    assert psutil.virtual_memory().available > 1000


def test_a_container_is_held_to_its_own_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "quota_memory_bytes", lambda: 4321)
    assert memory.memory_available("cpu") == 4321
    monkeypatch.setattr(memory, "quota_memory_bytes", lambda: None)
    assert memory.memory_available("cpu") > 4321


def test_no_large_model_is_drawn_to_find_that_it_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    def draws(*_: object) -> None:
        raise AssertionError("drawn")

    monkeypatch.setattr(shape_maker, "draw", draws)
    monkeypatch.setattr(shape_maker, "memory_available", lambda device: 8 * 10**9)
    huge = case(precision="bfloat16").model_copy(update={"model": "cosmos-like-12b"})
    with pytest.raises(UsageError, match=r"needs 2\d\.\d\d GB on cpu \(weights 23\.12"):
        ShapeMaker("cpu", 1).check(arm(), huge)


@pytest.mark.parametrize(("capability", "has"), [((7, 5), False), ((8, 0), True), ((9, 0), True)])
def test_emulated_bfloat16_is_refused_on_the_card_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], has: bool
) -> None:
    cards = {"cuda:0": (8, 6), "cuda:1": capability}
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: cards[str(device or "cuda:0")])
    for precision in ("float32", "float16"):
        shape_maker.check_precision(precision, "cuda:1")
    if has:
        shape_maker.check_precision("bfloat16", "cuda:1")
    else:
        with pytest.raises(UsageError, match=r"cuda:1 has no units for bfloat16\. Valid there: float32, float16"):
            shape_maker.check_precision("bfloat16", "cuda:1")
