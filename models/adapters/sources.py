"""Where a pipeline lies, which class it is, and what its files hash to; nothing is downloaded and nothing unpickled."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import DiptychError, UsageError
from harness.files import file_sha256
from models.adapters.packages import diffusers

INDEX = "model_index.json"
HASHED = (".safetensors", ".json", ".model", ".txt")
"""Endings of the files that make a pipeline what it is: weights, configurations, vocabularies."""
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
OTHER_INPUTS = ("image", "images", "video", "videos", "conditioning_frames", "control_video", "pose_video")
EXAMPLES = "CogVideoXPipeline, WanPipeline, TextToVideoSDPipeline, LTXPipeline, HunyuanVideoPipeline, MochiPipeline"
FRAME_ARGUMENTS = ("num_frames", "video_length")


@dataclass(frozen=True)
class Source:
    """A pipeline's files.

    Attributes:
        folder: Where they lie.
        class_name: Its class in diffusers.
        parts: Folder names of its parts.
    """

    folder: Path
    class_name: str
    parts: tuple[str, ...]


def find_pipeline(name: str, revision: str | None = None) -> Source:
    """Find a pipeline: a folder, or an id whose files lie in the hub's local cache.

    Args:
        name: The folder or the id.
        revision: Of an id; ``main`` if None.

    Raises:
        UsageError: There is no such folder, the id's files are not here, it is no text-to-video pipeline, it brings
            code of its own, or has weights only as pickles.
    """
    folder = _folder(name, revision)
    try:
        index: dict[str, Any] = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"{str(folder)!r} is no pipeline of diffusers: it has no {INDEX}. "
            "Save one with pipeline.save_pretrained(FOLDER)"
        ) from error
    except ValueError as error:
        raise UsageError(f"{str(folder / INDEX)!r} is not JSON: {error}.") from error
    class_name = index.get("_class_name")
    parts = {key: value for key, value in index.items() if isinstance(value, list) and len(value) == 2 and value[0]}
    own = [f"{part} ({value[0]}.{value[1]})" for part, value in parts.items() if value[0] not in TRUSTED]
    if not isinstance(class_name, str) or own:
        what = ", ".join(own) or f"class {class_name!r}"
        raise UsageError(f"pipeline {name!r} brings code of its own, which is never run: {what}.")
    check_class(class_name, name)
    for part in parts:
        _refuse_pickles(folder / part, name)
    return Source(folder, class_name, tuple(sorted(parts)))


TRUSTED = ("diffusers", "transformers")


def check_class(class_name: str, name: str) -> None:
    """Refuse a class that makes no video of a text.

    Raises:
        UsageError: Not a class of diffusers, or one that needs an image or a video, or takes no latents.
    """
    kind = getattr(diffusers(), class_name, None)
    if kind is None or not hasattr(kind, "__call__"):  # noqa: B004 - the method's signature is what is read
        raise UsageError(
            f"pipeline {name!r} is a {class_name!r}, which this diffusers does not have. Text-to-video classes are: "
            f"{EXAMPLES}, … Try: pip install -U diffusers"
        )
    arguments = inspect.signature(kind.__call__).parameters
    lacking = [what for what in ("prompt", "latents", "generator") if what not in arguments]
    if not any(what in arguments for what in FRAME_ARGUMENTS):
        lacking.append(FRAME_ARGUMENTS[0])
    others = [what for what in OTHER_INPUTS if what in arguments]
    if lacking or others:
        why = f"takes no {', '.join(lacking)}" if lacking else f"is told {', '.join(others)}"
        raise UsageError(
            f"pipeline {name!r} is a {class_name}, which makes no video of a text alone (it {why}). "
            f"Text-to-video classes are: {EXAMPLES}, …"
        )


def pipeline_sha256(source: Source, parts: Iterable[str] | None = None) -> str:
    """One digest of a pipeline's weights, configurations and vocabularies, or of some of its parts."""
    lines = []
    for part in sorted(source.parts if parts is None else parts):
        files = sorted(path for path in (source.folder / part).rglob("*") if path.suffix in HASHED and path.is_file())
        lines += [f"{path.relative_to(source.folder).as_posix()} {file_sha256(path)}" for path in files]
    return hashlib.sha256("\n".join([source.class_name, *lines]).encode()).hexdigest()


def _folder(name: str, revision: str | None) -> Path:
    if Path(name).expanduser().is_dir():
        return Path(name).expanduser()
    looks_like_id = name.count("/") == 1 and not name.startswith((".", "/", "~")) and not name.endswith("/")
    if not looks_like_id:
        raise UsageError(
            f"there is no folder {name!r} with a pipeline. Give the folder that pipeline.save_pretrained wrote, or an "
            "id such as 'THUDM/CogVideoX-2b' that lies in the hub's local cache."
        )
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, revision=revision, local_files_only=True))
    except Exception as error:  # the hub's own errors, and those of an id that it cannot read
        at = "" if revision is None else f" --revision {revision}"
        raise UsageError(
            f"pipeline {name!r} is neither a folder nor in the hub's local cache, and a run downloads nothing. "
            f"Where there is a network: hf download {name}{at} --exclude '*.bin'"
        ) from error


def _refuse_pickles(folder: Path, name: str) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    pickled = sorted(path.name for path in files if path.suffix in PICKLED)
    if pickled and not any(path.suffix == ".safetensors" for path in files):
        raise DiptychError(
            f"pipeline {name!r} has the weights of its {folder.name} only as {pickled[0]}, which is a pickle and never "
            "loaded. Save it again: pipeline.save_pretrained(FOLDER, safe_serialization=True)"
        )
