"""Key tables: what a checkpoint calls its tensors, what they are called here, and what of it does not fit."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from harness.device import check_bfloat16
from harness.errors import DiptychError, UsageError

Model = TypeVar("Model", bound=nn.Module)
Table = Sequence[tuple[str, str | None]]
"""``(prefix there, prefix here)``, the first that fits counts; None for what is not needed."""

HUGGING_FACE: Table = (("model.", ""), ("lm_head.", "lm_head."))
MINEWORLD: Table = (
    ("transformer.model.", ""),
    ("transformer.lm_head.", "lm_head."),
    ("tokenizer.", None),  # the VQ-VAE, which has a file of its own
)
VQ_PLAIN: Table = (("", ""),)
"""``diffusers`` and its files."""
VQ_RELEASED: Table = (("model.", ""), ("", None))
"""MineWorld's ``vae.ckpt``; ``vae.VAE`` holds its network as ``model``, and passes over all else that a file has."""
VQ_INSIDE: Table = (("tokenizer.model.", ""), ("", None))
"""A whole MineWorld checkpoint, which may hold the VQ-VAE beside the transformer."""
COMPUTED = (".rotary_emb.inv_freq", ".cos_cached", ".sin_cached")
"""Ends of names that old versions store and everybody computes."""
LISTED = 8


@dataclass(frozen=True)
class Fit:
    """What of a checkpoint does not fit a model, by the checkpoint's names; nothing if all three are empty.

    Attributes:
        missing: The model needs it, the checkpoint has it not.
        unexpected: The checkpoint has it, the model knows it not.
        mis_shaped: ``NAME is SIZE, expected SIZE``.
    """

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mis_shaped: tuple[str, ...]

    def __bool__(self) -> bool:
        return not (self.missing or self.unexpected or self.mis_shaped)

    def __str__(self) -> str:
        parts = (("missing", self.missing), ("unexpected", self.unexpected), ("mis-shaped", self.mis_shaped))
        return "; ".join(_told(what, names) for what, names in parts if names)


def renamed(names: Collection[str], table: Table) -> tuple[dict[str, str], list[str]]:
    """Our name → theirs, and the names that the table does not know."""
    found: dict[str, str] = {}
    unknown: list[str] = []
    for name in names:
        if name.endswith(COMPUTED):
            continue
        for there, here in table:
            if name.startswith(there):
                if here is not None:
                    found[here + name.removeprefix(there)] = name
                break
        else:
            unknown.append(name)
    return found, unknown


def original(name: str, table: Table) -> str:
    """What the table calls one of our tensors."""
    for there, here in sorted(table, key=lambda pair: -len(pair[1] or "")):
        if here is not None and name.startswith(here):
            return there + name.removeprefix(here)
    raise KeyError(name)


def fit(
    sizes: Mapping[str, Sequence[int]], model: nn.Module, table: Table, unneeded: Collection[str] = ()
) -> tuple[dict[str, str], Fit]:
    """Hold names and sizes of a checkpoint against a model.

    Args:
        sizes: Sizes by the checkpoint's names.
        model: May be on the meta device.
        table: Of the checkpoint's layout.
        unneeded: Our names of tensors that a file may have and that are never read.

    Returns:
        Our name → theirs, of what both have, and what does not fit.
    """
    found, unexpected = renamed(sizes, table)
    found = {name: there for name, there in found.items() if name not in unneeded}
    expected = {name: list(value.shape) for name, value in model.state_dict().items()}
    wrong = [
        f"{there} is {list(sizes[there])}, expected {expected[name]}"
        for name, there in found.items()
        if name in expected and list(sizes[there]) != expected[name]
    ]
    return {name: there for name, there in found.items() if name in expected}, Fit(
        missing=tuple(sorted(original(name, table) for name in expected if name not in found)),
        unexpected=tuple(sorted(unexpected + [there for name, there in found.items() if name not in expected])),
        mis_shaped=tuple(sorted(wrong)),
    )


def fill(
    model: Model,
    tensors: dict[str, Tensor],
    table: Table,
    where: str,
    device: str,
    dtype: torch.dtype,
    *,
    unneeded: Collection[str] = (),
    described: str | Path | None = None,
) -> Model:
    """Put a checkpoint's tensors into a model on the meta device, in evaluation mode.

    Each tensor is converted on its own and let go, so that no more than one is held twice.

    Args:
        model: On the meta device; holds the tensors afterwards.
        tensors: By the checkpoint's names; empty afterwards.
        table: Of the checkpoint's layout.
        where: The checkpoint, for the message.
        device: Where the model will be.
        dtype: Of all its tensors.
        unneeded: See :func:`fit`.
        described: What ``python -m models.checkpoints`` tells all of, for the message.

    Raises:
        DiptychError: Keys are missing, unexpected or mis-shaped: how many, and the first of each.
    """
    names, found = fit({name: value.shape for name, value in tensors.items()}, model, table, unneeded)
    if not found:
        more = f" All of it: python -m models.checkpoints {described}" if described else ""
        raise DiptychError(f"{where} does not fit its configuration: {found}.{more}")
    wanted = {name: tensors[there] for name, there in names.items()}
    tensors.clear()
    state = {}
    for name in list(wanted):
        state[name] = wanted.pop(name).to(device=device, dtype=dtype)
    model.load_state_dict(state, strict=True, assign=True)
    return model.eval().requires_grad_(False)


def check_dtype(dtype: torch.dtype, device: str) -> None:
    """Refuse what is no floating-point type, and bfloat16 on a card without it.

    Raises:
        UsageError: Names the valid types.
    """
    if dtype not in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
        raise UsageError(f"weights cannot be {dtype}. Valid: float64, float32, bfloat16, float16.")
    if dtype == torch.bfloat16:
        check_bfloat16(device)


def _told(what: str, names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"{len(names)} {what}: {', '.join(names[:LISTED])}{more}"
