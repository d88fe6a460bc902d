"""Worlds: seeded, action-conditioned clips with their ground truth."""
