"""Video files through FFmpeg (PyAV), one frame in memory at a time besides those that are kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.videos.colour import colour_of, colour_remarks, rgb, rotation_of
from harness.videos.damage import checked_frames, refuse_cut_off, said
from harness.videos.reading import MOST_BYTES, Reading, ReadVideo, VideoError, VideoFacts
from harness.videos.scale import scaled

LOSSLESS = ("ffv1", "huffyuv", "ffvhuff", "utvideo", "rawvideo", "png", "gif", "lagarith", "magicyuv")
"""Codecs that give back what was put in (a GIF's own colours; what its maker did to them before is not known)."""
SOMETIMES_LOSSLESS = ("hevc", "vp9", "av1")
"""Codecs with a lossless mode that their header does not tell."""
LOSSLESS_H264 = "High 4:4:4 Predictive"
"""The only profile of H.264 that can be lossless; whether it is, it does not tell."""
UNTIMED = ("avi", "mpeg")
"""Containers without a time of display: what FFmpeg makes up for it is out of order where frames were reordered."""
UNEVEN = 0.2
"""Steps between frames that differ by more than this share of their median are a variable frame rate."""


@dataclass
class Pass:
    """What one pass through a file has seen so far.

    Attributes:
        times: Presentation time of each decoded frame, in seconds.
        colour: How the first decoded frame became RGB, in words; empty before it.
        remarks: What that leaves out or makes up.
        first: The first decoded frame, or None.
        error: Why decoding ended early, or nothing.
        whole: True once the file's end was reached.
    """

    times: list[float] = field(default_factory=list)
    colour: str = ""
    remarks: list[str] = field(default_factory=list)
    first: Any = None
    error: str = ""
    whole: bool = False


def decode_file(path: Path, reading: Reading) -> ReadVideo:
    """Decode a file.

    Raises:
        VideoError: Not a video, damaged or cut off before what was asked for, without pictures, or too large.
    """
    import av

    try:
        container = av.open(str(path), metadata_errors="replace")  # a title in another encoding is no damage
    except (av.FFmpegError, OSError, ValueError) as error:
        raise VideoError(f"is not a video that FFmpeg can open: {said(error)} (broken, or cut off)") from error
    with container:
        stream = _pictures(container)
        stream.thread_type = "NONE"  # the same frames in the same order, and the caller's threads are pinned
        stream.codec_context.options = {"err_detect": "explode"}  # damage is an error, not a picture made up for it
        seen = Pass()
        kept: list[NDArray[np.uint8]] = []
        for frame in asked_frames(_decoded(container, stream, seen), reading):
            kept.append(scaled(rgb(frame, stream), reading))
            if len(kept) * kept[0].nbytes > MOST_BYTES:
                raise VideoError(
                    f"is too large: {len(kept)} frames take {MOST_BYTES >> 30} GiB. Ask for fewer with --frames, or "
                    "smaller ones with --size"
                )
        if seen.first is None:
            raise VideoError(f"holds no picture that can be decoded{': ' + seen.error if seen.error else ''}")
        if reading.frames is None or len(kept) < reading.frames:
            refuse_cut_off(container, stream, seen.times, seen.error, whole=seen.whole)
        facts = _facts(container, stream, seen, kept)
    frames = np.stack(kept) if kept else np.zeros((0, facts.stored_height, facts.stored_width, 3), np.uint8)
    return ReadVideo(frames, facts)


def _pictures(container: Any) -> Any:
    """The first stream of pictures that is no cover of an album."""
    streams = [stream for stream in container.streams.video if "attached_pic" not in str(stream.disposition)]
    if streams and streams[0].codec_context is None:
        raise VideoError("is of a codec that FFmpeg does not know")
    if streams:
        return streams[0]
    cover = " (with a cover picture)" if container.streams.video else ""
    raise VideoError(f"holds {'audio only' if container.streams.audio else 'no stream of pictures'}{cover}")


def _decoded(container: Any, stream: Any, seen: Pass) -> Iterator[tuple[float, Any]]:
    """Frames with their times; an error in the middle ends them and is kept."""
    import av

    nominal = 1.0 / float(stream.average_rate or 25)
    try:
        for frame in checked_frames(container, stream):
            if seen.first is None:
                seen.first, seen.colour = frame, colour_of(frame, stream)[2]  # before conversion tags it
                seen.remarks = colour_remarks(frame, stream)
                if frame.width * frame.height * 3 > MOST_BYTES // 8:
                    raise VideoError(f"is too large: one picture of {frame.height}x{frame.width}")
            timed = frame.time is not None and container.format.name not in UNTIMED
            time = frame.time if timed else len(seen.times) * nominal
            seen.times.append(float(time))
            yield float(time), frame
        seen.whole = True
    except (av.FFmpegError, OSError) as error:
        seen.error = said(error)


def asked_frames(frames: Iterator[tuple[float, Any]], reading: Reading) -> Iterator[Any]:
    """The frames that are asked for: every stored one, or the nearest to each tick of another rate."""
    end = None if reading.frames is None else reading.start + reading.frames
    if reading.fps is None:
        for index, (_, frame) in enumerate(frames):
            if index >= reading.start:
                yield frame
            if end is not None and index + 1 >= end:
                return
        return
    origin: float | None = None
    before: tuple[float, Any] | None = None
    tick, last_step = 0, 0.0
    for time, frame in frames:
        origin = time if origin is None else origin
        last_step = time - before[0] if before is not None else last_step
        # every tick that is nearer to the frame before than to this one is decided now; the earlier takes a tie
        while before is not None and origin + tick / reading.fps <= (before[0] + time) / 2 + 1e-9:
            if tick >= reading.start:
                yield before[1]
            tick += 1
            if end is not None and tick >= end:
                return
        before = (time, frame)
    # the last frame is shown for as long as the one before it
    while before is not None and origin is not None and origin + tick / reading.fps < before[0] + last_step / 2 + 1e-9:
        if tick >= reading.start:
            yield before[1]
        tick += 1
        if end is not None and tick >= end:
            return


def _lossless(codec: str, profile: str | None) -> bool | None:
    if codec in LOSSLESS:
        return True
    return None if codec in SOMETIMES_LOSSLESS or (codec == "h264" and profile == LOSSLESS_H264) else False


def _facts(container: Any, stream: Any, seen: Pass, kept: list[NDArray[np.uint8]]) -> VideoFacts:
    frame, context = seen.first, stream.codec_context
    codec = getattr(context.codec, "canonical_name", context.name)
    remarks = list(seen.remarks)
    steps = [b - a for a, b in pairwise(seen.times)]
    variable = False
    if len(steps) > 2:
        usual = float(np.median(steps))
        grain = float(stream.time_base or 0)  # a container's clock rounds times to its own ticks
        variable = max(abs(step - usual) for step in steps) > max(UNEVEN * usual, 1.5 * grain)
    if variable:
        remarks.append(
            f"variable frame rate: {min(steps):.3f} to {max(steps):.3f} s between frames (resample by time with --fps)"
        )
    if getattr(frame, "interlaced_frame", False):
        remarks.append("interlaced: both fields are left in one picture")
    aspect = stream.sample_aspect_ratio
    if aspect and aspect != 1:
        remarks.append(f"pixels are not square ({aspect.numerator}:{aspect.denominator}), read as they are stored")
    others = len(container.streams.video) - 1
    if others:
        remarks.append(f"the first of {others + 1} streams of pictures is read")
    return VideoFacts(
        container=container.format.name,
        codec=codec,
        lossless=_lossless(codec, context.profile),
        pixel_format=frame.format.name,
        bits=max(component.bits for component in frame.format.components),
        colour=seen.colour,
        rotation_degrees=rotation_of(frame),
        stored_height=context.height,
        stored_width=context.width,
        stored_fps=float(stream.average_rate) if stream.average_rate else None,
        variable_rate=variable,
        stored_frames=len(seen.times),
        stored_seconds=seen.times[-1] - seen.times[0] + (float(np.median(steps)) if steps else 0.0),
        frames=len(kept),
        height=kept[0].shape[0] if kept else 0,
        width=kept[0].shape[1] if kept else 0,
        remarks=tuple(remarks),
    )
