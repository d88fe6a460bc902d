"""The decoding maker on a tiny model and world: what arms share, what repeats, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from harness import measure as measure_module
from harness.clock import Stopwatch
from harness.errors import RejectedError, UsageError
from harness.types import Arm, Case, Repeats
from models.decoding import maker as maker_module
from models.decoding.bound import bound_seconds, interpolated, pass_costs
from models.decoding.engine import Engine
from models.decoding.maker import DecodingMaker
from models.decoding.prompts import Prompts
from models.worlds.types import Clip, Split, WorldSpec
from models.zoo.cards import VideoModel
from tests.models.decoding.helpers import tiny

ROWS, COLUMNS, ACTIONS = 3, 4, 3


class TinyWorld:
    """Clips of single-colour tiles."""

    spec = WorldSpec(
        name="tiny",
        summary="tiles",
        version=1,
        rows=ROWS,
        columns=COLUMNS,
        tile_pixels=2,
        map_rows=ROWS,
        clip_frames=5,
        actions=("a", "b", "c"),
    )

    def versions(self) -> dict[str, str | int]:
        return {"version": 1}

    def clips(self, split: Split, count: int, *, processes: int = 1, progress: object = None) -> list[Clip]:
        """Clip i depends on i alone."""
        made = []
        for index in range(count):
            generator = np.random.default_rng([index, len(split)])
            tiles = generator.integers(0, 23, (5, ROWS, COLUMNS), dtype=np.uint8)
            frames = np.repeat(np.repeat(tiles, 2, 1), 2, 2)[..., None].repeat(3, -1)
            made.append(
                Clip(
                    frames=frames,
                    actions=generator.integers(0, ACTIONS, 5),
                    truth={"semantic": tiles},
                    episode_seed=index,
                    start=0,
                )
            )
        return made


class TinyTokenizer:
    """A tile's token is its grey level."""

    def encode(self, frames: np.ndarray) -> torch.Tensor:
        """Read the levels."""
        return torch.from_numpy(frames[:, ::2, ::2, 0].astype(np.int64))

    def decode(self, tokens: torch.Tensor) -> np.ndarray:
        """Paint the levels."""
        tiles = tokens.numpy().astype(np.uint8)
        return np.repeat(np.repeat(tiles, 2, 1), 2, 2)[..., None].repeat(3, -1)


CARDS = {
    name: VideoModel(
        name=name,
        summary="tiny",
        world="tiny",
        shape=tiny().shape,
        prompt_frames=2,
        frames=2,
        tokenizer="none",
        weights=weights,
    )
    for name, weights in (("trained", "w.safetensors"), ("random", None))
}


@pytest.fixture
def maker(monkeypatch: pytest.MonkeyPatch) -> DecodingMaker:
    original = maker_module.REGISTRY.get

    def get(kind: str, name: str) -> object:
        if kind == "model" and name in CARDS:
            return CARDS[name]
        return TinyWorld if (kind, name) == ("world", "tiny") else original(kind, name)

    monkeypatch.setattr(maker_module.REGISTRY, "get", get)
    def load(card, device, dtype, finetune):
        return tiny(dtype=dtype), "f" * 64

    monkeypatch.setattr(maker_module, "load_transformer", load)
    monkeypatch.setattr(maker_module, "load_tokenizer", lambda name, device: TinyTokenizer())
    monkeypatch.setattr(maker_module, "weights_sha256", lambda name: "e" * 64)
    monkeypatch.setattr(maker_module, "WIDTHS", (1, 4))
    return DecodingMaker("cpu", 1)


def arm(schedule: str, **params: object) -> Arm:
    return Arm(name=schedule, maker="decoding", params={"schedule": schedule, **params})


def case(index: int = 0, model: str = "trained", **params: object) -> Case:
    return Case(name=f"case{index}", group="tiny", model=model, params={"index": index, "of": 3, **params})


def test_arms_share_prompt_noise_weights_and_reference_and_differ_in_tokens(maker: DecodingMaker) -> None:
    made = [maker.make(arm(name), case(), 5, Repeats()) for name in ("sequential", "diagonal", "frame-at-once")]
    for key in ("prompt", "noise", "weights"):
        assert len({m.hashes[key] for m in made}) == 1, key
    assert len({m.hashes["tokens"] for m in made}) == 3
    assert all((m.reference == made[0].reference).all() for m in made)
    assert [m.counts["passes"] for m in made] == [24, 12, 2]


def test_the_same_call_gives_the_same_bytes_whatever_ran_before(maker: DecodingMaker) -> None:
    first = maker.make(arm("diagonal"), case(0), 5, Repeats(count=2))
    maker.make(arm("frame-at-once"), case(1), 6, Repeats())
    maker.make(arm("diagonal"), case(2), 7, Repeats())
    again = maker.make(arm("diagonal"), case(0), 5, Repeats())
    assert first.hashes == again.hashes
    assert first.values == again.values
    assert (first.video == again.video).all()
    assert len(first.seconds) == 2


def test_other_seeds_and_clips_change_what_they_should(maker: DecodingMaker) -> None:
    base = maker.make(arm("sequential"), case(0), 5, Repeats())
    seed = maker.make(arm("sequential"), case(0), 6, Repeats())
    clip = maker.make(arm("sequential"), case(1), 5, Repeats())
    assert base.hashes["prompt"] == seed.hashes["prompt"] != clip.hashes["prompt"]
    assert base.hashes["noise"] == clip.hashes["noise"] != seed.hashes["noise"]


def test_quality_is_measured_against_the_true_continuation(maker: DecodingMaker) -> None:
    made = maker.make(arm("sequential"), case(0), 5, Repeats())
    truth = TinyWorld().clips("test", 1)[0].frames[2:4]
    assert (made.reference == truth).all()
    assert made.values["token_accuracy"] == np.mean(made.video[:, ::2, ::2, 0] == truth[:, ::2, ::2, 0])


def test_bits_per_token_are_those_of_sampling_step_by_step(maker: DecodingMaker) -> None:
    """Sequential decoding without truncation sees exactly the contexts of the causal pass."""
    from models.decoding.sampling import Sampler
    from tests.models.decoding.helpers import tables

    made = maker.make(arm("sequential"), case(0), 5, Repeats())
    ready = next(iter(maker._engines.values()))
    grid = ready.engine.tables.grid
    prompt = next(iter(maker.prompts._made.values()))
    engine = Engine(tiny(dtype=torch.float64), tables("sequential", grid), Sampler())
    tokens = torch.from_numpy(made.tokens)[None]
    logits = engine.generate(prompt.given, [0], forced=tokens, trace=True).logits[0]
    nats = torch.nn.functional.cross_entropy(logits, tokens.flatten())
    assert made.values["model_bits_per_token"] == pytest.approx(float(nats) / np.log(2), rel=1e-4)


def test_random_weights_claim_no_quality(maker: DecodingMaker) -> None:
    assert maker.make(arm("sequential"), case(0, "random"), 5, Repeats()).values == {}


@pytest.mark.parametrize(
    ("bad_arm", "bad_case", "message"),
    [
        (arm("diagonal", kk=2), case(), "arm 'diagonal': kk: unknown key; did you mean 'k'"),
        (arm("diagonal", k=0), case(), "k: must be at least 1, not 0"),
        (arm("diagonal", k="2"), case(), "k: must be a whole number"),
        (arm("diagonal", refresh="false"), case(), "refresh: must be true or false"),
        (arm("diagonal"), case(temperature="warm"), "temperature: must be a number"),
        (arm("diagonal", placeholder="abov"), case(), "did you mean 'above'"),
        (arm("diagonal", provisional="some"), case(), "provisional: unknown 'some'"),
        (arm("diagnal"), case(), "did you mean 'diagonal'"),
        (Arm(name="x", maker="decoding"), case(), "schedule: is missing"),
        (arm("diagonal"), case(frame=3), "did you mean 'frames'"),
        (arm("diagonal"), case(top_p=0.0), "top_p"),
        (arm("diagonal"), case(frames=0), "frames: must be at least 1"),
        (arm("diagonal"), case(model="traind"), "unknown model"),
    ],
)
def test_what_cannot_run_is_refused_before_any_trial(
    maker: DecodingMaker, bad_arm: Arm, bad_case: Case, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        maker.check(bad_arm, bad_case)


def test_clips_that_are_too_short_or_splits_that_do_not_exist_are_refused(maker: DecodingMaker) -> None:
    messages = r"wants 7 frames|split: unknown 'tset'; did you mean 'test'|index: must be at least 0"
    for refused in (case(0, frames=5), case(0, split="tset"), case(-1)):
        with pytest.raises(UsageError, match=messages):
            maker.check(arm("sequential"), refused)


def test_context_names_the_weights_that_were_checked(maker: DecodingMaker) -> None:
    maker.check(arm("sequential"), case())
    assert maker.context()["weights_sha256"] == {"trained": "f" * 64}
    assert maker.context()["tokenizers_sha256"] == {"none": "e" * 64}


def test_logits_that_are_not_finite_are_no_result(maker: DecodingMaker) -> None:
    loaded = maker.load("random")
    with torch.no_grad():
        loaded.transformer.norm.fill_(float("nan"))
    with pytest.raises(RejectedError, match="NaN or infinity"):
        maker.make(arm("diagonal"), case(0, "random"), 5, Repeats())


def test_arms_take_turns_with_one_cache(maker: DecodingMaker) -> None:
    for name in ("sequential", "diagonal", "frame-at-once"):
        maker.make(arm(name), case(), 5, Repeats())
    assert len({id(ready.engine.cache) for ready in maker._engines.values()}) == 1
    maker.make(arm("diagonal"), case(frames=1), 5, Repeats())
    assert len(maker._caches) == 2


def test_a_stale_cache_holds_another_clip_and_the_same_one_every_time(maker: DecodingMaker) -> None:
    stale = arm("diagonal", unwritten=True, stale=True)
    clean = maker.make(arm("diagonal", unwritten=True), case(), 5, Repeats())
    first = maker.make(stale, case(), 5, Repeats())
    maker.make(arm("sequential"), case(1), 6, Repeats())
    again = maker.make(stale, case(), 5, Repeats(count=3))
    assert first.info["stale"]
    assert not clean.info["stale"]
    assert first.hashes == again.hashes
    assert first.hashes["tokens"] != clean.hashes["tokens"]
    hidden = maker.make(arm("diagonal", stale=True), case(), 5, Repeats())
    assert hidden.hashes["tokens"] == maker.make(arm("diagonal"), case(), 5, Repeats()).hashes["tokens"], (
        "what is never seen may be anything"
    )


def test_times_of_frames_are_told_in_order(maker: DecodingMaker) -> None:
    made = maker.make(arm("diagonal"), case(), 5, Repeats())
    assert len(made.frame_seconds) == made.counts["frames"]
    assert 0 < made.frame_seconds[0] < made.frame_seconds[-1] <= made.seconds[0]


def test_the_prompt_s_hash_covers_tokens_actions_and_pixels(
    maker: DecodingMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = maker.make(arm("sequential"), case(), 5, Repeats()).hashes["prompt"]
    clip = TinyWorld().clips("test", 1)[0]
    frames, actions = clip.frames.copy(), clip.actions.copy()
    frames[0, 1, 1] ^= 1  # no tile's token, which is read off its first pixel
    actions[2] = (actions[2] + 1) % ACTIONS  # leads from the first generated frame to the second
    for change in ({"frames": frames}, {"actions": actions}):
        monkeypatch.setattr(TinyWorld, "clips", lambda *_, change=change, **__: [replace(clip, **change)])
        maker.prompts = Prompts()
        assert maker.make(arm("sequential"), case(), 5, Repeats()).hashes["prompt"] != base


def test_prefill_is_one_pass_and_the_flags_of_the_clock_are_kept(
    maker: DecodingMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Counted(Stopwatch):
        def measure(self, call, repeats, *, limit_seconds=None):
            self.flags = ["clock"]
            runs = []
            original = Engine._run
            monkeypatch.setattr(Engine, "_run", lambda engine, step: runs.append(1) or original(engine, step))
            result = call()
            monkeypatch.setattr(Engine, "_run", original)
            return result, [float(len(runs))] * repeats

    monkeypatch.setattr(measure_module, "Stopwatch", Counted)
    made = maker.make(arm("diagonal"), case(), 5, Repeats(count=3))
    assert made.prefill_seconds == 1
    assert made.seconds == [made.counts["passes"]] * 3
    assert made.flags == ["clock"]


def test_the_bound_is_that_of_the_recorded_ceilings(maker: DecodingMaker) -> None:
    info = maker.make(arm("diagonal"), case(), 5, Repeats()).info
    rates = {int(width): rate for width, rate in info["flops_per_second"].items()}
    engine = next(iter(maker._engines.values())).engine
    costs = pass_costs(tiny().shape, engine.tables, element_bytes=4)
    expected = bound_seconds(costs, info["bandwidth_bytes_per_second"], interpolated(rates))
    assert info["bound_seconds"] == pytest.approx(expected, rel=1e-5)  # six digits of the ceilings are kept
    assert info["ceilings_unsteadiness"] >= 1
