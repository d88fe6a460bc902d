"""Fréchet video distance: the distance in the logits of I3D (Kinetics-400), and nothing else.

Formula: ``|μ₁ - μ₂|² + tr (S₁ + S₂ - 2 (S₁ S₂)^½)`` over the 400 logits of each clip (:mod:`harness.stats.frechet`).
Shapes: clips uint8 ``[frames >= 10, height, width, 3]`` of one shape; rows float64 ``[400]``.
Range: [0, ∞), biased upwards by O(1/n), which the jackknife removes.
Unit: ``frechet``, the squared unit of the logits.
Direction: lower is better.
Minimum n: a verdict needs more than 400 clips; below, the value is shown as rank-deficient.
Preprocessing: inside the TorchScript file (``rescale``, ``resize``, ``return_features``); all frames of a clip. Values
compare with published ones only at equal frames, resolution, sampling and number of clips.
Errors: absent, with the reason, where ``DIPTYCH_I3D`` names no file (TorchScript is code, and runs only where its path
is given); a file of another signature is refused.
Reference: Unterthiner et al. 2018 (arXiv 1812.01717); network: Skorokhodov et al., StyleGAN-V (arXiv 2112.14683).

Example:
    >>> FVD.name, FVD.feature_space, FVD.direction
    ('fvd', 'i3d', 'lower')
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
