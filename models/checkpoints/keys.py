"""Key tables: what a checkpoint calls its tensors, and what they are called here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from harness.errors import DiptychError
from models.ar.shapes import TransformerShape
from models.ar.transformer import VideoTransformer

Table = Sequence[tuple[str, str | None]]
"""``(prefix there, prefix here)``, the first that fits counts; None for what is not needed."""

HUGGING_FACE: Table = (("model.", ""), ("lm_head.", "lm_head."))
MINEWORLD: Table = (
    ("transformer.model.", ""),
    ("transformer.lm_head.", "lm_head."),
    ("tokenizer.", None),  # the VQ-VAE, which has a file of its own
)
COMPUTED = (".rotary_emb.inv_freq", ".cos_cached", ".sin_cached")
"""Ends of names that old versions store and everybody computes."""
LISTED = 8


def renamed(tensors: Mapping[str, Tensor], table: Table) -> tuple[dict[str, Tensor], list[str]]:
    """Tensors by our names, and the names that the table does not know."""
    found: dict[str, Tensor] = {}
    unknown: list[str] = []
    for name, value in tensors.items():
        if name.endswith(COMPUTED):
            continue
        for there, here in table:
            if name.startswith(there):
                if here is not None:
                    found[here + name.removeprefix(there)] = value
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


def build(
    tensors: Mapping[str, Tensor], shape: TransformerShape, table: Table, where: str, device: str, dtype: torch.dtype
) -> VideoTransformer:
    """A transformer of a shape with these tensors, each converted on its own, so that nothing is held twice.

    Raises:
        DiptychError: Keys are missing, unexpected or mis-shaped: how many, and the first of each.
    """
    with torch.device("meta"):
        model = VideoTransformer(shape)
    found, unexpected = renamed(tensors, table)
    expected = dict(model.state_dict())
    if shape.tied:
        found.pop("lm_head.weight", None)  # some files repeat the embedding
    missing = [original(name, table) for name in expected if name not in found]
    unexpected += [original(name, table) for name in found if name not in expected]
    wrong = [
        f"{original(name, table)} is {list(found[name].shape)}, expected {list(value.shape)}"
        for name, value in expected.items()
        if name in found and found[name].shape != value.shape
    ]
    if missing or unexpected or wrong:
        told = [_told("missing", missing), _told("unexpected", unexpected), _told("mis-shaped", wrong)]
        raise DiptychError(f"{where} does not fit its configuration: {'; '.join(part for part in told if part)}.")
    state = {name: found[name].to(device=device, dtype=dtype) for name in expected}
    model.load_state_dict(state, strict=True, assign=True)
    return model.eval().requires_grad_(False)


def _told(what: str, names: Iterable[str]) -> str:
    listed = sorted(names)
    more = f" and {len(listed) - LISTED} more" if len(listed) > LISTED else ""
    return f"{len(listed)} {what}: {', '.join(listed[:LISTED])}{more}" if listed else ""
