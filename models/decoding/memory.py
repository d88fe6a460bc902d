"""How much memory decoding takes, in closed form, and whether it is there."""

from __future__ import annotations

from dataclasses import dataclass

from harness.device import quota_memory_bytes
from harness.errors import UsageError
from models.ar.shapes import TransformerShape
from models.decoding.grid import Grid

ELEMENT_BYTES = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}
SPARE = 1.1
"""What is asked for beyond the closed form: activations, tables, the allocator."""


@dataclass(frozen=True)
class Memory:
    """Bytes of one engine.

    Attributes:
        weights: All parameters.
        cache: Keys and values of every slot, the trash slot included.
        logits: Of the widest pass, in float32, four times: sampling holds as many copies.
    """

    weights: int
    cache: int
    logits: int

    @property
    def total(self) -> int:
        """Sum."""
        return self.weights + self.cache + self.logits


def memory_needed(shape: TransformerShape, grid: Grid, dtype: str, batch: int = 1, width: int = 1) -> Memory:
    """Count what decoding holds at least.

    Args:
        shape: The transformer.
        grid: Slots.
        dtype: One of ``ELEMENT_BYTES``: of weights and cache.
        batch: Lanes.
        width: Most tokens predicted in a pass.
    """
    size = ELEMENT_BYTES[dtype]
    cache = 2 * shape.layers * batch * shape.kv_heads * (grid.slots + 1) * shape.head_dim * size
    return Memory(shape.parameters * size, cache, 4 * 4 * batch * width * shape.image_vocabulary)


def memory_available(device: str) -> int:
    """Bytes that are free: of the machine and of the control group that the process is held to, or of the card."""
    if device.startswith("cuda"):
        import torch

        free: int = torch.cuda.mem_get_info(device)[0]
        return free
    import psutil

    left = quota_memory_bytes()
    available: int = psutil.virtual_memory().available
    return available if left is None else min(left, available)


def check_memory(needed: Memory, available: int, device: str) -> None:
    """Refuse to build what does not fit.

    Raises:
        UsageError: Needed and available bytes, and what to change.
    """
    if needed.total * SPARE <= available:
        return
    raise UsageError(
        f"decoding needs {needed.total * SPARE / 1e9:.2f} GB on {device} (weights {needed.weights / 1e9:.2f}, cache "
        f"{needed.cache / 1e9:.2f}, logits {needed.logits / 1e9:.2f}, a tenth to spare), and {available / 1e9:.2f} GB "
        "are available. Try fewer frames, a smaller batch or model, or precision bfloat16."
    )
