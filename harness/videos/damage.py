"""Damaged files: what decoders hide is brought to light, and a file that ends before its header says is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from harness.videos.reading import VideoError

CLOCK = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")


def checked_frames(container: Any, stream: Any) -> Iterator[Any]:
    """Decode frame by frame; one that the decoder knows to be damaged ends it with an error.

    FFV1 checks a sum of every slice, but tells only its log of a wrong one and shows the slice of the frame before.

    Raises:
        OSError: Says which frame.
    """
    import av

    frames = container.decode(stream)
    heard = av.logging.get_level()
    number = 0
    while True:
        if stream.codec_context.name == "ffv1":
            av.logging.set_level(av.logging.ERROR)
            try:
                with av.logging.Capture() as lines:
                    frame = next(frames, None)
            finally:
                av.logging.set_level(heard)
            wrong = any("CRC mismatch" in text for _, _, text in lines)
        else:
            frame, wrong = next(frames, None), False
        if frame is None:
            return
        if wrong or getattr(frame, "is_corrupt", False):
            raise OSError(f"frame {number} {'fails its checksum' if wrong else 'is corrupt'}")
        number += 1
        yield frame


def refuse_cut_off(container: Any, stream: Any, times: Sequence[float], error: str, *, whole: bool) -> None:
    """Refuse a file whose pictures end before its header says.

    Args:
        container: The open file.
        stream: Its pictures.
        times: Presentation time of each decoded frame, in seconds.
        error: Why decoding ended early, or nothing.
        whole: True if the file's end was reached.

    Raises:
        VideoError: Says how many frames there are and how many there should be.
    """
    count = len(times)
    if error:
        raise VideoError(f"is damaged or cut off: {count} frames could be decoded, then {error}")
    counted = stream.frames if "mp4" in container.format.name else 0  # an AVI counts pauses as frames
    if whole and count < counted:
        raise VideoError(f"is cut off: {count} of the {counted} frames that its header counts could be decoded")
    promised, slack, exact = promised_seconds(container, stream)
    steps = [b - a for a, b in pairwise(times)]
    nominal = 1.0 / float(stream.average_rate) if stream.average_rate else None
    step = float(np.median(steps)) if steps else nominal
    if not whole or promised is None or step is None or not count:
        return
    # without an even step nobody knows how long the last frame is shown
    even = exact and max((abs(one - step) for one in steps), default=step) < 0.1 * step
    lasted = times[-1] - times[0] + step
    if lasted < (1 - slack) * promised - (0.5 if even else 2.0) * step:
        raise VideoError(f"is cut off: its header promises {promised:.2f} s, {count} frames last {lasted:.2f} s")


def promised_seconds(container: Any, stream: Any) -> tuple[float | None, float, bool]:
    """How long the header says that the pictures last.

    Returns:
        Seconds or None; the share by which that may be too much; True if it is the sum of all frames' durations.
    """
    if container.format.name == "mpeg":  # has no header for it
        return None, 0.0, False
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base), 0.1, False
    told = CLOCK.match(stream.metadata.get("DURATION", ""))  # Matroska: of this stream, up to its last frame's end
    if told is not None:
        start = float((stream.start_time or 0) * (stream.time_base or 0))
        return int(told[1]) * 3600 + int(told[2]) * 60 + float(told[3]) - start, 0.0, True
    return (container.duration / 1e6 if container.duration else None), 0.1, False  # its sound may last longer


def said(error: Exception) -> str:
    """An error of FFmpeg in its own words, without the path that it repeats."""
    text = getattr(error, "strerror", None) or str(error)
    return str(text).strip().split("\n")[0].split("'")[0].rstrip(": ") or type(error).__name__
