"""Videos by content: FFV1 in Matroska, bit-exact RGB, named by the SHA-256 of shape and frames.

FFV1 codes 8-bit RGB through a reversible colour transform (pixel format ``bgr0``: FFmpeg's encoder takes ``gbrp`` only
from 9 bits up). What was written is read back before it gets its name.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import DiptychError
from harness.files import sync_folder

FRAMES_PER_SECOND = 10  # nominal: a player's speed; the frames carry no time
SMALLEST_SLICED_SIDE = 16  # FFV1 level 3 divides a frame into slices and refuses frames that are too narrow for it


def as_frames(frames: Any) -> NDArray[np.uint8]:
    """Return ``frames`` as a C-contiguous uint8 array ``[frames, height, width, 3]``.

    Raises:
        DiptychError: Another type or shape, or nothing in it.
    """
    array = np.asarray(frames)
    if array.dtype != np.uint8 or array.ndim != 4 or array.shape[-1] != 3 or 0 in array.shape:
        raise DiptychError(
            f"a video must be uint8 [frames, height, width, 3] and not empty; got {array.dtype} {list(array.shape)}."
        )
    return np.ascontiguousarray(array)


def frames_sha256(frames: NDArray[np.uint8]) -> str:
    """Return the name of a video: SHA-256 of its shape (``T,H,W,3`` and a newline) and its raw bytes, hexadecimal."""
    digest = hashlib.sha256((",".join(str(n) for n in frames.shape) + "\n").encode())
    digest.update(np.ascontiguousarray(frames).data)
    return digest.hexdigest()


def encode(frames: NDArray[np.uint8], path: Path) -> None:
    """Write ``frames`` (uint8 ``[T, H, W, 3]``) to ``path`` as FFV1 in Matroska."""
    import av

    _, height, width, _ = frames.shape
    sliced = min(height, width) >= SMALLEST_SLICED_SIDE
    options = {"level": "3", "slicecrc": "1"} if sliced else {"level": "1"}
    with av.open(str(path), "w", format="matroska", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("ffv1", rate=FRAMES_PER_SECOND, options={**options, "flags": "+bitexact"})
        stream.width, stream.height, stream.pix_fmt = width, height, "bgr0"
        for picture in frames:
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="bgr0")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def decode(path: Path) -> NDArray[np.uint8]:
    """Read a file of :func:`encode`: uint8 ``[T, H, W, 3]``."""
    import av

    with av.open(str(path), format="matroska") as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return np.stack(pictures)


def save_video(folder: Path, frames: Any) -> str:
    """Keep ``frames`` in ``folder`` and return their name; a video that is there already is not written again.

    Args:
        folder: Where ``<name>.mkv`` goes; made if need be.
        frames: uint8 ``[T, H, W, 3]``.

    Returns:
        The name, without ``.mkv``.

    Raises:
        DiptychError: Not a video, or what was written does not read back bit by bit.
    """
    array = as_frames(frames)
    name = frames_sha256(array)
    path = folder / f"{name}.mkv"
    if path.exists():
        return name
    folder.mkdir(parents=True, exist_ok=True)
    handle, text = tempfile.mkstemp(dir=folder, prefix=f".{name[:12]}.", suffix=".partial")
    os.close(handle)
    partial = Path(text)
    try:
        encode(array, partial)
        if frames_sha256(decode(partial)) != name:
            raise DiptychError(
                f"video {name} does not read back bit by bit from {path.parent}; FFmpeg or disk is faulty."
            )
        partial.chmod(0o644)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(folder)
    return name


def load_video(folder: Path, name: str) -> NDArray[np.uint8]:
    """Read video ``name`` of ``folder`` and check it against its name.

    Returns:
        uint8 ``[T, H, W, 3]``.

    Raises:
        DiptychError: It is not there, cannot be read, or holds other frames than its name says.
    """
    import av

    path = folder / f"{name}.mkv"
    if not path.is_file():
        raise DiptychError(f"video {name} is not in {folder} (committed baselines keep no samples).")
    try:
        frames = decode(path)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise DiptychError(f"{path} cannot be read as a video: {error}. Delete it, or copy it again.") from error
    if frames_sha256(frames) != name:
        raise DiptychError(f"{path} does not hold the frames that its name promises. Delete it, or copy it again.")
    return frames
