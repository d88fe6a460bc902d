"""What every choice of the decoder costs: stand-ins, who sees them, refreshing, unwritten slots, another clip's cache.

The evidence for the engine's defaults, and the price of the released decoder's faults, each alone on top of the
defaults and each mended alone in the released decoder (validation clips, k = 1, where most tokens are drawn beside a
stand-in).
"""

from __future__ import annotations

from harness.registry import register
from harness.types import Arm, Scale, Suite, Value
from suites.decoding import FRAME_AT_ONCE, MARGIN, MARGIN_WHY, cases, thresholds

METRICS = ("frames_per_second", "token_accuracy", "model_bits_per_token", "psnr", "ssim")
STALE = {"unwritten": True, "stale": True}
RELEASED: dict[str, Value] = {"placeholder": "prompt", "provisional": "all", "refresh": False, "unwritten": True}
"""The released decoder in single switches, where k is below the number of columns."""


def diagonal(name: str, summary: str, **params: Value) -> Arm:
    """Diagonal decoding inside frames with k = 1."""
    return Arm(name=name, summary=summary, maker="decoding", params={"schedule": "diagonal", "k": 1, **params})


ARMS = (
    Arm(name="sequential", summary="no stand-ins", maker="decoding", params={"schedule": "sequential"}),
    diagonal("default", "stand-in above, seen by its own query, refreshed"),
    diagonal("repeat", "stand-in repeat", placeholder="repeat"),
    diagonal("prompt", "stand-in prompt", placeholder="prompt"),
    diagonal("previous", "stand-in previous", placeholder="previous"),
    diagonal("seen-by-all", "the stand-in is seen by all", provisional="all"),
    diagonal("prompt-seen-by-all", "stand-in prompt, seen by all", placeholder="prompt", provisional="all"),
    diagonal("never-refreshed", "a row's end is never refreshed, and seen by nobody", refresh=False),
    diagonal("never-refreshed-seen-by-all", "the stand-in stays for all", refresh=False, provisional="all"),
    diagonal("unwritten", "slots that were never written are seen, as zeros", unwritten=True),
    diagonal("unwritten-stale", "they hold another clip's keys and values", **STALE),
    diagonal("mineworld", "the released decoder, first clip", compat="mineworld"),
    diagonal("mineworld-repeat", "the same, repeating the newest token", compat="mineworld", placeholder="repeat"),
    diagonal("mineworld-stale", "the released decoder, any later clip", compat="mineworld", stale=True),
    diagonal("mineworld-refreshed", "the released decoder, refreshing", **{**RELEASED, "refresh": True}),
    diagonal("mineworld-written", "the released decoder, unwritten slots hidden", **{**RELEASED, "unwritten": False}),
    FRAME_AT_ONCE,
)


def scale(name: str, clips: int) -> Scale:
    """A scale by its number of validation clips."""
    chosen = cases("video-transformer-crafter-9x9", "crafter-9x9", clips, split="validation")
    return Scale(name=name, cases=chosen)


DECODING_FIDELITY = register("suite", "decoding-fidelity")(
    Suite(
        name="decoding-fidelity",
        version=1,
        question="What does each choice of the decoder cost, and each fault of the released one?",
        arms=ARMS,
        baseline="sequential",
        scales={"smoke": scale("smoke", 8), "small": scale("small", 64), "full": scale("full", 256)},
        metrics=METRICS,
        primary_speed="frames_per_second",
        primary_quality="ssim",
        margin=MARGIN,
        margin_why=MARGIN_WHY,
        thresholds=thresholds(METRICS),
        negative_control="frame-at-once",
    )
)
