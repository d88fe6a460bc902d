"""Latents of a collection on disk: float16 safetensors, one file for a group of prompts, which names its videos."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from harness.errors import DiptychError
from harness.files import file_sha256, write_atomically

HEADER = "diptych"  # one key: safetensors writes several in any order, and then equal files differ in bytes


@dataclass(frozen=True)
class StoredLatents:
    """What a file of latents holds.

    Attributes:
        latents: float16 ``[videos, C, T, H, W]``.
        plan: Digest of the plan that they were made by.
        videos: Their names.
        noise_sha256: Of each one's noise.
    """

    latents: Tensor
    plan: str
    videos: tuple[str, ...]
    noise_sha256: tuple[str, ...]


def shard_name(group: int) -> str:
    """File of a group's latents, below the collection's folder."""
    return f"latents/{group:05d}.safetensors"


def write_shard(path: Path, stored: StoredLatents) -> None:
    """Write a group's latents, atomically; equal latents give equal bytes."""
    header = {"plan": stored.plan, "videos": stored.videos, "noise_sha256": stored.noise_sha256}
    tensors = {"latents": stored.latents.detach().cpu().to(torch.float16).contiguous()}
    write_atomically(path, save(tensors, {HEADER: json.dumps(header, sort_keys=True)}))


def read_shard(path: Path, sha256: str | None = None) -> StoredLatents:
    """Read a group's latents.

    Args:
        path: The file.
        sha256: What its bytes have to be; None where nobody has said yet.

    Raises:
        DiptychError: Missing, changed, or no such file.
    """
    try:
        found = file_sha256(path)
        if sha256 is not None and found != sha256:
            raise DiptychError(
                f"the latents {path} were changed: SHA-256 {found[:12]}…, expected {sha256[:12]}…. Restore it, or "
                "collect anew in another folder."
            )
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})[HEADER])
            latents = file.get_tensor("latents")
        names, noise = tuple(header["videos"]), tuple(header["noise_sha256"])
        return StoredLatents(latents, str(header["plan"]), names, noise)
    except FileNotFoundError:
        raise DiptychError(f"the latents {path} are missing. Restore the file, or collect anew.") from None
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise DiptychError(f"{path} holds no latents of a collection ({error}). Restore the file.") from None


def check_shard(stored: StoredLatents, path: Path, plan: str, videos: Sequence[str]) -> None:
    """Make sure that latents found on resuming are those of the very same videos.

    Raises:
        DiptychError: They are others.
    """
    if stored.plan != plan or stored.videos != tuple(videos) or len(stored.latents) != len(videos):
        raise DiptychError(f"the latents {path} belong to another collection. Delete that file to sample them anew.")
