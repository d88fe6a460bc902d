"""Energy of the device for one generated frame: from the card's own counter, absent elsewhere.

Formula: ``energy of the measured call / frames generated``.

Shapes: two numbers of a trial; one value per trial.
Range: above 0.
Unit: J per frame.
Direction: lower is better.
Minimum n: 6 blocks for a verdict; analysed as log-ratios of pairs.
Preprocessing: none; the whole card's energy, whoever used it (a foreign process is flagged).
Errors: none; None where no counter was read or no frame counted.
Reference: NVML, ``nvmlDeviceGetTotalEnergyConsumption``.

Example:
    >>> from harness.types import Made
    >>> made = Made(None, None, None, [1.0], None, None, None, {"frames": 8}, {}, {}, energy_joules=60.0)
    >>> energy_joules_per_frame(made)
    7.5
"""

from __future__ import annotations

from harness.registry import register
from harness.types import Made, Metric


def energy_joules_per_frame(made: Made) -> float | None:
    """Return joules per generated frame, or None where no counter was read."""
    frames = made.counts.get("frames")
    return made.energy_joules / frames if made.energy_joules and frames else None


register("metric", "energy_joules_per_frame")(
    Metric(
        name="energy_joules_per_frame",
        summary="energy of the card for one generated frame (NVML's counter)",
        unit="J",
        direction="lower",
        scale="ratio",
        machine=True,
        compute=energy_joules_per_frame,
    )
)
