"""The ViZDoom inverse-dynamics network behind the extractors ``idm-vizdoom`` and ``idm-vizdoom-actions``."""

from __future__ import annotations

from models.extractors.idm import ActionCounts, IDMFeatures
from models.idm.groups import VIZDOOM_GROUPS

WEIGHTS = "idm_vizdoom.safetensors"


def idm_vizdoom(device: str) -> IDMFeatures:
    """The extractor ``idm-vizdoom``."""
    return IDMFeatures(device, WEIGHTS)


def idm_vizdoom_actions(device: str) -> ActionCounts:
    """The extractor ``idm-vizdoom-actions``."""
    return ActionCounts(VIZDOOM_GROUPS, device, WEIGHTS)
