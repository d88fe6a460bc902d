"""The zoo's inverse-dynamics network of ViZDoom as a feature space, ``idm-vizdoom``, and as a judge of actions."""

from harness.registry import register

register(
    "extractor",
    "idm-vizdoom",
    summary="48 pooled states of the ViZDoom inverse-dynamics network: what is there and what is done, mean and spread",
    target="models.extractors.idm_vizdoom:idm_vizdoom",
)
register(
    "extractor",
    "idm-vizdoom-actions",
    summary="hits, false alarms and misses of the commanded actions, by group: walk, strafe, turn, attack",
    target="models.extractors.idm_vizdoom:idm_vizdoom_actions",
)
