"""Distances to the true continuation in the features of the Crafter inverse-dynamics network: 48 dimensions.

They say what is in the frames and what is done between them (:class:`models.extractors.idm.IDMFeatures`).
"""

from harness.metrics.spaces import register_space

register_space("idm-crafter", "the Crafter inverse-dynamics network", worlds=("crafter-9x9", "crafter-15x24"))
