"""Fréchet video distance: I3D's logits and nothing else (Unterthiner et al. 2018, arXiv 1812.01717), lower is better.

The network is the TorchScript file that StyleGAN-V published (arXiv 2112.14683), run only where ``DIPTYCH_I3D`` names
it. 400 dimensions: a verdict needs more than 400 clips of at least 10 frames. Values compare with published ones only
at equal frames, resolution, sampling and number of clips. See :mod:`harness.metrics.spaces` for formula and errors.
"""

from harness.metrics.spaces import frechet_metric
from harness.registry import register

FVD = frechet_metric(
    "i3d",
    "I3D trained on Kinetics-400",
    name="fvd",
    summary="Fréchet video distance to the true continuation: logits of I3D (Kinetics-400)",
)
register("metric", "fvd")(FVD)
