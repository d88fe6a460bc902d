"""OmniScore by VBench's models and constants: the reading that every note on VideoDPO gives, with and without one part.

Seven quality parts (VBench's seven, its weights) or six of them, where the background is no part: some notes name eight
sub-scores with the text's, some seven. Semantics is VBench's overall consistency, ViCLIP's cosine. The constants are
VBench's and belong to these backends alone (:mod:`harness.vbench.dimensions`); nothing is clipped, as there.
"""

from __future__ import annotations

from harness.metrics.omniscore.presets import Part, Preset, Side
from harness.vbench.dimensions import DIMENSIONS, QUALITY_WEIGHT, SEMANTIC_WEIGHT

METRICS: dict[str, tuple[str, float]] = {
    "subject_consistency": ("subject_consistency[dino-vitb16]", 1.0),
    "background_consistency": ("background_consistency[clip-vitb32]", 1.0),
    "temporal_flickering": ("temporal_flickering[frame-difference]", 1.0),
    "motion_smoothness": ("motion_smoothness[amt-s]", 1.0),
    "dynamic_degree": ("dynamic_degree[raft-things]", 1.0),
    "aesthetic_quality": ("aesthetic_quality[laion-clip-vitl14]", 1.0),
    "imaging_quality": ("imaging_quality[musiq-spaq]", 100.0),
    "overall_consistency": ("text_alignment[viclip]", 1.0),
}
"""VBench's dimension → the metric of its backend, and what that has where VBench has 1."""


def _part(name: str) -> Part:
    dimension = DIMENSIONS[name]
    metric, unit = METRICS[name]
    side: Side = "quality" if dimension.part == "quality" else "semantics"
    return Part(
        dimension="text_alignment" if side == "semantics" else name,
        metric=metric,
        side=side,
        weight=dimension.weight,
        worst=dimension.minimum * unit,
        best=dimension.maximum * unit,
    )


VBENCH = Preset(
    name="vbench-v1",
    version="1",
    summary="VBench's models and constants, eight sub-scores",
    parts=tuple(_part(name) for name in METRICS),
    quality_share=QUALITY_WEIGHT,
    semantics_share=SEMANTIC_WEIGHT,
    clip=False,
    source="VBench (arXiv 2311.17982), scripts/constant.py",
    left_open=(
        "eight sub-scores: background consistency is a part (preset vbench-v1-7 leaves it out)",
        "weights inside quality: VBench's, 0.5 for dynamic degree and 1 for the rest",
        "dynamic degree is 0 or 1 for a video, by VBench's rule, on frames as they come",
    ),
)
VBENCH_7 = VBENCH.without("background_consistency").model_copy(
    update={
        "name": "vbench-v1-7",
        "summary": "VBench's models and constants, seven sub-scores",
        "left_open": (
            "seven sub-scores: background consistency is no part (preset vbench-v1 has it)",
            *VBENCH.left_open[1:],
        ),
    }
)
REFERENCE = (VBENCH, VBENCH_7)
