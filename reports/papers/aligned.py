"""Runs of the alignment suites as paper figures read them."""

from __future__ import annotations

from collections.abc import Sequence

from reports.methods import MethodRow
from reports.papers.measured import method

SUITE, ABLATION = "alignment", "alignment-ablation"


def interval_methods(rows: Sequence[MethodRow], metrics: Sequence[str]) -> str:
    """How the intervals of single seeds were made, each way once."""
    told = [
        method(seed.estimate)
        for row in rows
        for name in metrics
        for seed in row.seeds.get(name, ())
        if seed.estimate.low is not None
    ]
    return "; ".join(dict.fromkeys(told))
