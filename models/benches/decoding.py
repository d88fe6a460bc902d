"""Registers ``diptych bench decoding``."""

from __future__ import annotations

from harness.registry import register

register(
    "bench",
    "decoding",
    summary="the engine against transformers, its bound, and the predicted speed-ups",
    target="models.decoding.benchmark:bench_decoding",
)
