"""The scorers behind OmniScore's reference dimensions: VBench's networks (DINO, CLIP, LAION's head, RAFT)."""

from harness.registry import register

for name, summary, target in (
    (
        "subject-dino-vitb16",
        "whether frames stay what they are: DINO's ViT-B/16, as VBench's subject consistency",
        "models.scorers.reference.consistency:subject",
    ),
    (
        "background-clip-vitb32",
        "whether frames stay what they are: CLIP's ViT-B/32, as VBench's background consistency",
        "models.scorers.reference.consistency:background",
    ),
    (
        "laion-clip-vitl14",
        "LAION's aesthetic grade of every frame on CLIP's ViT-L/14, as VBench's aesthetic quality",
        "models.scorers.reference.clip:aesthetics",
    ),
    (
        "motion-raft-things",
        "how much each step moves: flow of the large RAFT, as before VBench's dynamic degree",
        "models.scorers.reference.raft:motion_raft_things",
    ),
):
    register("scorer", name, summary=summary, target=target)
