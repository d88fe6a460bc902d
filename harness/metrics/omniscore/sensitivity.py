"""What each choice that the sources leave open changes: totals, order of videos, chosen pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from harness.errors import NoValueError, UsageError
from harness.metrics.omniscore.presets import Preset, readings
from harness.types import Data


class Reading(Data):
    """One reading against the declared one.

    Attributes:
        name: What is read otherwise.
        mean: Mean total over videos.
        spread: Mean difference of the best and the worst video of a prompt; None without prompts of several videos.
        tau: Kendall's rank correlation of the videos with the declared reading; None where nothing varies.
        other_winner: Share of prompts whose best video is another; None without prompts of several videos.
        other_loser: Share of prompts whose worst video is another.
    """

    name: str
    mean: float
    spread: float | None = None
    tau: float | None = None
    other_winner: float | None = None
    other_loser: float | None = None


class Sensitivity(Data):
    """All readings of a preset on some videos.

    Attributes:
        preset: Its name.
        videos: Videos that have every part.
        prompts: Prompts with two of them or more.
        readings: The declared one first.
        left_out: Videos that lack a part.
    """

    preset: str
    videos: int
    prompts: int
    readings: tuple[Reading, ...]
    left_out: int = 0


def sensitivity(preset: Preset, videos: Sequence[tuple[str, Mapping[str, float | None]]]) -> Sensitivity:
    """Score the same videos by every reading.

    Args:
        preset: The declared reading.
        videos: Prompt (any name of its own where there is none), and metric → value.

    Raises:
        UsageError: No video has every part.
    """
    choices = readings(preset)
    totals: dict[str, list[float]] = {name: [] for name in choices}
    prompts: list[str] = []
    left_out, why = 0, ""
    for prompt, values in videos:
        try:
            found = {name: choice.total(values).score for name, choice in choices.items()}
        except NoValueError as error:
            left_out, why = left_out + 1, str(error)
            continue
        prompts.append(prompt)
        for name, score in found.items():
            totals[name].append(score)
    if not prompts:
        raise UsageError(f"no video has every part of preset {preset.name!r}: {why or 'there is no video'}.")
    several = [np.flatnonzero(np.array(prompts) == name) for name in dict.fromkeys(prompts)]
    several = [places for places in several if len(places) > 1]
    declared = np.array(totals[next(iter(choices))])
    rows = tuple(_reading(name, np.array(scores), declared, several) for name, scores in totals.items())
    return Sensitivity(preset=preset.name, videos=len(prompts), prompts=len(several), readings=rows, left_out=left_out)


def _reading(name: str, scores: np.ndarray, declared: np.ndarray, several: Sequence[np.ndarray]) -> Reading:
    from scipy.stats import kendalltau

    tau = float(kendalltau(scores, declared).statistic) if len(scores) > 1 else float("nan")
    facts: dict[str, float] = {}
    if several:
        facts = {
            "spread": float(np.mean([np.ptp(scores[places]) for places in several])),
            "other_winner": float(np.mean([scores[p].argmax() != declared[p].argmax() for p in several])),
            "other_loser": float(np.mean([scores[p].argmin() != declared[p].argmin() for p in several])),
        }
    return Reading(name=name, mean=float(scores.mean()), tau=tau if np.isfinite(tau) else None, **facts)
