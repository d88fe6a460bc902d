"""From stored pixels to 8-bit RGB: matrix, range and depth are taken from the file or assumed, and said."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

MATRICES = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020"}
BT601, BT709 = 5, 1
LIMITED, FULL = 1, 2
HIGH_DEFINITION_ROWS = 720  # from here on, untagged video is taken for BT.709, as players do
HIGH_DYNAMIC_RANGE = {16: "PQ (SMPTE ST 2084)", 18: "HLG (ARIB STD-B67)"}
"""Transfer functions by FFmpeg's number whose values are no display values: they would need tone mapping."""


def rgb(frame: Any, stream: Any) -> NDArray[np.uint8]:
    """One frame as 8-bit RGB ``[H, W, 3]``, by its own matrix and range or those that are assumed; upright.

    swscale converts with accurate rounding; chroma that is stored at a lower resolution is interpolated bicubically,
    and more than 8 bits are rounded to the nearest of 256 levels, without dither.
    """
    matrix, range_, _ = colour_of(frame, stream)
    if not frame.format.is_rgb:
        frame.colorspace, frame.color_range = matrix, range_
    interpolation = _interpolation()
    turned = frame.reformat(format="rgb24", dst_color_range=FULL, interpolation=interpolation, threads=1)
    picture = turned.to_ndarray()
    turns = round(rotation_of(frame) / 90) % 4
    return np.ascontiguousarray(np.rot90(picture, turns) if turns else picture)


def rotation_of(frame: Any) -> int:
    """Degrees, counter-clockwise, by which the file asks to turn its pictures."""
    return int(getattr(frame, "rotation", 0) or 0)


def _interpolation() -> Any:
    from av.video.reformatter import Interpolation

    return Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.BITEXACT


def colour_of(frame: Any, stream: Any) -> tuple[int, int, str]:
    """Matrix, range, and both in words; what a file does not say is assumed and said to be."""
    if frame.format.is_rgb:
        return 0, FULL, "rgb"
    name = frame.format.name
    if name.startswith("pal"):
        return BT601, FULL, "palette"
    range_ = FULL if name.startswith("yuvj") else int(frame.color_range)
    known = range_ in (LIMITED, FULL)
    range_ = range_ if known else LIMITED
    span = f"{'full' if range_ == FULL else 'limited'} range" + ("" if known else " (assumed)")
    if name.startswith(("gray", "mono")):
        return BT601, range_, f"grey, {span}"
    matrix = int(frame.colorspace)
    told = matrix in MATRICES
    if not told:
        matrix = BT709 if stream.codec_context.height >= HIGH_DEFINITION_ROWS else BT601
    return matrix, range_, f"{MATRICES[matrix]}{'' if told else ' (assumed)'}, {span}"


def colour_remarks(frame: Any, stream: Any) -> list[str]:
    """What the conversion of a frame leaves out or makes up, one line each."""
    said, context, form = [], stream.codec_context, frame.format
    bits = max(component.bits for component in form.components)
    if bits > 8:
        said.append(f"{bits} bits a channel, rounded to 8")
    transfer = HIGH_DYNAMIC_RANGE.get(int(getattr(frame, "color_trc", 0)))
    if transfer is not None:
        said.append(f"high dynamic range, {transfer}: not tone-mapped, so colours look flat")
    if len(form.components) == 4 and stream.codec_context.name != "gif" and "0" not in form.name:
        said.append("transparency is left out")
    subsampled = not form.is_rgb and form.chroma_width(context.width) < context.width
    if (context.width % 2 or context.height % 2) and subsampled:
        said.append(f"odd size {context.height}x{context.width}: chroma of the last row or column is shared")
    if rotation_of(frame):
        said.append(f"turned by {-rotation_of(frame) % 360}° clockwise, as its metadata ask")
    return said
