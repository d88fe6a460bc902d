import numpy as np
import pytest
import torch

from harness.errors import UsageError
from harness.registry import REGISTRY
from harness.types import Arm, Case, Repeats
from models.diffusion import text_video as module
from models.diffusion.maker import TextToVideoMaker
from models.diffusion.text_video import TextVideoModel, load_denoiser, load_text_video
from models.worlds.scene_captions import EXAMPLE
from tests.models.diffusion.conftest import tiny_card, tiny_denoiser

OTHER = "mostly stone; path on the left; going down; at dusk"


def model_of(tmp_path, prediction: str) -> TextVideoModel:
    card = tiny_card(tmp_path, prediction)
    return TextVideoModel(card, tiny_denoiser(prediction).eval().requires_grad_(False), "0" * 64)


@pytest.mark.parametrize("prediction", ["epsilon", "v", "flow"])
def test_a_video_is_of_its_seed_and_caption_alone(tmp_path, prediction: str) -> None:
    model = model_of(tmp_path, prediction)
    together = model.sample([EXAMPLE, OTHER, EXAMPLE], [5, 6, 7])
    alone = model.sample([OTHER], [6])
    torch.testing.assert_close(together.latents[1:2], alone.latents, rtol=1e-4, atol=1e-4)
    assert together.noise_sha256[1:2] == alone.noise_sha256
    assert len(set(together.noise_sha256)) == 3
    assert (together.latents[0] - together.latents[2]).abs().max() > 0.1
    told_other = model.sample([EXAMPLE], [6])
    assert told_other.noise_sha256 == alone.noise_sha256
    assert not torch.equal(told_other.latents, alone.latents)
    assert len(alone.step_seconds) == 3


def test_guidance_of_one_asks_once_and_zero_ignores_the_caption(tiny_model: TextVideoModel) -> None:
    calls = []
    tiny_model.network.register_forward_hook(lambda module, args, out: calls.append(len(out)))
    plain = tiny_model.sample([EXAMPLE], [1], guidance=1.0)
    assert calls == [1, 1, 1]
    untold = [tiny_model.sample([caption], [1], guidance=0.0).latents for caption in (EXAMPLE, OTHER)]
    torch.testing.assert_close(untold[0], untold[1])
    half = tiny_model.sample([EXAMPLE], [1], guidance=0.5, steps=1).latents
    ends = [tiny_model.sample([EXAMPLE], [1], guidance=g, steps=1).latents for g in (0.0, 1.0)]
    inside = ends[0].abs() < 2.9  # clipping of the clean latents is not linear
    torch.testing.assert_close(half[inside], ((ends[0] + ends[1]) / 2)[inside], rtol=0.1, atol=0.1)
    assert plain.latents.shape == (1, 4, 8, 9, 9)


def test_eta_draws_noise_of_the_video_at_every_step(tiny_model: TextVideoModel) -> None:
    still = tiny_model.sample([EXAMPLE], [3])
    drawn = [tiny_model.sample([EXAMPLE], [3], eta=1.0) for _ in range(2)]
    assert torch.equal(drawn[0].latents, drawn[1].latents)
    assert drawn[0].noise_sha256 != still.noise_sha256
    assert not torch.equal(drawn[0].latents, still.latents)


def test_codes_go_through_latents_unchanged(tiny_model: TextVideoModel) -> None:
    tokens = torch.randint(1000, (2, 8, 9, 9), generator=torch.Generator().manual_seed(0))
    latents = tiny_model.space.from_tokens(tokens)
    assert torch.equal(tiny_model.space.tokens(latents), tokens)
    assert torch.equal(tiny_model.space.tokens(latents + 0.05), tokens)
    wild = tiny_model.space.tokens(1000 * torch.randn(2, 4, 8, 9, 9, generator=torch.Generator().manual_seed(0)))
    assert wild.min() >= 0
    assert wild.max() < 1000
    frames = tiny_model.decode(latents)
    assert frames.shape == (2, 8, 72, 72, 3)
    assert frames.dtype == np.uint8


def test_what_cannot_be_sampled_is_said(tiny_model: TextVideoModel) -> None:
    with pytest.raises(UsageError, match="did you mean 'grass'"):
        tiny_model.sample(["mostly gras; going up"], [0])
    with pytest.raises(UsageError, match="steps must be 1 to 999"):
        tiny_model.sample([EXAMPLE], [0], steps=0)
    with pytest.raises(UsageError, match="a seed for every caption"):
        tiny_model.sample([EXAMPLE], [0, 1])
    with pytest.raises(UsageError, match="no text-to-video model"):
        load_text_video("video-transformer-crafter-9x9")


def test_weights_round_trip(tmp_path) -> None:
    card = tiny_card(tmp_path, "flow")
    loaded = load_denoiser(card.weights)
    for (name, kept), original in zip(
        loaded.state_dict().items(), tiny_denoiser("flow").state_dict().values(), strict=True
    ):
        assert torch.equal(kept, original.bfloat16().float()), name


def test_the_maker_makes_matched_halves(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    card, get = tiny_card(tmp_path), REGISTRY.get
    monkeypatch.setattr(module.REGISTRY, "get", lambda kind, name: card if name == "tiny" else get(kind, name))
    maker = TextToVideoMaker("cpu", 1)
    arm = Arm(name="baseline", summary="", maker="text-to-video")
    case = Case(name="c", group="g", model="tiny", params={"split": "test", "index": 1, "of": 2})
    maker.check(arm, case)
    one, other = (maker.make(arm, case, 11, Repeats()) for _ in range(2))
    assert np.array_equal(one.video, other.video)
    assert one.hashes == other.hashes
    assert one.video.shape == one.reference.shape == (8, 72, 72, 3)
    assert one.info["prompt"].startswith(one.caption)
    assert one.counts == {"frames": 8, "steps": 3}
    told = maker.make(arm, case.model_copy(update={"params": {"prompt": OTHER}}), 11, Repeats())
    assert told.reference is None
    assert told.hashes["noise"] == one.hashes["noise"]
    assert told.hashes["prompt"] != one.hashes["prompt"]
    assert told.caption == "mostly stone; path on the left; going down"
    assert maker.context()["weights_sha256"] == {"tiny": module.weights_sha256(card.weights)}
    with pytest.raises(UsageError, match="cannot be read"):
        maker.check(arm, case.model_copy(update={"params": {"prompt": "a fish"}}))
