"""The scorers behind OmniScore's light dimensions."""

from harness.registry import register

for name, summary, target in (
    ("brisque", "BRISQUE of every frame (Mittal et al. 2012)", "models.scorers.brisque:Brisque"),
    (
        "nima-mobilenet",
        "NIMA's aesthetic grade of every frame (Talebi and Milanfar 2018)",
        "models.scorers.nima:Aesthetics",
    ),
    (
        "subject-efficientnet-lite0",
        "whether what moves by itself stays what it is: features of EfficientNet-Lite0",
        "models.scorers.consistency:subject",
    ),
    (
        "background-efficientnet-lite0",
        "whether what does not move by itself stays what it is: features of EfficientNet-Lite0",
        "models.scorers.consistency:background",
    ),
    ("motion-raft-small", "how much each step moves: flow of RAFT-small", "models.scorers.flow:motion_raft_small"),
    ("motion-dis", "how much each step moves: flow of OpenCV's DIS, no weights", "models.scorers.flow:motion_dis"),
    (
        "smoothness-rife",
        "whether every second frame is the one that RIFE interpolates",
        "models.scorers.smoothness:Smoothness",
    ),
):
    register("scorer", name, summary=summary, target=target)
