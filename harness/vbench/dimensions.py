"""The sixteen dimensions of VBench: bounds, weights and what measures each.

Source: ``scripts/constant.py`` (bounds, weights, parts) and ``vbench/*.py`` (models, ranges) of Vchitect/VBench at
commit 45e79ec; Huang et al., VBench, CVPR 2024 (arXiv 2311.17982).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from harness.errors import DiptychError, unknown

Part = Literal["quality", "semantic"]


@dataclass(frozen=True)
class Dimension:
    """One dimension of VBench; higher is better in all of them.

    Attributes:
        name: As the official tool writes it, such as ``"subject_consistency"``.
        part: The total that it enters.
        minimum: What normalises to 0, a fraction.
        maximum: What normalises to 1, a fraction.
        measured_by: The model or formula.
        weight: In its part's mean.
        lowest: The least value that can occur: -1 for cosines that are not clipped, else 0. The greatest is 1.
        video_unit: What stands for 1 in the per-video list: 100 where the tool divides only the aggregate by 100.
    """

    name: str
    part: Part
    minimum: float
    maximum: float
    measured_by: str
    weight: float = 1.0
    lowest: float = 0.0
    video_unit: float = 1.0

    @property
    def spoken(self) -> str:
        """The name as the leaderboard writes it: with spaces."""
        return self.name.replace("_", " ")

    def normalised(self, value: float) -> float:
        """Return ``(value - minimum) / (maximum - minimum)``, unclipped as in VBench: outside of [0, 1] it stays so."""
        return (value - self.minimum) / (self.maximum - self.minimum)


TABLE = (
    Dimension("subject_consistency", "quality", 0.1462, 1.0, "DINO ViT-B/16, cosine to previous and first frame"),
    Dimension("background_consistency", "quality", 0.2615, 1.0, "CLIP ViT-B/32, cosine to previous and first frame"),
    Dimension(
        "temporal_flickering", "quality", 0.6293, 1.0, "(255 - mean absolute difference of adjacent frames) / 255"
    ),
    Dimension("motion_smoothness", "quality", 0.706, 0.9975, "AMT-S, interpolation of every second frame"),
    Dimension("dynamic_degree", "quality", 0.0, 1.0, "RAFT: whether the largest flows pass a threshold", weight=0.5),
    Dimension("aesthetic_quality", "quality", 0.0, 1.0, "CLIP ViT-L/14 with LAION's linear head, / 10"),
    Dimension("imaging_quality", "quality", 0.0, 1.0, "MUSIQ (SPAQ), / 100", video_unit=100.0),
    Dimension("object_class", "semantic", 0.0, 1.0, "GRiT"),
    Dimension("multiple_objects", "semantic", 0.0, 1.0, "GRiT"),
    Dimension("human_action", "semantic", 0.0, 1.0, "UMT ViT-L/16 on Kinetics-400, top 5 at 0.85 or more"),
    Dimension("color", "semantic", 0.0, 1.0, "GRiT's captions"),
    Dimension("spatial_relationship", "semantic", 0.0, 1.0, "GRiT's boxes"),
    Dimension("scene", "semantic", 0.0, 0.8222, "Tag2Text"),
    Dimension("appearance_style", "semantic", 0.0009, 0.2855, "CLIP ViT-B/32, cosine to the style's text", lowest=-1.0),
    Dimension("temporal_style", "semantic", 0.0, 0.364, "ViCLIP, cosine to the prompt", lowest=-1.0),
    Dimension("overall_consistency", "semantic", 0.0, 0.364, "ViCLIP, cosine to the prompt", lowest=-1.0),
)
"""In the order of VBench's own list."""

DIMENSIONS = {dimension.name: dimension for dimension in TABLE}
QUALITY = tuple(d.name for d in TABLE if d.part == "quality")
SEMANTIC = tuple(d.name for d in TABLE if d.part == "semantic")
QUALITY_WEIGHT, SEMANTIC_WEIGHT = 4.0, 1.0

IMAGE_TO_VIDEO = frozenset(
    {"camera_motion", "i2v_subject", "i2v_background"}
    | {"video_text_camera_motion", "video_image_subject_consistency", "video_image_background_consistency"}
)
"""Dimensions of VBench-I2V alone, by either of their names (``I2VKEY`` in ``scripts/constant.py``)."""


def canonical(name: str) -> str:
    """Return a name in lower case, ``_`` between its words: of ``"Object Class"`` it is ``"object_class"``."""
    return re.sub(r"[\s_-]+", "_", name.strip().lower())


def dimension_called(name: str, where: str = "") -> Dimension:
    """Return the dimension called ``name``, in any of its spellings.

    Args:
        name: Such as ``"subject_consistency"`` or ``"Subject Consistency"``.
        where: The file that says it, for the message.

    Raises:
        DiptychError: One of VBench-I2V, whose totals are others.
        UsageError: No dimension of VBench; names the nearest one.
    """
    key = canonical(name)
    if key in IMAGE_TO_VIDEO:
        raise DiptychError(
            f"{name!r}{where} is a dimension of VBench-I2V, which has other totals; read here are the sixteen of "
            "VBench, text to video."
        )
    if key not in DIMENSIONS:
        raise unknown(f"VBench dimension{where}:", key, DIMENSIONS, "diptych import vbench --help")
    return DIMENSIONS[key]
