"""Video files through FFmpeg (PyAV), one frame in memory at a time besides those that are kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.videos.reading import Reading, ReadVideo, VideoError, VideoFacts
from harness.videos.scale import scaled

LOSSLESS = ("ffv1", "huffyuv", "ffvhuff", "utvideo", "rawvideo", "png", "gif", "lagarith", "magicyuv")
"""Codecs that give back what was put in (a GIF's own colours; what its maker did to them before is not known)."""
MATRICES = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020"}
BT601, BT709 = 5, 1
LIMITED, FULL = 1, 2
HIGH_DEFINITION_ROWS = 720  # from here on, untagged video is taken for BT.709, as players do
UNEVEN = 0.2
"""Steps between frames that differ by more than this share of their median are a variable frame rate."""
MOST_BYTES = 4 << 30


@dataclass
class Pass:
    """What one pass through a file has seen so far.

    Attributes:
        times: Presentation time of each decoded frame, in seconds.
        colour: How the first decoded frame became RGB, in words; empty before it.
        first: The first decoded frame, or None.
        error: Why decoding ended early, or nothing.
        whole: True once the file's end was reached.
    """

    times: list[float] = field(default_factory=list)
    colour: str = ""
    first: Any = None
    error: str = ""
    whole: bool = False


def decode_file(path: Path, reading: Reading) -> ReadVideo:
    """Decode a file.

    Raises:
        VideoError: Not a video, cut off before what was asked for, without pictures, or too large.
    """
    import av

    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError, ValueError) as error:
        raise VideoError(f"is not a video that FFmpeg can open: {_said(error)} (broken, or cut off)") from error
    with container:
        if not container.streams.video:
            other = "audio only" if container.streams.audio else "no stream of pictures"
            raise VideoError(f"holds {other}")
        stream = container.streams.video[0]
        stream.thread_type = "NONE"  # the same frames in the same order, and the caller's threads are pinned
        seen = Pass()
        promised = _promised_seconds(container, stream)
        kept: list[NDArray[np.uint8]] = []
        for frame in _asked(_decoded(container, stream, seen), reading):
            kept.append(scaled(rgb(frame, stream), reading))
            if len(kept) * kept[0].nbytes > MOST_BYTES:
                raise VideoError(
                    f"is too large: {len(kept)} frames take {MOST_BYTES >> 30} GiB. Ask for fewer with --frames, or "
                    "smaller ones with --size"
                )
        if seen.first is None:
            raise VideoError(f"holds no picture that can be decoded{': ' + seen.error if seen.error else ''}")
        _refuse_cut_off(seen, stream, promised, enough=reading.frames is not None and len(kept) >= reading.frames)
        facts = _facts(stream, seen, kept)
    frames = np.stack(kept) if kept else np.zeros((0, facts.stored_height, facts.stored_width, 3), np.uint8)
    return ReadVideo(frames, facts)


def _decoded(container: Any, stream: Any, seen: Pass) -> Iterator[tuple[float, Any]]:
    """Frames with their times; an error in the middle ends them and is kept."""
    import av

    nominal = 1.0 / float(stream.average_rate or 25)
    try:
        for frame in container.decode(stream):
            if seen.first is None:
                seen.first, seen.colour = frame, colour_of(frame, stream)[2]  # before conversion tags it
                size = frame.width * frame.height * 3
                if size > MOST_BYTES // 8:
                    raise VideoError(f"is too large: one picture of {frame.height}x{frame.width}")
            # an AVI has no time of display: what FFmpeg makes up for it is out of order where frames were reordered
            timed = frame.time is not None and container.format.name != "avi"
            time = frame.time if timed else len(seen.times) * nominal
            seen.times.append(float(time))
            yield float(time), frame
        seen.whole = True
    except (av.FFmpegError, OSError) as error:
        seen.error = _said(error)


def _asked(frames: Iterator[tuple[float, Any]], reading: Reading) -> Iterator[Any]:
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


def rgb(frame: Any, stream: Any) -> NDArray[np.uint8]:
    """One frame as 8-bit RGB ``[H, W, 3]``, by its own matrix and range or those that are assumed; upright."""
    matrix, range_, _ = colour_of(frame, stream)
    if not frame.format.is_rgb:
        frame.colorspace, frame.color_range = matrix, range_
    interpolation = _interpolation()
    turned = frame.reformat(format="rgb24", dst_color_range=FULL, interpolation=interpolation, threads=1)
    picture = turned.to_ndarray()
    turns = round((getattr(frame, "rotation", 0) or 0) / 90) % 4
    return np.ascontiguousarray(np.rot90(picture, turns) if turns else picture)


def _interpolation() -> Any:
    from av.video.reformatter import Interpolation

    return Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.BITEXACT


def colour_of(frame: Any, stream: Any) -> tuple[int, int, str]:
    """Matrix, range, and both in words; what a file does not say is assumed and said to be."""
    if frame.format.is_rgb:
        return 0, FULL, "rgb"
    name = frame.format.name
    if name.startswith(("gray", "mono", "pal")):
        return BT601, FULL if name.startswith("pal") else int(frame.color_range) or LIMITED, name
    matrix = int(frame.colorspace)
    told = matrix in MATRICES
    if not told:
        matrix = BT709 if stream.codec_context.height >= HIGH_DEFINITION_ROWS else BT601
    range_ = FULL if name.startswith("yuvj") else int(frame.color_range)
    known = range_ in (LIMITED, FULL)
    range_ = range_ if known else LIMITED
    words = f"{MATRICES[matrix]}{'' if told else ' (assumed)'}, {'full' if range_ == FULL else 'limited'} range"
    return matrix, range_, words + ("" if known else " (assumed)")


def _promised_seconds(container: Any, stream: Any) -> float | None:
    """How long the header says that the pictures last, or None."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration else None


def _refuse_cut_off(seen: Pass, stream: Any, promised: float | None, *, enough: bool) -> None:
    """Refuse a file that ends before its header says, unless all that was asked for came before."""
    if enough:
        return
    count = len(seen.times)
    if seen.error:
        raise VideoError(f"is damaged or cut off: {count} frames could be decoded, then {seen.error}")
    counted = stream.frames if "mp4" in stream.container.format.name else 0  # an AVI counts pauses as frames
    if seen.whole and count < counted:
        raise VideoError(f"is cut off: {count} of the {counted} frames that its header counts could be decoded")
    if seen.whole and promised is not None and count > 1:
        step = float(np.median([b - a for a, b in pairwise(seen.times)]))
        lasted = seen.times[-1] - seen.times[0] + step
        if lasted < 0.9 * promised - 2 * step:
            raise VideoError(f"is cut off: its header promises {promised:.2f} s, {count} frames last {lasted:.2f} s")


def _facts(stream: Any, seen: Pass, kept: list[NDArray[np.uint8]]) -> VideoFacts:
    frame, context = seen.first, stream.codec_context
    bits = max(component.bits for component in frame.format.components)
    codec = context.name
    remarks = []
    steps = [b - a for a, b in pairwise(seen.times)]
    if len(steps) > 2:
        usual = float(np.median(steps))
        if max(abs(step - usual) for step in steps) > UNEVEN * usual:
            remarks.append(
                f"variable frame rate: {min(steps):.3f} to {max(steps):.3f} s between frames "
                "(resample by time with --fps)"
            )
    if bits > 8:
        remarks.append(f"{bits} bits a channel, reduced to 8")
    subsampled = not frame.format.is_rgb and frame.format.chroma_width(context.width) < context.width
    if (context.width % 2 or context.height % 2) and subsampled:
        remarks.append(f"odd size {context.height}x{context.width}: chroma of the last row or column is shared")
    if getattr(frame, "rotation", 0):
        remarks.append(f"turned by {frame.rotation}° as its metadata ask")
    return VideoFacts(
        codec=codec,
        lossless=True if codec in LOSSLESS else None if codec in ("h264", "hevc", "vp9", "av1", "libdav1d") else False,
        pixel_format=frame.format.name,
        bits=bits,
        colour=seen.colour,
        stored_height=context.height,
        stored_width=context.width,
        stored_fps=float(stream.average_rate) if stream.average_rate else None,
        stored_frames=len(seen.times),
        frames=len(kept),
        height=kept[0].shape[0] if kept else 0,
        width=kept[0].shape[1] if kept else 0,
        remarks=tuple(remarks),
    )


def _said(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return str(text).strip().split("\n")[0].split("'")[0].rstrip(": ") or type(error).__name__
