"""Speed: frames and tokens per second, and seconds per frame, from the median of a trial's timed repeats.

Formula: ``frames_per_second = frames / median(seconds)``, ``tokens_per_second = tokens / median(seconds)`` and
``frame_latency_seconds = median(seconds) / frames``, where seconds is the whole generation, prefill included, and the
counts are exact.

Shapes: the seconds of a trial's timed repeats and its counts; one value per trial.
Range: above 0.
Unit: frames/s, tokens/s and s.
Direction: higher is better for the two rates, lower for the latency.
Minimum n: 6 blocks for a verdict; analysed as log-ratios of pairs.
Preprocessing: the median of the repeats; first call and warm-ups are fields of their own and never enter.
Errors: none; None where nothing was timed or counted, and for a duration of zero.
Reference: Georges, Buytaert, Eeckhout, Statistically rigorous Java performance evaluation, OOPSLA 2007 (why first
calls are apart, and intervals over repetitions).

Example:
    >>> from harness.types import Made
    >>> made = Made(None, None, None, [4.0, 1.0, 2.0], None, None, None, {"frames": 3, "tokens": 243}, {}, {})
    >>> frames_per_second(made), tokens_per_second(made), round(frame_latency_seconds(made), 3)
    (1.5, 121.5, 0.667)
"""

from __future__ import annotations

from statistics import median

from harness.registry import register
from harness.types import Made, Metric


def median_seconds(made: Made) -> float | None:
    """Return the trial's one duration, in seconds: the median of its repeats; None without a positive one."""
    if not made.seconds:
        return None
    value = float(median(made.seconds))
    return value if value > 0 else None


def rate(made: Made, count: str) -> float | None:
    """Return ``counts[count]`` per second, or None where either is missing."""
    seconds, number = median_seconds(made), made.counts.get(count)
    if seconds is None or not number:
        return None
    return number / seconds


def frames_per_second(made: Made) -> float | None:
    """Return generated frames per second."""
    return rate(made, "frames")


def tokens_per_second(made: Made) -> float | None:
    """Return generated tokens per second."""
    return rate(made, "tokens")


def frame_latency_seconds(made: Made) -> float | None:
    """Return seconds per generated frame, the reciprocal of :func:`frames_per_second`."""
    frames = rate(made, "frames")
    return None if frames is None else 1.0 / frames


register("metric", "frames_per_second")(
    Metric(
        name="frames_per_second",
        summary="generated frames / median seconds of a generation, prefill included",
        unit="frames/s",
        direction="higher",
        scale="ratio",
        machine=True,
        compute=frames_per_second,
    )
)
register("metric", "tokens_per_second")(
    Metric(
        name="tokens_per_second",
        summary="generated tokens / median seconds of a generation, prefill included",
        unit="tokens/s",
        direction="higher",
        scale="ratio",
        machine=True,
        compute=tokens_per_second,
    )
)
register("metric", "frame_latency_seconds")(
    Metric(
        name="frame_latency_seconds",
        summary="median seconds of a generation / generated frames",
        unit="s",
        direction="lower",
        scale="ratio",
        machine=True,
        compute=frame_latency_seconds,
    )
)
