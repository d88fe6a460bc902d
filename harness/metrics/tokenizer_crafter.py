"""Distances to the true continuation in the features of the Crafter tokenizer: 48 dimensions, Crafter only."""

from harness.metrics.spaces import register_space

register_space("tokenizer-crafter", "the Crafter tokenizer", worlds=("crafter-9x9", "crafter-15x24"))
