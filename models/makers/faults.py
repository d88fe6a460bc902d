"""Registers the maker that spoils real clips in known ways."""

from __future__ import annotations

from harness.registry import register

register(
    "maker",
    "fault",
    summary="spoils a real clip in a known way (params: fault, strength); its truth is the clip itself",
    target="models.faults.maker:FaultMaker",
    params="models.faults.declared:PARAMS",
)
