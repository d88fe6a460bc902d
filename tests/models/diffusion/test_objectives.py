import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from models.diffusion.objectives import BETA_END, BETA_START, make_objective


def cumulative_alphas() -> np.ndarray:
    """ᾱ of latent diffusion's schedule, from its formula: the square roots of β are evenly spaced."""
    betas = np.linspace(BETA_START**0.5, BETA_END**0.5, 1000) ** 2
    return np.cumprod(1 - betas)


@given(timestep=st.integers(0, 999), seed=st.integers(0, 2**31))
def test_noised_and_targets_follow_the_formulas(timestep: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    data, noise = (torch.randn(2, 3, 2, generator=generator, dtype=torch.float64) for _ in range(2))
    times = torch.tensor([timestep, timestep])
    keep, drown = cumulative_alphas()[timestep] ** 0.5, (1 - cumulative_alphas()[timestep]) ** 0.5
    for prediction in ("epsilon", "v"):
        objective = make_objective(prediction)
        torch.testing.assert_close(
            objective.noised(data, noise, times), keep * data + drown * noise, rtol=1e-4, atol=1e-5
        )
        expected = noise if prediction == "epsilon" else keep * noise - drown * data
        torch.testing.assert_close(objective.target(data, noise, times), expected, rtol=1e-4, atol=1e-5)
    flow = make_objective("flow")
    sigma = timestep / 1000
    torch.testing.assert_close(flow.noised(data, noise, times), (1 - sigma) * data + sigma * noise)
    torch.testing.assert_close(flow.target(data, noise, times), noise - data)


def test_flow_agrees_with_the_scheduler_that_samples() -> None:
    from models.diffusion.objectives import sampler

    scheduler = sampler("flow")
    scheduler.set_timesteps(20)
    data, noise = torch.randn(2, 1, 4, generator=torch.Generator().manual_seed(0)).unbind()
    times = scheduler.timesteps[7:8]
    torch.testing.assert_close(
        make_objective("flow").noised(data, noise, times), scheduler.scale_noise(data, times, noise)
    )


@pytest.mark.parametrize("prediction", ["epsilon", "v", "flow"])
def test_timesteps_come_from_the_generator_and_lie_in_range(prediction: str) -> None:
    objective = make_objective(prediction)
    drawn = objective.draw_timesteps(2000, torch.Generator().manual_seed(3))
    again = objective.draw_timesteps(2000, torch.Generator().manual_seed(3))
    assert torch.equal(drawn, again)
    assert 0 <= drawn.min() < 100
    assert 900 < drawn.max() <= 1000
    assert 450 < drawn.float().mean() < 550


def test_an_unknown_prediction_is_named() -> None:
    with pytest.raises(UsageError, match="did you mean 'epsilon'"):
        make_objective("epsilom")
