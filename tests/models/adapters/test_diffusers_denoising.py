"""A pipeline's denoiser asked by training says what the pipeline's own sampling step was told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from harness.errors import UsageError

pytest.importorskip("diffusers", reason="the package diffusers is not installed")

from models.adapters.calls import arguments_of, frames_of, text_length
from models.adapters.declared import CaseParams
from models.adapters.diffusers_denoising import PipelineDenoising, ShiftedFlow, objective_of
from models.adapters.scheduling import make_scheduler
from models.diffusion.objectives import Flow
from tests.models.adapters.tinies import NAMES, SIZES, loaded

PROMPT = "a red cat"


@pytest.fixture(scope="module", params=NAMES)
def denoising(request: pytest.FixtureRequest) -> PipelineDenoising:
    return PipelineDenoising(loaded(request.param))


def call(denoising: PipelineDenoising, latents: torch.Tensor, output: str, **said: Any) -> Any:
    asked = CaseParams(pipeline="x", **{**SIZES, "guidance": 1.0, **said})
    pipeline = denoising.loaded.pipeline
    arguments = arguments_of(pipeline, asked, PROMPT)
    return pipeline(**arguments, latents=denoising.from_pipeline(latents), output_type=output)


def start(denoising: PipelineDenoising, seed: int = 0, frames: int = 3) -> torch.Tensor:
    """Noise for 9 frames of 16 × 16 pixels, ``[1, 4, T, H, W]``."""
    side, count = (8, 9) if "unet3d" in denoising.loaded.name else (2, frames)
    return torch.randn(1, 4, count, side, side, generator=torch.Generator().manual_seed(seed))


def test_one_step_with_our_prediction_is_the_pipelines_own(denoising, monkeypatch):
    pipeline = denoising.loaded.pipeline
    seen: list[dict[str, Any]] = []
    step = type(pipeline.scheduler).step

    def recorded(self: Any, model_output: Any, timestep: Any, sample: Any, *args: Any, **named: Any) -> Any:
        out = step(self, model_output, timestep, sample, *args, **named)
        after = out.prev_sample if hasattr(out, "prev_sample") else out[0]
        seen.append({"output": model_output, "t": timestep, "sample": sample, "after": after})
        return out

    monkeypatch.setattr(type(pipeline.scheduler), "step", recorded)
    call(denoising, start(denoising), "latent", steps=3)
    assert len(seen) == 3

    def video(value: torch.Tensor) -> torch.Tensor:  # the U-Net's pipeline steps frame by frame
        return denoising.from_pipeline(value) if value.dim() == 5 else value[None].transpose(1, 2)

    monkeypatch.setattr(type(pipeline.scheduler), "step", step)
    scheduler = make_scheduler(pipeline, None)
    scheduler.set_timesteps(3)
    condition = denoising.condition([PROMPT])
    latents = start(denoising)
    for told in seen:
        torch.testing.assert_close(latents, video(told["sample"]))
        said = denoising.predict(denoising.network, latents, told["t"].expand(1), condition)
        torch.testing.assert_close(said, video(told["output"]), rtol=1e-4, atol=1e-5)
        latents = scheduler.step(said, told["t"], latents).prev_sample
        torch.testing.assert_close(latents, video(told["after"]), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(latents, start(denoising), atol=0.1), "three steps change nothing"


def test_the_text_matters(denoising):
    latents = start(denoising)
    said = [
        denoising.predict(denoising.network, latents, torch.tensor([500]), denoising.condition([text]))
        for text in (PROMPT, "two dogs", "")
    ]
    assert all(float((one - other).abs().max()) > 1e-6 for one, other in ((said[0], said[1]), (said[0], said[2])))


def test_a_batch_is_its_rows(denoising):
    latents = torch.cat([start(denoising, 1), start(denoising, 2)])
    times, texts = torch.tensor([100, 700]), [PROMPT, "two dogs"]
    both = denoising.predict(denoising.network, latents, times, denoising.condition(texts))
    for row in range(2):
        own = slice(row, row + 1)
        alone = denoising.predict(denoising.network, latents[own], times[own], denoising.condition(texts[own]))
        torch.testing.assert_close(both[own], alone, rtol=1e-4, atol=1e-5)


def alphas_by_hand(name: str) -> np.ndarray:
    """ᾱ of every timestep, in float64, from the formulas alone."""
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    alphas = np.cumprod(1 - betas)
    if "cogvideox" not in name:
        return alphas
    alphas = alphas / (3.0 + (1 - 3.0) * alphas)  # CogVideoX shifts the signal-to-noise ratio by 3 …
    root = np.sqrt(alphas)
    root = (root - root[-1]) * root[0] / (root[0] - root[-1])  # … and ends at none (arXiv 2305.08891)
    return root**2


def test_noised_and_target_are_the_formulas(denoising):
    clean, noise = start(denoising, 1), start(denoising, 2)
    x, e = clean.double().numpy(), noise.double().numpy()
    for t in (1, 250, 640, 999):
        times = torch.tensor([t])
        noised = denoising.objective.noised(clean, noise, times).numpy()
        target = denoising.objective.target(clean, noise, times).numpy()
        if denoising.objective.prediction == "flow":
            expected, asked = (1 - t / 1000) * x + t / 1000 * e, e - x
        else:
            a = alphas_by_hand(denoising.loaded.name)[t]
            expected = np.sqrt(a) * x + np.sqrt(1 - a) * e
            asked = e if denoising.objective.prediction == "epsilon" else np.sqrt(a) * e - np.sqrt(1 - a) * x
        np.testing.assert_allclose(noised, expected, atol=2e-5)
        np.testing.assert_allclose(target, asked, atol=2e-5)


def test_a_sampler_that_is_told_our_target_finds_the_clean_latents(denoising):
    pipeline = denoising.loaded.pipeline
    clean, noise = start(denoising, 1), start(denoising, 2)
    scheduler = make_scheduler(pipeline, None)
    scheduler.set_timesteps(5)
    if denoising.objective.prediction == "flow":
        sigma = scheduler.sigmas[2]
        times = 1000 * sigma.view(1)
        noised = denoising.objective.noised(clean, noise, times)
        scheduler._step_index = 2
        found = scheduler.convert_model_output(denoising.objective.target(clean, noise, times), sample=noised)
    else:
        t = scheduler.timesteps[2]
        noised = denoising.objective.noised(clean, noise, t.view(1))
        found = scheduler.step(denoising.objective.target(clean, noise, t.view(1)), t, noised).pred_original_sample
    torch.testing.assert_close(found, clean, rtol=1e-4, atol=1e-4)


def test_predictions_are_read_off_the_scheduler():
    said = {name: PipelineDenoising(loaded(name)).describe()["prediction"] for name in NAMES}
    assert said == {
        "tiny:cogvideox": "v",
        "tiny:cogvideox-rotary": "v",
        "tiny:wan": "flow",
        "tiny:unet3d": "epsilon",
    }


def test_a_scheduler_of_another_prediction_is_refused():
    odd = SimpleNamespace(config={"prediction_type": "sample"})
    with pytest.raises(UsageError, match="unknown prediction of a scheduler 'sample'"):
        objective_of(odd)


def test_the_shift_of_a_flow_moves_the_noise_levels():
    plain = Flow().draw_timesteps(1000, torch.Generator().manual_seed(0)) / 1000
    moved = ShiftedFlow(3.0).draw_timesteps(1000, torch.Generator().manual_seed(0)) / 1000
    torch.testing.assert_close(moved, 3 * plain / (1 + 2 * plain))
    assert abs(float(moved.median()) - 0.75) < 0.03, "half of all levels lie above 3·½ / (1 + 2·½)"


def test_decoding_is_the_pipelines_own(denoising):
    latents = start(denoising)
    ended = denoising.from_pipeline(call(denoising, latents, "latent").frames)
    frames = frames_of(call(denoising, latents, "np"))
    ours = denoising.decode(ended)[0]
    assert ours.shape == frames.shape == (9, 16, 16, 3)
    assert np.abs(ours.astype(int) - frames.astype(int)).max() <= 1
    assert frames.std() > 1


def test_encoding_is_the_vaes_mean_scaled(denoising):
    generator = np.random.default_rng(0)
    frames = generator.integers(0, 256, (2, 9, 16, 16, 3), dtype=np.uint8)
    latents = denoising.encode(frames)
    assert latents.shape == (2, *start(denoising).shape[1:])
    vae = denoising.loaded.pipeline.vae
    video = torch.from_numpy(frames).permute(0, 4, 1, 2, 3).float() / 127.5 - 1
    if "unet3d" in denoising.loaded.name:
        means = torch.stack([vae.encode(video[:, :, t]).latent_dist.mean for t in range(9)], 2)
    else:
        means = vae.encode(video).latent_dist.mean
    if "wan" in denoising.loaded.name:
        mean, deviation = np.array([-0.3, 0.1, 0.0, 0.2]), np.array([1.5, 2.0, 0.8, 1.1])
        expected = (means.numpy() - mean.reshape(1, 4, 1, 1, 1)) / deviation.reshape(1, 4, 1, 1, 1)
    else:
        expected = means.numpy() * vae.config.scaling_factor
    np.testing.assert_allclose(latents.numpy(), expected, rtol=1e-4, atol=1e-5)


def test_frames_that_the_vae_cannot_fold_are_refused(denoising):
    if "unet3d" in denoising.loaded.name:
        pytest.skip("an image VAE takes any number")
    with pytest.raises(UsageError, match="5 or 9, not 8"):
        denoising.encode(np.zeros((1, 8, 16, 16, 3), np.uint8))


def test_the_length_of_texts_follows_the_positions():
    assert text_length(loaded("tiny:cogvideox").pipeline) == {"max_sequence_length": 16}
    assert text_length(loaded("tiny:wan").pipeline) == {}
