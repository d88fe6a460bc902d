"""What each choice of VideoDPO (arXiv 2412.14167) changes: one checkpoint a choice, one training seed, the same budget.

The weights are trained locally: an arm's are looked for in ``$DIPTYCH_CACHE/alignment/<model>/<arm>``, where
``diptych align train --out`` puts them; :data:`RECIPES` says how each differs from ``videodpo``. Asked on validation
prompts, because it is what choices are made by; a finding is one of a checkpoint.
"""

from __future__ import annotations

from harness.registry import register
from suites.alignment import ALIGNMENT, BASELINE, arm, scale

RECIPES: dict[str, str] = {
    "videodpo": "the reference: alpha 1, raw weights, beta 5000, best against worst of 4, shared noise, mean error",
    "alpha-0": "alpha 0: every pair weighs the same, which is DPO",
    "alpha-0.5": "alpha 0.5",
    "alpha-2": "alpha 2",
    "alpha-0.5-mean": "alpha 0.5, weights divided by their mean",
    "alpha-1-mean": "alpha 1, weights divided by their mean: the learning rate of alpha 0",
    "alpha-2-mean": "alpha 2, weights divided by their mean",
    "alpha-1-clip": "alpha 1, weights clipped at their 99th percentile",
    "beta-x0.1": "DPO's beta times 0.1",
    "beta-x10": "DPO's beta times 10",
    "videos-2": "two videos a prompt",
    "best-random": "the best against one of the others by lot",
    "adjacent": "neighbours in rank",
    "filtered": "pairs whose difference is below the median left out",
    "data-25": "a quarter of the prompts",
    "data-50": "half of the prompts",
    "score-quality": "pairs chosen by OmniScore's quality alone",
    "score-semantics": "pairs chosen by OmniScore's semantics alone",
    "unshared-noise": "winner and loser with noise and timestep of their own (the released code's V4)",
    "per-column": "the error of the released code's V1, compared column by column",
}
"""Arm → how its weights differ from the reference's."""
ARMS = (BASELINE, *(arm(name, words, name) for name, words in RECIPES.items()))

ALIGNMENT_ABLATION = register("suite", "alignment-ablation")(
    ALIGNMENT.model_copy(  # judged as `alignment` is: the same metrics, thresholds and held-out scores
        update={
            "name": "alignment-ablation",
            "version": 1,
            "question": "Which of VideoDPO's choices change what alignment gains, and which cost motion?",
            "arms": ARMS,
            "scales": {
                "smoke": scale("smoke", 6, ("crafter epsilon",), split="validation", videos=2),
                "small": scale("small", 12, ("crafter epsilon",), split="validation", videos=2),
                "full": scale("full", 64, split="validation"),
            },
            "methods": (),
        }
    )
)
