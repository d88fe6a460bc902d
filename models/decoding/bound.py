"""How fast a generation could be on a device.

The bound is the sum over passes of max(bytes / measured bandwidth, FLOPs / measured peak at that width).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.ar.shapes import TransformerShape
from models.decoding.tables import Tables


@dataclass(frozen=True)
class PassCosts:
    """Work of every pass of a generation.

    Attributes:
        bytes: Weights and cache read and written, ``[passes]``.
        flops: Multiplications and additions, ``[passes]``.
        widths: Entries fed, ``[passes]``.
    """

    bytes: NDArray[np.float64]
    flops: NDArray[np.float64]
    widths: NDArray[np.int64]


def pass_costs(shape: TransformerShape, tables: Tables, element_bytes: int, batch: int = 1) -> PassCosts:
    """Count bytes and FLOPs of each pass; activations, norms and sampling are left out.

    Args:
        shape: The transformer.
        tables: Compiled schedule.
        element_bytes: Bytes of a weight and of a cache element.
        batch: Lanes decoded together.

    Returns:
        The costs, the prefill first.
    """
    attention = shape.hidden * shape.head_dim * (2 * shape.heads + 2 * shape.kv_heads)
    block = attention + 3 * shape.hidden * shape.mlp
    head = shape.image_vocabulary * shape.hidden
    inputs = tables.n_inputs.astype(np.float64)
    predicted = tables.n_predicted.astype(np.float64)
    length = tables.visible_length.astype(np.float64)
    cache_row = 2 * shape.layers * shape.kv_heads * shape.head_dim
    moved = shape.layers * block + head + inputs * batch * shape.hidden + batch * cache_row * (length + inputs)
    scores = 4 * shape.layers * shape.heads * shape.head_dim * inputs * length
    flops = batch * (2 * shape.layers * block * inputs + 2 * head * predicted + scores)
    return PassCosts(moved * element_bytes, flops, tables.n_inputs * batch)


def bound_seconds(costs: PassCosts, bandwidth_bytes_per_second: float, peak_flops: Callable[[int], float]) -> float:
    """Least time of a generation on a device with the given measured ceilings.

    Args:
        costs: Work of each pass.
        bandwidth_bytes_per_second: Measured memory bandwidth.
        peak_flops: Measured FLOP/s of a matrix product at a given width (rows).

    Returns:
        Seconds.
    """
    peaks = np.array([peak_flops(int(w)) for w in costs.widths])
    return float(np.maximum(costs.bytes / bandwidth_bytes_per_second, costs.flops / peaks).sum())


def interpolated(peaks: Mapping[int, float]) -> Callable[[int], float]:
    """Interpolate measured peaks between widths, linearly in log width and log peak; flat outside the range."""
    widths = sorted(peaks)
    at, log_peak = np.log(widths), np.log([peaks[w] for w in widths])
    return lambda width: float(np.exp(np.interp(np.log(width), at, log_peak)))
