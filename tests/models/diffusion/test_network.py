import pytest
import torch
from pydantic import ValidationError

from models.diffusion.network import Denoiser
from models.diffusion.shapes import DenoiserShape

SHAPE = DenoiserShape(
    words=("up", "down"), example="up", max_words=3, prediction="epsilon", frames=2, rows=6, columns=3, width=16,
    layers=2, heads=2,
)  # fmt: skip


def network(seed: int = 0) -> Denoiser:
    """A network whose gates and outputs are no longer zero."""
    generator = torch.Generator().manual_seed(seed)
    model = Denoiser(SHAPE).reset(generator)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def inputs(batch: int = 2) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    latents = torch.randn(batch, *SHAPE.latent_shape, generator=generator)
    return latents, torch.arange(batch) * 300 + 5, torch.tensor([[1, 2, 0], [2, 0, 0]])[:batch]


def test_a_fresh_network_predicts_zero_and_knows_every_parameter_of_its_seed() -> None:
    one, other = (Denoiser(SHAPE).reset(torch.Generator().manual_seed(4)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert not one(*inputs()).any()


def test_output_has_the_place_of_its_input() -> None:
    """What a token says lands on its own square: with blocks switched off, a changed latent changes its square only."""
    model = network()
    with torch.no_grad():
        for block in model.layers:
            block.moved.zero_()
            for layer in (block.cross_out,):
                layer.weight.zero_()
                layer.bias.zero_()
        model.time_moved.weight.zero_()
        model.time_moved.bias.zero_()
    latents, times, words = inputs()
    changed = latents.clone()
    changed[0, 1, 1, 4, 2] += 1.0
    difference = (model(changed, times, words) - model(latents, times, words)).abs()
    assert difference[0, :, 1, 3:6, :].any()
    difference[0, :, 1, 3:6, :] = 0
    assert not difference.any()


def test_every_token_sees_every_other_and_the_caption_and_the_time() -> None:
    model = network()
    latents, times, words = inputs()
    before = model(latents, times, words)
    for changed in (
        (latents.index_add(2, torch.tensor([0]), torch.ones(2, 4, 1, 6, 3)), times, words),
        (latents, times + 50, words),
        (latents, times, words.flip(0)),
        (latents, times, words.roll(1, 1)),
    ):
        assert ((model(*changed) - before).abs().amax((1, 3, 4)) > 1e-4).all()


def test_videos_of_a_batch_do_not_meet_and_padding_is_never_seen() -> None:
    model = network()
    latents, times, words = inputs()
    together = model(latents, times, words)
    alone = torch.cat([model(latents[i : i + 1], times[i : i + 1], words[i : i + 1]) for i in range(2)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        model.embed_places.weight[3] += 100.0  # no caption here has a third word
    states, present = model.word_states(words)
    assert present.tolist() == [[True, True, True, False], [True, True, False, False]]
    assert states.shape == (2, 4, 16)
    assert torch.equal(model(latents, times, words), together)


def test_shapes_that_do_not_fit_are_refused() -> None:
    for wrong in ({"patch": 4}, {"heads": 3}, {"latent_std": (1.0, 0.0, 1.0, 1.0)}):
        with pytest.raises(ValidationError):
            SHAPE.model_validate({**SHAPE.model_dump(), **wrong})
