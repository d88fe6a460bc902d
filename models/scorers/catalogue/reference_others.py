"""The scorers behind OmniScore's reference dimensions that see single frames by MUSIQ, and motion by AMT-S."""

from harness.registry import register

for name, summary, target in (
    (
        "musiq-spaq",
        "MUSIQ's grade of every frame, as VBench's imaging quality",
        "models.scorers.reference.musiq:ImagingQuality",
    ),
    (
        "smoothness-amt-s",
        "whether every second frame is the one that AMT-S interpolates, as VBench's motion smoothness",
        "models.scorers.reference.amt:Smoothness",
    ),
):
    register("scorer", name, summary=summary, target=target)
