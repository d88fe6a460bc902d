"""The zoo's inverse-dynamics network as a feature space, ``idm-crafter``, and as a judge of actions."""

from harness.registry import register

register(
    "extractor",
    "idm-crafter",
    summary="48 pooled states of the Crafter inverse-dynamics network: what is there and what is done, mean and spread",
    target="models.extractors.idm:idm_crafter",
)
register(
    "extractor",
    "idm-crafter-actions",
    summary="hits, false alarms and misses of the commanded actions, by group: move, act, sleep",
    target="models.extractors.idm:idm_crafter_actions",
)
