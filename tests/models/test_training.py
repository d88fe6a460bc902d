"""Training resumes bit for bit; batches cover the clips; the loss is the loss that decoding will meet."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import nn

from harness.errors import DiptychError, StoppedError, UsageError
from harness.registry import REGISTRY, Entry
from models.ar.attention import causal_attention
from models.ar.loading import load_transformer, load_weights, save_transformer
from models.ar.shapes import TransformerShape
from models.ar.transformer import VideoTransformer
from models.decoding.grid import Grid
from models.tokenizers.fsq import FSQTokenizer
from models.tokenizers.loading import load_tokenizer
from models.tokenizers.shapes import TokenizerShape, zoo_tokenizer
from models.training import loop as training_loop
from models.training.attention import chunked_causal_attention
from models.training.checkpoint import read_checkpoint
from models.training.clips import TokenClips, read_tokens, tokenise, write_tokens
from models.training.loop import CHECKPOINT, Job, make_optimisers, train
from models.training.presets import TOKENIZER_PRESETS, VIDEO_TRANSFORMER_PRESETS, TrainOptions, preset
from models.training.progress import Progress
from models.training.sequences import draw_sequences, kept_clips, sequences
from models.training.teacher_forcing import grid_rotary, image_slots, score_clips, sequence_loss
from models.training.tokenizer import frame_psnr, set_feature_projection, train_tokenizer
from models.training.video_transformer import train_video_transformer
from models.weights import weights_sha256
from models.worlds.types import SPLITS
from models.zoo.cards import VideoModel

SHAPE = TransformerShape(
    image_vocabulary=11, vocabulary=14, hidden=16, mlp=24, layers=2, heads=2, kv_heads=1, head_dim=8, position="3d",
    rope_theta=100.0, tied=True,
)  # fmt: skip
GRID = Grid(frames=2, rows=2, columns=3, actions=1, prompt_frames=1)


def make_clips(count: int, seed: int = 0) -> TokenClips:
    rng = np.random.default_rng(seed)
    facts = {"world": "none", "split": "train", "tokenizer": "none", "vocabulary": 11, "actions": 3}
    return TokenClips(
        rng.integers(0, 11, (count, 5, 2, 3)).astype(np.uint16),
        rng.integers(0, 3, (count, 5)).astype(np.uint8),
        np.arange(count, dtype=np.int64),
        facts,
    )


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    return {
        "clips": write_tokens(tmp_path / "train-clips.npz", make_clips(7)),
        "validation_clips": write_tokens(tmp_path / "validation-clips.npz", make_clips(3, 1)),
    }


def run(out: Path, files: dict[str, Path], **changes) -> dict[str, float]:
    settings = {"prompt_frames": 1, "frames": 2, "shape": SHAPE, "preset_name": "test", "seed": 3, **changes}
    return train_video_transformer(out, **files, **settings)


@pytest.mark.parametrize("options", [{"optimiser": "muon", "workers": 2}, {"optimiser": "adamw"}])
def test_half_and_resume_equals_the_whole_bit_for_bit(tmp_path: Path, files, options) -> None:
    whole = run(tmp_path / "whole", files, **options)
    run(tmp_path / "parts", files, **options, stop_after=3)
    parts = run(tmp_path / "parts", files, **options, resume=True)
    assert whole == parts
    one, two = (load_file(tmp_path / name / CHECKPOINT) for name in ("whole", "parts"))
    assert set(one) == set(two)
    assert any(name.startswith("optimiser.") for name in one)
    assert all(torch.equal(one[name], two[name]) for name in one)

    def losses(name: str) -> list[list[str]]:
        with (tmp_path / name / "curves.csv").open() as file:
            return [row[:6] for row in csv.reader(file)]  # the last column is a duration

    assert losses("whole") == losses("parts")
    assert len(losses("whole")) == 1 + 8 + 2 * 2
    assert (tmp_path / "whole" / "curves.png").read_bytes()[:4] == b"\x89PNG"


class NoiseWorld:
    """Clips of two kinds of tiles in random order, 16x24 pixels."""

    def clips(self, split: str, count: int, *, processes: int = 1, progress=None) -> list[SimpleNamespace]:
        rng = np.random.default_rng([SPLITS.index(split), 5])
        tiles = np.random.default_rng(6).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
        chosen = tiles[rng.integers(0, 2, (count, 4, 2, 3))]
        return [SimpleNamespace(frames=c) for c in chosen.transpose(0, 1, 2, 4, 3, 5, 6).reshape(count, 4, 16, 24, 3)]


def test_the_tokenizer_learns_and_resumes_bit_for_bit(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(REGISTRY.entries, ("world", "noise"), Entry("world", "noise", "", "here", NoiseWorld))
    shape = TokenizerShape(width=16, encoder_blocks=1, decoder_blocks=1, feature_width=2)

    def run(name: str, **changes) -> dict[str, float]:
        return train_tokenizer(tmp_path / name, "test", ["noise"], 1, shape=shape, steps=30, workers=2, **changes)

    whole = run("whole")
    run("parts", stop_after=11)
    assert run("parts", resume=True) == whole
    one, two = (load_file(tmp_path / name / "tokenizer.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(one[name], two[name]) for name in one)
    early = run("early", stop_after=1)
    assert whole["psnr_noise"] > early["psnr_noise"] + 1


def test_a_finished_run_learns(tmp_path: Path, files) -> None:
    run(tmp_path / "run", files, steps=60, learning_rate=1e-2, validate_every=0, batch=7)
    with (tmp_path / "run" / "curves.csv").open() as file:
        losses = [float(row["value"]) for row in csv.DictReader(file) if row["kind"] == "train"]
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.2


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path, files) -> None:
    run(tmp_path / "run", files, stop_after=2)
    with pytest.raises(DiptychError, match="exists"):
        run(tmp_path / "run", files)
    with pytest.raises(DiptychError, match="seed"):
        run(tmp_path / "run", files, seed=4, resume=True)
    with pytest.raises(DiptychError, match="learning_rate"):
        run(tmp_path / "run", files, learning_rate=5e-4, resume=True)
    run(tmp_path / "run", files, steps=6, resume=True)  # cut while the rate was still constant
    with pytest.raises(DiptychError, match="steps"):
        run(tmp_path / "run", files, steps=50, resume=True)
    with pytest.raises(DiptychError, match="no checkpoint"):
        run(tmp_path / "other", files, resume=True)


def test_an_unreadable_checkpoint_is_one_message(tmp_path: Path, files) -> None:
    run(tmp_path / "run", files, stop_after=2)
    path = tmp_path / "run" / CHECKPOINT
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(DiptychError, match="not a readable checkpoint"):
        read_checkpoint(path)


@given(st.integers(1, 9), st.integers(1, 6), st.integers(0, 3))
def test_every_epoch_shows_every_clip_once(count: int, batch: int, seed: int) -> None:
    clips = make_clips(count)
    marked = TokenClips(
        np.broadcast_to(np.arange(count, dtype=np.uint16)[:, None, None, None], clips.tokens.shape),
        clips.actions,
        clips.episode_seed,
        clips.facts,
    )
    steps = -(-2 * count // batch)
    seen = [int(v) for s in range(steps) for v in draw_sequences(marked, GRID, 11, batch, seed, s)[:, 0]][: 2 * count]
    assert sorted(seen[:count]) == list(range(count))
    assert sorted(seen[count:]) == list(range(count))


def test_sequences_lay_tokens_and_actions_out_by_slot() -> None:
    clips = make_clips(2)
    rows = sequences(clips.tokens[:, :3], clips.actions[:, :3], GRID, 11).numpy()
    assert rows.shape == (2, GRID.slots)
    for frame in range(-1, 2):
        for row in range(2):
            for column in range(3):
                assert rows[1, GRID.slot(frame, row, column)] == clips.tokens[1, frame + 1, row, column]
    assert rows[1, GRID.action_slots(-1)[0]] == 11 + clips.actions[1, 0]
    assert list(image_slots(GRID, 1)) == [GRID.slot(f, r, c) for f in (0, 1) for r in (0, 1) for c in (0, 1, 2)]


def test_the_loss_sees_the_past_only_and_matches_a_plain_forward() -> None:
    model = VideoTransformer(SHAPE).reset(torch.Generator().manual_seed(0)).double()
    clips = make_clips(2)
    tokens = sequences(clips.tokens[:, :3], clips.actions[:, :3], GRID, 11)
    rotary = grid_rotary(SHAPE, GRID, "cpu", torch.float64)
    loss = sequence_loss(model, tokens, GRID, rotary, first_frame=1)
    probabilities = model(tokens, rotary, causal_attention).log_softmax(-1)
    for index, slot in enumerate(image_slots(GRID, 1)):
        plain = -probabilities[:, slot - 1].gather(1, tokens[:, slot, None])[:, 0]
        assert torch.allclose(loss[:, index], plain.float(), atol=1e-5)
    changed = tokens.clone()
    changed[:, GRID.slot(1, 0, 1)] = (changed[:, GRID.slot(1, 0, 1)] + 1) % 11
    other = sequence_loss(model, changed, GRID, rotary, first_frame=1)
    first = list(image_slots(GRID, 1)).index(GRID.slot(1, 0, 1))
    assert torch.equal(other[:, :first], loss[:, :first])
    assert not torch.equal(other[:, first:], loss[:, first:])


@given(st.integers(1, 20), st.integers(1, 7), st.sampled_from([(1, 1), (4, 2), (3, 1)]))
def test_chunked_attention_is_causal_attention(length: int, chunk: int, heads: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(length)
    q, k, v = (torch.randn(2, h, length, 8, generator=generator).double() for h in (heads[0], heads[1], heads[1]))
    assert torch.allclose(chunked_causal_attention(chunk)(0, q, k, v), causal_attention(0, q, k, v), atol=1e-12)


def test_scores_of_a_uniform_model_are_log2_of_the_vocabulary() -> None:
    model = VideoTransformer(SHAPE)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    bits, hits = score_clips(model, make_clips(5), GRID, "cpu", batch=2)
    assert np.allclose(bits, np.log2(11), atol=1e-6)
    assert np.allclose(hits, (make_clips(5).tokens[:, 1:3] == 0).mean((1, 2, 3)))


def test_the_rate_rises_stays_and_falls() -> None:
    options = TrainOptions(steps=100, batch=1, learning_rate=1.0, warmup_steps=10, decay_fraction=0.4)
    rates = [options.rate(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9:60] == [1.0] * 51
    assert all(a > b for a, b in itertools.pairwise(rates[60:]))
    assert rates[-1] < 0.05


def test_every_parameter_is_optimised_once() -> None:
    model = VideoTransformer(SHAPE)
    options = VIDEO_TRANSFORMER_PRESETS["cpu"]
    optimisers = make_optimisers(model, options)
    assert len(optimisers) == 2
    held = [id(p) for o in optimisers for g in o.param_groups for p in g["params"]]
    assert sorted(held) == sorted(id(p) for p in model.parameters())


def test_presets_refuse_what_cannot_be() -> None:
    with pytest.raises(UsageError, match="did you mean 'cpu'"):
        preset(TOKENIZER_PRESETS, "cpuu")
    with pytest.raises(UsageError, match="steps"):
        preset(TOKENIZER_PRESETS, "cpu", steps=0)
    with pytest.raises(UsageError, match="workers"):
        preset(TOKENIZER_PRESETS, "cpu", batch=3, workers=2)
    assert preset(TOKENIZER_PRESETS, "cpu", steps=7, batch=None).steps == 7


def test_broken_clip_files_are_one_message(tmp_path: Path, files) -> None:
    path = tmp_path / "c.npz"
    with pytest.raises(DiptychError, match="no clips file"):
        read_tokens(path)
    path.write_bytes(files["clips"].read_bytes()[:200])
    with pytest.raises(DiptychError, match="not a readable file"):
        read_tokens(path)
    good = make_clips(2)
    write_tokens(path, TokenClips(good.tokens, good.actions[:, :3], good.episode_seed, good.facts))
    with pytest.raises(DiptychError, match="do not fit"):
        read_tokens(path)
    write_tokens(path, TokenClips(good.tokens + 9, good.actions, good.episode_seed, good.facts))
    with pytest.raises(DiptychError, match="outside the vocabulary"):
        read_tokens(path)
    write_tokens(path, good)
    assert read_tokens(path).sha256 == good.sha256
    with pytest.raises(UsageError, match="both files"):
        train_video_transformer(tmp_path / "out", clips=path)


def card(weights: str | None, seed: int = 0) -> VideoModel:
    return VideoModel(
        name="m", summary="", world="crafter-9x9", shape=SHAPE, prompt_frames=1, frames=2, tokenizer="t",
        weights=weights, random_seed=seed,
    )  # fmt: skip


def test_weights_survive_the_file_and_random_ones_follow_their_seed(tmp_path: Path) -> None:
    one, first = load_transformer(card(None))
    again, second = load_transformer(card(None))
    assert first == second
    assert first != load_transformer(card(None, 1))[1]
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), again.parameters(), strict=True))
    path = tmp_path / "w.safetensors"
    save_transformer(path, one, {}, torch.float32)
    loaded, digest = load_transformer(card(str(path)), dtype=torch.float64)
    assert len(digest) == 64
    assert all(torch.equal(a.double(), b) for a, b in zip(one.parameters(), loaded.parameters(), strict=True))
    assert not loaded.training


def test_weights_of_another_shape_are_refused_even_where_every_tensor_fits(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_transformer(path, VideoTransformer(SHAPE), {})
    other = card(str(path)).model_copy(update={"shape": SHAPE.model_copy(update={"rope_theta": 7.0})})
    with pytest.raises(DiptychError, match=r"rope_theta is .*, expected 7"):
        load_transformer(other)


def test_weights_that_do_not_fit_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    tensors = dict(VideoTransformer(SHAPE).state_dict())
    tensors.pop("norm.weight")
    tensors["embed_tokens.weight"] = torch.zeros(3, 16)
    save_file(tensors, path)
    with pytest.raises(DiptychError) as error:
        load_transformer(card(str(path)))
    assert "missing norm.weight [16]" in str(error.value)
    assert "embed_tokens.weight is [3, 16], expected [14, 16]" in str(error.value)
    path.write_text("not weights")
    with pytest.raises(DiptychError, match="not a safetensors file"):
        load_weights(VideoTransformer(SHAPE), path)
    with pytest.raises(DiptychError, match="no weights 'absent"):
        load_transformer(card("absent.safetensors"))


def test_psnr_and_the_feature_projection_by_definition() -> None:
    model = FSQTokenizer(TokenizerShape(width=12, encoder_blocks=1, decoder_blocks=1, feature_width=3))
    model.reset(torch.Generator().manual_seed(0))
    frames = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3), dtype=np.uint8)
    made = model.decode(model.encode(frames)).astype(float)
    expected = [10 * np.log10(255**2 / ((a - b) ** 2).mean()) for a, b in zip(frames.astype(float), made, strict=True)]
    assert np.allclose(frame_psnr(model, frames), expected)
    set_feature_projection(model, [frames], 0)
    tiles = model.projected_tiles(frames).reshape(-1, 3).numpy()
    assert np.allclose(np.cov(tiles.T), np.eye(3), atol=0.5)


@pytest.fixture
def _builtin(monkeypatch) -> None:
    for kind, package in (("world", "models.worlds.catalogue"), ("model", "models.zoo")):
        if package not in REGISTRY.packages.get(kind, []):
            REGISTRY.add_package(kind, package)


@pytest.mark.usefixtures("_builtin")
@pytest.mark.parametrize("name", ["video-transformer-crafter-9x9", "video-transformer-crafter-15x24"])
def test_zoo_models_reconstruct_and_beat_copying(name: str, tmp_path: Path, monkeypatch) -> None:
    """Two test clips are a smoke test; the cards have the numbers with intervals."""
    from models.training.clips import main as export_main
    from models.training.evaluate import card_grid, copy_accuracy, interval
    from models.weights import zoo_path

    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path))
    monkeypatch.setattr("models.worlds.cache.SHARD_CLIPS", 2)
    chosen: VideoModel = REGISTRY.get("model", name)
    assert zoo_path(str(chosen.weights)).stat().st_size < 10_000_000
    export_main([chosen.world, "test", "2", str(tmp_path / "clips.npz")])
    clips = read_tokens(tmp_path / "clips.npz")
    assert clips.facts["world"] == chosen.world
    real = REGISTRY.get("world", chosen.world)().clips("test", 2)
    tokenizer = load_tokenizer(chosen.tokenizer)
    assert min(frame_psnr(tokenizer, clip.frames).mean() for clip in real) >= 28
    model, _ = load_transformer(chosen)
    grid = card_grid(chosen, *clips.tokens.shape[2:])
    bits, hits = score_clips(model, clips, grid, "cpu")
    assert (hits > copy_accuracy(clips, grid)).all()
    assert bits.max() < 2
    assert interval(np.array([1.0, 3.0]))["value"] == 2


@pytest.mark.usefixtures("_builtin")
def test_the_zoo_model_of_the_second_world_beats_copying(tmp_path: Path, monkeypatch) -> None:
    """A test clip of each scenario is a smoke test; the card has the numbers with intervals."""
    pytest.importorskip("vizdoom", reason="the package vizdoom is not installed: pip install vizdoom")
    from models.training.evaluate import FREE_RUNNING, card_grid, copy_accuracy, evaluate_free_running, frame_scores
    from models.weights import zoo_path

    REGISTRY.add_package("metric", "harness.metrics")
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path))
    monkeypatch.setattr("models.worlds.cache.SHARD_CLIPS", 2)
    name = "video-transformer-vizdoom-6x8"
    chosen: VideoModel = REGISTRY.get("model", name)
    assert zoo_path(str(chosen.weights)).stat().st_size < 10_000_000
    clips = tokenise(chosen.world, "test", 8, chosen.tokenizer)
    real = REGISTRY.get("world", chosen.world)().clips("test", 8)
    psnr = [frame_psnr(load_tokenizer(chosen.tokenizer), clip.frames).mean() for clip in real]
    assert np.mean(psnr) >= 29
    model, _ = load_transformer(chosen)
    grid = card_grid(chosen, *clips.tokens.shape[2:])
    bits, hits = score_clips(model, clips, grid, "cpu")
    assert hits.mean() > copy_accuracy(clips, grid).mean()
    assert bits.max() < 9  # 12 if all ids were equally likely
    found = evaluate_free_running(name, "test", 2)
    first, total = grid.prompt_frames, grid.prompt_frames + grid.frames
    pairs = [(clip.frames[[first - 1] * grid.frames], clip.frames[first:total]) for clip in real[:2]]
    still = np.mean([frame_scores(*pair) for pair in pairs], axis=0)
    assert still.shape == (len(FREE_RUNNING), grid.frames)
    for metric, kind in enumerate(FREE_RUNNING):
        assert found[kind]["repeated"]["value"] == pytest.approx(still[metric].mean())
        assert len(found[kind]["generated_by_frame"]) == grid.frames
        least = found[kind]["generated"]["value"] - found[kind]["repeated"]["value"]
        assert found[kind]["above_repeated"]["value"] == pytest.approx(least)


def test_progress_says_how_much_is_done_and_left(capsys, monkeypatch) -> None:
    monkeypatch.setattr("models.training.progress.LINE_SECONDS", 0.0)
    with Progress("step", 4, 2) as progress:
        progress.update(3, "loss 0.5")
    with Progress("clips", 0) as progress:
        progress.count(6, 6)  # all were there
        progress.count(2, 9)
        progress.count(5, 9)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("step 3/4: loss 0.5, ")
    assert lines[0].endswith(" min left")
    assert [line.split(":")[0] for line in lines[1:]][-1] == "clips 5/9"


class Slope(nn.Module):
    """One weight whose gradient is 10 in every part."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Parameter(torch.zeros(1))

    def loss(self, step: int, part: int, parts: int) -> torch.Tensor:
        return 10 * self.embed.sum()


@pytest.mark.parametrize("workers", [1, 2])
def test_the_loop_follows_the_rate_averages_parts_and_clips(tmp_path: Path, monkeypatch, workers: int) -> None:
    model = Slope()
    seen: list[tuple[float, float]] = []

    def record(optimiser: torch.optim.Optimizer, *_: object, **__: object) -> None:
        seen.append((optimiser.param_groups[0]["lr"], float(model.embed.grad)))

    monkeypatch.setattr(torch.optim.AdamW, "step", record)
    options = TrainOptions(steps=10, batch=2, workers=workers, learning_rate=0.5, warmup_steps=4, clip_norm=1.0)
    train(Job(model, model.loss, dict, {}), options, tmp_path / "clipped")
    assert [rate for rate, _ in seen] == [options.rate(step) for step in range(10)]
    assert len({rate for rate, _ in seen}) > 4
    assert [gradient for _, gradient in seen] == pytest.approx([1.0] * 10, rel=1e-5)
    seen.clear()
    train(Job(model, model.loss, dict, {}), options.model_copy(update={"clip_norm": 1e9}), tmp_path / "whole")
    assert [gradient for _, gradient in seen] == pytest.approx([10.0] * 10)


def test_windows_begin_anywhere_in_a_clip() -> None:
    clips = make_clips(1)
    first = {tuple(draw_sequences(clips, GRID, 11, 1, 0, step)[0, :6].tolist()) for step in range(40)}
    assert first == {tuple(clips.tokens[0, start].reshape(-1).tolist()) for start in range(3)}


def test_kept_clips_of_another_request_are_made_anew(tmp_path: Path, monkeypatch) -> None:
    made: list[tuple[str, int]] = []

    def tokenise(world: str, split: str, count: int, tokenizer: str, **_: object) -> TokenClips:
        made.append((split, count))
        clips = make_clips(count)
        return TokenClips(
            clips.tokens, clips.actions, clips.episode_seed, {**clips.facts, "world": world, "split": split,
            "tokenizer_sha256": weights_sha256(tokenizer)},
        )  # fmt: skip

    monkeypatch.setattr("models.training.sequences.tokenise", tokenise)
    options = TrainOptions(steps=1, batch=1, learning_rate=1e-3)

    def clips(world: str, count: int) -> TokenClips:
        return kept_clips(tmp_path / "train.npz", None, world, "train", count, "tokenizer_crafter.safetensors", options)

    clips("one", 4)
    clips("one", 4)
    assert made == [("train", 4)]
    assert clips("two", 4).facts["world"] == "two"
    assert len(clips("two", 5).tokens) == 5
    assert len(made) == 3


def test_a_stopped_training_says_what_it_kept(tmp_path: Path, files, monkeypatch) -> None:
    def interrupt(at: int) -> None:
        original = training_loop._step

        def step(job, optimisers, options, number):
            if number == at:
                raise KeyboardInterrupt
            return original(job, optimisers, options, number)

        monkeypatch.setattr(training_loop, "_step", step)

    interrupt(6)
    with pytest.raises(StoppedError, match=r"keeps step 4; go on with --resume"):
        run(tmp_path / "run", files, checkpoint_every=4)
    monkeypatch.undo()
    interrupt(1)
    with pytest.raises(StoppedError, match="no checkpoint was written yet"):
        run(tmp_path / "other", files)


def test_the_tokenizer_is_the_worlds_own_unless_named(tmp_path: Path) -> None:
    from harness.cli.builtin import load_builtin

    load_builtin()
    with pytest.raises(UsageError, match=r"unknown world 'vizdoom-6x9'.*vizdoom-6x8"):
        train_video_transformer(tmp_path / "out", "vizdoom-6x9")
    assert zoo_tokenizer("vizdoom-6x8") == "tokenizer_vizdoom.safetensors"
    assert zoo_tokenizer("crafter-15x24") == zoo_tokenizer("crafter-9x9") == "tokenizer_crafter.safetensors"
    with pytest.raises(UsageError, match="diptych train tokenizer --world mine"):
        zoo_tokenizer("mine")


def test_a_diverging_or_impossible_rate_is_one_message(tmp_path: Path, files) -> None:
    with pytest.raises(DiptychError, match=r"lower --learning-rate \(no checkpoint was written yet\)"):
        run(tmp_path / "run", files, learning_rate=1e30, warmup_steps=1)
    for rate in (float("nan"), 0.0, -1.0):
        with pytest.raises(UsageError, match="learning_rate must be a number above 0"):
            run(tmp_path / "nan", files, learning_rate=rate)
    with pytest.raises(UsageError, match="stop_after"):
        run(tmp_path / "zero", files, stop_after=0)


def test_tokenised_clips_keep_each_frame_with_its_action(monkeypatch) -> None:
    rng = np.random.default_rng(0)
    clips = [
        SimpleNamespace(
            frames=rng.integers(0, 256, (4, 72, 72, 3), dtype=np.uint8), actions=rng.integers(0, 17, 4), episode_seed=i
        )
        for i in range(3)
    ]
    world = SimpleNamespace(spec=SimpleNamespace(actions=range(17)), clips=lambda *_, **__: clips)
    monkeypatch.setitem(REGISTRY.entries, ("world", "tiny"), Entry("world", "tiny", "", "here", lambda: world))
    made = tokenise("tiny", "test", 3, "tokenizer_crafter.safetensors")
    assert (made.actions == np.stack([clip.actions for clip in clips])).all()
    tokens = load_tokenizer("tokenizer_crafter.safetensors").encode(clips[1].frames).numpy()
    assert (made.tokens[1] == tokens).all()
