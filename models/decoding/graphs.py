"""Passes of fixed shapes: captured once as CUDA graphs, replayed by the number of the pass.

A graph holds one bucket's whole pass, from looking itself up in the device's tables to writing the tokens, and ends by
counting the pass. The host only says which graph comes next, which it knows from the tables. Elsewhere than on CUDA the
same functions are called, so that everything but the capture itself is tested without a GPU.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from models.decoding.steps import Bucket, DeviceTables, Step


@dataclass(frozen=True)
class CaptureFacts:
    """What capturing took.

    Attributes:
        graphs: Captured graphs.
        seconds: Time, warm-up included.
        pool_bytes: Memory that the graphs' pool holds beside weights and cache.
    """

    graphs: int = 0
    seconds: float = 0.0
    pool_bytes: int = 0


class Graphs:
    """The passes after the prefill, by bucket.

    Args:
        tables: The tables on the device.
        buckets: Bucket of every pass after the prefill.
        run: ``run(step, forced)`` runs a pass and returns its logits.
        device: Where.
    """

    def __init__(
        self,
        tables: DeviceTables,
        buckets: Sequence[Bucket],
        run: Callable[[Step, bool], Tensor],
        device: torch.device,
    ) -> None:
        self._tables, self._buckets, self._run, self._device = tables, buckets, run, device
        self._at = torch.ones(1, dtype=torch.int64, device=device)
        self._captured: dict[tuple[Bucket, bool], torch.cuda.CUDAGraph] = {}
        self._facts: dict[bool, CaptureFacts] = {}

    def rewind(self) -> None:
        """Begin with the first pass after the prefill again."""
        self._at.fill_(1)

    def call(self, pass_: int, forced: bool) -> tuple[Step, Tensor]:
        """Run the next pass, ``pass_``, without a graph, and return its step and logits."""
        step = self._tables.read(self._at, self._buckets[pass_ - 1])
        logits = self._run(step, forced)
        self._at.add_(1)
        return step, logits

    def replay(self, pass_: int, forced: bool) -> None:
        """Run the next pass, ``pass_``, by its graph where there is one."""
        graph = self._captured.get((self._buckets[pass_ - 1], forced))
        if graph is None:
            self.call(pass_, forced)
        else:
            graph.replay()

    def capture(self, forced: bool) -> CaptureFacts:
        """Capture every bucket's graph, once; what the state holds afterwards means nothing.

        Never run without a GPU: there it captures nothing.
        """
        if forced not in self._facts:
            self._facts[forced] = self._capture(forced) if self._device.type == "cuda" else CaptureFacts()
        return self._facts[forced]

    def _capture(self, forced: bool) -> CaptureFacts:
        torch.cuda.synchronize(self._device)
        began = time.perf_counter()
        torch.cuda.empty_cache()  # every capture does: what it gives back must not count against the graphs' memory
        held = torch.cuda.memory_reserved(self._device)
        first = {bucket: number + 1 for number, bucket in reversed(list(enumerate(self._buckets)))}
        pool, side = None, capture_stream(self._device)
        with torch.cuda.device(self._device):  # which may be another card than the current one
            for bucket, number in first.items():
                self._at.fill_(number)
                side.wait_stream(torch.cuda.current_stream(self._device))
                with torch.cuda.stream(side):  # libraries choose their kernels and workspaces before the capture
                    self.call(number, forced)
                torch.cuda.current_stream(self._device).wait_stream(side)
                self._at.fill_(number)
                graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(graph, pool=pool, stream=side):
                    self.call(number, forced)
                pool = graph.pool()
                self._captured[bucket, forced] = graph
        torch.cuda.synchronize(self._device)
        grown = torch.cuda.memory_reserved(self._device) - held
        return CaptureFacts(len(first), time.perf_counter() - began, max(0, grown))


@cache
def capture_stream(device: torch.device) -> torch.cuda.Stream:
    """The one stream of a card in which everything is warmed up and captured.

    One, because cuBLAS keeps a workspace for every stream that it ever met (32 MiB under reproducible settings); and of
    that card, because ``torch.cuda.graph`` takes a stream of whichever card was current first, and captures nothing
    that runs on another.
    """
    return torch.cuda.Stream(device)


def peak_with_graphs(peak_bytes: int | None, facts: CaptureFacts) -> int | None:
    """Peak memory of a generation: what the allocator saw, and the pool in which graphs keep their activations.

    A replay allocates nothing, and the pool counts as free to the allocator's statistics.
    """
    return None if peak_bytes is None else peak_bytes + facts.pool_bytes
