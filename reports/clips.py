"""From frames to a small H.264 clip that every browser plays: upscaled without blur, the same bytes every time."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

from harness.errors import DiptychError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FRAMES_PER_SECOND = 5
READABLE_PIXELS = 288


def upscaled(frames: NDArray[np.uint8], readable: int = READABLE_PIXELS) -> NDArray[np.uint8]:
    """Enlarge by the smallest whole factor that makes the longer side ``readable``, to even width and height.

    Every pixel becomes a square of equal pixels. An odd size gains a copy of its last row or column.

    Args:
        frames: ``[T, height, width, 3]``.
        readable: Wanted length of the longer side, in pixels.
    """
    import numpy as np

    factor = max(1, -(-readable // max(frames.shape[1:3])))
    big = frames.repeat(factor, axis=1).repeat(factor, axis=2)
    return np.pad(big, ((0, 0), (0, big.shape[1] % 2), (0, big.shape[2] % 2), (0, 0)), mode="edge")


def encode_clip(frames: NDArray[np.uint8], *, fps: int = FRAMES_PER_SECOND, crf: int = 20) -> bytes:
    """Encode frames as H.264 (yuv420p, BT.709, one thread) in MP4.

    Args:
        frames: uint8 ``[T, height, width, 3]``, T ≥ 1.
        fps: Frames per second of playback; it says nothing of how fast they were made.
        crf: x264's quality, lower is better.

    Returns:
        The file's bytes, the same for the same frames.

    Raises:
        DiptychError: The frames have another shape or type.
    """
    import av
    import numpy as np
    from av.video.reformatter import ColorRange, Colorspace

    if frames.ndim != 4 or frames.shape[3] != 3 or not len(frames) or frames.dtype != np.uint8:
        raise DiptychError(f"a clip needs uint8 frames [T, height, width, 3], not {frames.dtype} {list(frames.shape)}.")
    big = upscaled(frames)
    out = io.BytesIO()
    with av.open(out, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        options = {
            "crf": str(crf),
            "preset": "medium",
            "tune": "animation",
            # with B-frames or macroblock trees the encoder gave other bytes in one run of four, the same frames
            "x264-params": "colormatrix=bt709:threads=1:bframes=0:no-mbtree=1",
        }
        stream = container.add_stream("libx264", rate=fps, options=options)
        stream.width, stream.height, stream.pix_fmt = big.shape[2], big.shape[1], "yuv420p"
        context = stream.codec_context
        context.thread_count = 1
        context.colorspace, context.color_primaries, context.color_trc = 1, 1, 1  # all BT.709
        context.color_range = int(ColorRange.MPEG)
        for frame in big:
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(
                format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
            )
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return out.getvalue()


def data_uri(clip: bytes) -> str:
    """Return the clip as a ``data:`` address, so that the page needs no other file."""
    return "data:video/mp4;base64," + base64.b64encode(clip).decode("ascii")
