"""A pipeline as a collection and a training see it: captions and seeds to latents, latents to frames and back."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from harness.errors import UsageError
from models.adapters.calls import StepClock, arguments_of, draw_noise, latents_shape
from models.adapters.declared import CaseParams
from models.adapters.diffusers_denoising import PipelineDenoising
from models.adapters.loading import load_pipeline
from models.diffusion.sampling import Sampled, check_seeds


class PipelineModel(PipelineDenoising):
    """A text-to-video pipeline; a :class:`models.diffusion.denoising.Denoising` that can be sampled.

    Args:
        asked: The pipeline, and how many frames of which size it makes.
        device: ``"cpu"`` or ``"cuda:N"``.

    Attributes:
        asked: As given.

    Raises:
        UsageError: No such pipeline, or one whose denoiser is of no known family.
        DiptychError: Its files cannot be loaded.
    """

    def __init__(self, asked: CaseParams, device: str = "cpu") -> None:
        super().__init__(load_pipeline(asked, device))
        self.asked = asked

    def sample(
        self,
        captions: Sequence[str],
        seeds: Sequence[int],
        *,
        steps: int | None = None,
        guidance: float | None = None,
        eta: float = 0.0,
    ) -> Sampled:
        """Sample one video per caption and seed, one after the other, so that none depends on its neighbours.

        Args:
            captions: Any texts.
            seeds: As many; the noise is that of a suite's trial with this seed.
            steps: Denoising steps; the case's, or the pipeline's own, if None.
            guidance: Classifier-free guidance; the same.
            eta: Must be 0: a pipeline draws what its scheduler draws.

        Raises:
            UsageError: Another η, or not as many seeds as captions.
        """
        if eta != 0:
            raise UsageError(f"a pipeline draws what its scheduler draws; eta must be 0, not {eta}.")
        check_seeds(captions, seeds)
        said = {name: value for name, value in (("steps", steps), ("guidance", guidance)) if value is not None}
        asked = self.asked.model_copy(update=said)
        pipeline, clock = self.loaded.pipeline, StepClock(self.loaded.device)
        latents, hashes, seconds = [], [], []
        for caption, seed in zip(captions, seeds, strict=True):
            arguments = arguments_of(pipeline, asked, caption)
            noise = draw_noise(*latents_shape(self.loaded, arguments), seed)
            with clock.watching(pipeline) as callback:
                output = pipeline(
                    **arguments, **callback, latents=noise.latents, generator=noise.generator, output_type="latent"
                )
            latents.append(self.from_pipeline(output.frames).float().cpu())
            hashes.append(noise.sha256)
            seconds.append(clock.seconds())
        return Sampled(torch.cat(latents), hashes, [sum(step) for step in zip(*seconds, strict=False)])
