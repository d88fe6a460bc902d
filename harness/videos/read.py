"""One door for all videos: by its suffix a path is an array or a file for FFmpeg."""

from __future__ import annotations

import stat
from pathlib import Path

from harness.videos.files import decode_file
from harness.videos.reading import Reading, ReadVideo, VideoError
from harness.videos.tensors import TENSOR_SUFFIXES, read_tensor

__all__ = ["VIDEO_SUFFIXES", "ReadVideo", "Reading", "VideoError", "check_openable", "read_video"]

FILE_SUFFIXES = (".mkv", ".mp4", ".avi", ".mov", ".webm", ".gif", ".m4v", ".mpg", ".mpeg")
VIDEO_SUFFIXES = (*FILE_SUFFIXES, *TENSOR_SUFFIXES)


def read_video(path: Path, reading: Reading | None = None) -> ReadVideo:
    """Read a video as 8-bit RGB.

    Args:
        path: A file that FFmpeg reads, or an array (``.npy``, ``.npz``, ``.safetensors``) uint8 ``[T, H, W, 3]``.
        reading: How; all frames as they are stored if None.

    Raises:
        VideoError: It cannot be read as asked: missing, empty, broken, cut off, without pictures, too short, too large.
    """
    reading = reading or Reading()
    check_openable(path)
    found = read_tensor(path, reading) if path.suffix.lower() in TENSOR_SUFFIXES else decode_file(path, reading)
    if len(found.frames) == 0:
        held = found.facts.stored_frames
        raise VideoError(f"has {held} frames; none is left from frame {reading.start} on (--start)")
    if reading.frames is not None and len(found.frames) < reading.frames:
        asked = f"{reading.frames} frames from {reading.start}" if reading.start else f"{reading.frames} frames"
        raise VideoError(
            f"is too short: it gives {len(found.frames)} of the {asked} asked for. Ask for fewer with --frames"
        )
    return found


def check_openable(path: Path) -> None:
    """Refuse what is no file with something in it.

    Raises:
        VideoError: Missing, a folder, a pipe or a device, not permitted, or empty.
    """
    try:
        mode = path.stat()
        if stat.S_ISDIR(mode.st_mode):
            raise VideoError("is a folder, not a video")
        if not stat.S_ISREG(mode.st_mode):  # opening a pipe would wait for ever
            raise VideoError("is not a regular file")
        with path.open("rb"):
            pass
    except OSError as error:
        raise VideoError(f"cannot be opened: {error.strerror or error}") from error
    except RuntimeError as error:
        raise VideoError("cannot be opened: its links lead in a circle") from error
    if mode.st_size == 0:
        raise VideoError("is empty: 0 bytes")
