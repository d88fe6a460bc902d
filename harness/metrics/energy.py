"""Energy of the device for one generated frame, lower is better: from the card's own counter, absent elsewhere."""

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
