"""OmniScore (VideoDPO, arXiv 2412.14167): dimensions of a video's quality and its fit to a text, and their total.

Each dimension is one file with named backends; a backend is part of a metric's name. What the total is made of is data
(:mod:`harness.metrics.omniscore.presets`).
"""

from harness.metrics.omniscore import (
    aesthetic_quality,
    background_consistency,
    dynamic_degree,
    imaging_quality,
    motion_magnitude,
    motion_smoothness,
    subject_consistency,
    temporal_flickering,
    total,
)

__all__ = [
    "aesthetic_quality",
    "background_consistency",
    "dynamic_degree",
    "imaging_quality",
    "motion_magnitude",
    "motion_smoothness",
    "subject_consistency",
    "temporal_flickering",
    "total",
]
