"""VBench files for tests: the constants typed again from the paper notes, the leaderboard's row, and drawn results."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

# name: (min, max, weight, part), typed independently of harness.vbench.dimensions
BOUNDS = {
    "subject_consistency": (0.1462, 1.0, 1.0, "Q"),
    "background_consistency": (0.2615, 1.0, 1.0, "Q"),
    "temporal_flickering": (0.6293, 1.0, 1.0, "Q"),
    "motion_smoothness": (0.706, 0.9975, 1.0, "Q"),
    "dynamic_degree": (0.0, 1.0, 0.5, "Q"),
    "aesthetic_quality": (0.0, 1.0, 1.0, "Q"),
    "imaging_quality": (0.0, 1.0, 1.0, "Q"),
    "object_class": (0.0, 1.0, 1.0, "S"),
    "multiple_objects": (0.0, 1.0, 1.0, "S"),
    "human_action": (0.0, 1.0, 1.0, "S"),
    "color": (0.0, 1.0, 1.0, "S"),
    "spatial_relationship": (0.0, 1.0, 1.0, "S"),
    "scene": (0.0, 0.8222, 1.0, "S"),
    "appearance_style": (0.0009, 0.2855, 1.0, "S"),
    "temporal_style": (0.0, 0.364, 1.0, "S"),
    "overall_consistency": (0.0, 0.364, 1.0, "S"),
}
NAMES = tuple(BOUNDS)
VC2_PERCENT = dict(
    zip(
        NAMES,
        (
            96.85,
            98.22,
            98.41,
            97.73,
            42.50,
            63.13,
            67.22,
            92.55,
            40.66,
            95.00,
            92.92,
            35.86,
            55.29,
            25.13,
            25.84,
            28.23,
        ),
        strict=True,
    )
)
"""VideoCrafter2's row of the leaderboard, whose totals are 82.20, 73.42 and 80.44."""


def fractions(percent: dict[str, float]) -> dict[str, float]:
    return {name: value / 100 for name, value in percent.items()}


def video_list(
    prompts: int, numbers: int, draw: Any, name: str, folder: str = "./sampled_videos"
) -> list[dict[str, Any]]:
    """A list as the official tool writes it: every prompt's videos, ``draw(prompt, number)`` the fraction of each."""
    rows = []
    for prompt in range(prompts):
        for number in range(numbers):
            value = draw(prompt, number)
            if name == "imaging_quality":
                value = 100 * value
            rows.append({"video_path": f"{folder}/a cat does trick {prompt}-{number}.mp4", "video_results": value})
    return rows


def official(
    names: tuple[str, ...] = NAMES[:7], *, prompts: int = 12, numbers: int = 5, shift: float = 0.0, seed: int = 0
) -> dict[str, list[Any]]:
    """Results of a model: the same prompts are easy or hard for every model, ``shift`` makes one better."""
    noise = random.Random(seed)
    found: dict[str, list[Any]] = {}
    for name in names:
        ease = [random.Random(f"{name} {prompt}").uniform(0.75, 0.9) for prompt in range(prompts)]

        def draw(prompt: int, number: int, ease: list[float] = ease, name: str = name) -> Any:
            value = min(1.0, max(0.0, ease[prompt] + shift + noise.gauss(0, 0.01)))
            return value > 0.8 if name in ("dynamic_degree", "human_action") else value

        rows = video_list(prompts, numbers, draw, name)
        mean = sum(float(row["video_results"]) for row in rows) / len(rows)
        found[name] = [mean / 100 if name == "imaging_quality" else mean, rows]
    return found


def write(path: Path, document: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return path
