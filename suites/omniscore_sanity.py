"""What every OmniScore dimension says of real clips with known faults: its own fault, and the others'.

Each arm spoils the same clips in one way, or puts the caption of another clip beside them; the baseline leaves them as
they are. A dimension must see its own fault. What it says of the others' is no mistake, and is told beside it: a
sharper frame flickers more. ``calibration`` spoils clips of the validation split, from which the light backends' scales
come; the other scales are of the test split.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from harness.registry import register
from harness.types import Arm, Case, Expectation, Scale, Suite, Threshold
from suites.metrics_sanity import REAL_CLIPS, WHAT

FAULTS: dict[str, tuple[int, ...]] = {
    "noise": (2, 3),
    "blur": (2, 3),
    "dull": (3,),
    "flicker": (2, 3),
    "stutter": (1, 3),
    "jitter": (3,),
    "cut": (3,),
    "freeze": (3,),
    "shuffle": (3,),
    "caption": (1,),
}
"""Faults of the maker and the strengths that are looked at."""

FAULT_WORDS = {
    **WHAT,
    "dull": "lost contrast and colour",
    "flicker": "flickering brightness",
    "stutter": "held frames",
    "cut": "a cut to another picture",
    "caption": "the caption of another clip",
}

DIMENSIONS = (
    "imaging_quality[brisque]",
    "aesthetic_quality[nima-mobilenet]",
    "subject_consistency[efficientnet-lite0]",
    "background_consistency[efficientnet-lite0]",
    "temporal_flickering[frame-difference]",
    "motion_smoothness[rife]",
    "motion_magnitude[raft-small]",
    "dynamic_degree[raft-small]",
    "motion_magnitude[dis]",
    "dynamic_degree[dis]",
    "text_alignment[video-text-crafter]",
    "text_alignment[video-text-crafter-judge]",
    "text_alignment[video-text-vizdoom]",
    "text_alignment[video-text-vizdoom-judge]",
    "text_alignment[conse]",
)

COMPOSITES = (
    "omniscore[light]",
    "omniscore[light-crafter]",
    "omniscore[light-crafter-pairing]",
    "omniscore[light-vizdoom]",
    "omniscore[light-vizdoom-pairing]",
)
"""Put together from the dimensions: what they say of each fault, whichever it is."""
METRICS = (*DIMENSIONS, *COMPOSITES)

OWN_FAULTS = {
    "imaging_quality": ("noise-3", "blur-3"),
    "aesthetic_quality": ("dull-3",),
    "subject_consistency": ("cut-3",),
    "background_consistency": ("cut-3",),
    "temporal_flickering": ("flicker-3",),
    "motion_smoothness": ("jitter-3",),
    "motion_magnitude": ("freeze-3",),
    "dynamic_degree": ("freeze-3",),
    "text_alignment": ("caption",),
}
"""Dimension → the arms that spoil what it measures."""


def name_of(fault: str, strength: int) -> str:
    """The arm's name; a fault that has one strength goes without a number."""
    return fault if fault == "caption" else f"{fault}-{strength}"


def arms() -> tuple[Arm, ...]:
    """The clip as it is, and every fault."""
    clean = Arm(name="clean", summary="the clip as it is", maker="fault", params={"fault": "none"})
    spoiled = (
        Arm(
            name=name_of(fault, strength),
            summary=f"{FAULT_WORDS[fault]}" + ("" if fault == "caption" else f", strength {strength}"),
            maker="fault",
            params={"fault": fault, "strength": strength},
        )
        for fault, strengths in FAULTS.items()
        for strength in strengths
    )
    return (clean, *spoiled)


def of_world(world: str, split: str, clips: int, frames: int) -> tuple[Case, ...]:
    """Clips of a world, each from another episode."""
    return tuple(
        Case(
            name=f"{world}/{split}/{index:04d}",
            group=world,
            model="",
            params={"world": world, "split": split, "index": index, "of": clips, "frames": frames},
        )
        for index in range(clips)
    )


def of_files(files: tuple[str, ...], frames: int = 16) -> tuple[Case, ...]:
    """One window of each real clip; a file is a case. The caption of another one is that of the next file."""
    captions = real_captions()
    return tuple(
        Case(
            name=f"real/{file}",
            group="real",
            model="",
            params={
                "file": file,
                "frames": frames,
                "caption": captions[file],
                "other_caption": captions[REAL_CLIPS[(REAL_CLIPS.index(file) + 1) % len(REAL_CLIPS)]],
            },
        )
        for file in files
    )


def real_captions() -> dict[str, str]:
    """What each real clip shows, in words."""
    return tomllib.loads(Path(__file__).with_name("real_captions.toml").read_text("utf-8"))


CALIBRATION_CLIPS, TEST_CLIPS = REAL_CLIPS[0::2], REAL_CLIPS[1::2]


WORLDS = {"crafter-9x9": 10, "vizdoom-6x8": 10}
"""World → frames of a clip after the first."""


def of_worlds(split: str, clips: int) -> tuple[Case, ...]:
    """Clips of every world."""
    return tuple(case for world, frames in WORLDS.items() for case in of_world(world, split, clips, frames))


register("suite", "omniscore-sanity")(
    Suite(
        name="omniscore-sanity",
        version=1,
        question="Does every OmniScore dimension see its own fault in real clips, and what does it say of the others'?",
        arms=arms(),
        baseline="clean",
        scales={
            "smoke": Scale(name="smoke", cases=of_world("crafter-9x9", "test", 4, 10), warmups=0),
            "calibration": Scale(
                name="calibration", cases=(*of_files(CALIBRATION_CLIPS), *of_worlds("validation", 16)), warmups=0
            ),
            "small": Scale(name="small", cases=(*of_files(TEST_CLIPS), *of_worlds("test", 16)), warmups=0),
            "full": Scale(name="full", cases=(*of_files(TEST_CLIPS), *of_worlds("test", 64)), warmups=0),
        },
        metrics=METRICS,
        primary_speed=None,
        primary_quality="temporal_flickering[frame-difference]",
        margin=0.01,
        margin_why="2.55 grey levels of mean difference from frame to frame: less than the weakest flicker here",
        thresholds=tuple(
            Threshold(metric=name, tau=0.0, why="whether a fault is seen at all, not how much it matters")
            for name in METRICS
        ),
        expectations=tuple(
            Expectation(arm=arm, metric=metric, verdict="regressed", why="the dimension's own fault")
            for metric in DIMENSIONS
            for arm in OWN_FAULTS[metric.partition("[")[0]]
        ),
    )
)
