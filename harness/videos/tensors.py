"""Videos as arrays (``.npy``, ``.npz``, ``.safetensors``), uint8 ``[T, H, W, 3]``; nothing is unpickled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.videos.reading import MOST_BYTES, Reading, ReadVideo, VideoError, VideoFacts
from harness.videos.scale import scaled

TENSOR_SUFFIXES = (".npy", ".npz", ".safetensors")


def read_tensor(path: Path, reading: Reading) -> ReadVideo:
    """Read an array file.

    Raises:
        VideoError: Not readable, several arrays and none called ``frames`` or ``video``, or not uint8 ``[T, H, W, 3]``.
    """
    array = checked(load(path))
    if reading.fps is not None:
        raise VideoError("is an array and has no time to resample by. Leave --fps out, or give a video file")
    end = None if reading.frames is None else reading.start + reading.frames
    kept = array[reading.start : end]
    size = len(kept) * 3 * (reading.height or kept.shape[1]) * (reading.width or kept.shape[2])
    if size > MOST_BYTES:
        raise VideoError(
            f"is too large: {len(kept)} frames take more than {MOST_BYTES >> 30} GiB. Ask for fewer with --frames, or "
            "smaller ones with --size"
        )
    frames = np.stack([scaled(picture, reading) for picture in kept]) if len(kept) else kept
    return ReadVideo(
        np.ascontiguousarray(frames),
        VideoFacts(
            container="array",
            codec="tensor",
            lossless=True,
            pixel_format="rgb24",
            bits=8,
            colour="rgb",
            stored_height=array.shape[1],
            stored_width=array.shape[2],
            stored_fps=None,
            stored_frames=len(array),
            stored_seconds=None,
            frames=len(frames),
            height=frames.shape[1],
            width=frames.shape[2],
        ),
    )


def load(path: Path) -> NDArray[Any]:
    """The one array of a file."""
    try:
        if path.suffix.lower() == ".safetensors":
            from safetensors.numpy import load_file

            return _only(dict(load_file(path)))
        if path.suffix.lower() == ".npy":  # mapped: only the frames that are asked for come into memory
            return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
        with path.open("rb") as file:
            found = np.load(file, allow_pickle=False)
            return _only({name: found[name] for name in found.files}) if hasattr(found, "files") else np.asarray(found)
    except VideoError:
        raise
    except Exception as error:  # zipfile and safetensors raise classes of their own, told here like the rest
        text = str(error).strip().split("\n")[0] or type(error).__name__
        if "pickle" in text or "Python objects" in text:  # NumPy's advice is to load it unsafely
            raise VideoError("is no array of numbers: broken, or pickled objects, which are never loaded") from error
        if "mmap length" in text:
            raise VideoError("is cut off: its header promises more than it holds") from error
        raise VideoError(f"is no readable array: {text}") from error


def _only(arrays: dict[str, NDArray[Any]]) -> NDArray[Any]:
    for name in ("frames", "video"):
        if name in arrays:
            return arrays[name]
    if len(arrays) == 1:
        return next(iter(arrays.values()))
    raise VideoError(f"holds {len(arrays)} arrays ({', '.join(sorted(arrays)[:5])}); call the video 'frames'")


def checked(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Refuse what is no video.

    Raises:
        VideoError: Says what it is instead, and how to convert it.
    """
    shape = list(array.shape)
    if array.dtype != np.uint8:
        if np.issubdtype(array.dtype, np.floating):
            what = f"holds {array.dtype} {shape}"
            if not np.isfinite(array).all():
                raise VideoError(f"{what}, with NaN or infinity, which no pixel is; expected uint8 in 0 … 255")
            least, most = (float(array.min()), float(array.max())) if array.size else (0.0, 0.0)
            hint = "x.round()" if most > 1.0 else "(x * 255).round()" if least >= 0.0 else "((x + 1) * 127.5).round()"
            raise VideoError(f"{what}; expected uint8 in 0 … 255. Convert: {hint}.clip(0, 255).astype('uint8')")
        raise VideoError(f"holds {array.dtype} {shape}; expected uint8 [frames, height, width, 3]")
    if array.ndim != 4 or array.shape[-1] != 3 or 0 in array.shape:
        elsewhere = array.ndim == 4 and array.shape[-1] != 3 and 3 in array.shape
        moved = " (channels stand elsewhere; move them last)" if elsewhere else ""
        raise VideoError(f"holds uint8 {shape}; expected [frames, height, width, 3]{moved}")
    return array
