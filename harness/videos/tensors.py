"""Videos as arrays (``.npy``, ``.npz``, ``.safetensors``), uint8 ``[T, H, W, 3]``; nothing is unpickled."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.videos.reading import Reading, ReadVideo, VideoError, VideoFacts
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
    frames = np.stack([scaled(picture, reading) for picture in kept]) if len(kept) else kept
    return ReadVideo(
        np.ascontiguousarray(frames),
        VideoFacts(
            codec="tensor",
            lossless=True,
            pixel_format="rgb24",
            bits=8,
            colour="rgb",
            stored_height=array.shape[1],
            stored_width=array.shape[2],
            stored_fps=None,
            stored_frames=len(array),
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
        with path.open("rb") as file:
            found = np.load(file, allow_pickle=False)
            return _only({name: found[name] for name in found.files}) if hasattr(found, "files") else np.asarray(found)
    except VideoError:
        raise
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        if "allow_pickle" in str(error):  # NumPy's advice is to load it unsafely
            raise VideoError("is no array of numbers: broken, or pickled objects, which are never loaded") from error
        raise VideoError(f"is no readable array: {_first_line(error)}") from error
    except Exception as error:  # safetensors raises a class of its own, told here like the rest
        raise VideoError(f"is no readable array: {_first_line(error)}") from error


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
            most = float(array.max()) if array.size else 0.0
            hint = "(x * 255).round()" if most <= 1.0 else "x.round()"
            raise VideoError(f"{what}; expected uint8 in 0 … 255. Convert: {hint}.clip(0, 255).astype('uint8')")
        raise VideoError(f"holds {array.dtype} {shape}; expected uint8 [frames, height, width, 3]")
    if array.ndim != 4 or array.shape[-1] != 3 or 0 in array.shape:
        elsewhere = array.ndim == 4 and array.shape[-1] != 3 and 3 in array.shape
        moved = " (channels stand elsewhere; move them last)" if elsewhere else ""
        raise VideoError(f"holds uint8 {shape}; expected [frames, height, width, 3]{moved}")
    return array


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__
