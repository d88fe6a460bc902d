"""What scoring a folder returns."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from harness.types import Data, Direction
from harness.videos.reading import VideoFacts


class MetricScore(Data):
    """A metric over all videos.

    Attributes:
        value: Mean over videos, or the distance of the sets; None with a reason.
        low: Lower end of its interval, or None.
        high: Upper end.
        n: Videos behind it.
        unit: Of all three.
        direction: Which way is better.
        level: Coverage of the interval.
        method: How value and interval were made.
        reason: Why value or interval is absent.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    unit: str
    direction: Direction
    level: float = 0.95
    method: str = ""
    reason: str | None = None


class VideoScore(Data):
    """One video.

    Attributes:
        path: Below the folder.
        reference: Its reference, below the reference folder; None without one.
        prompt: The text that it was made for; None without one.
        scores: Metric → value, for metrics of single videos.
        frame_scores: Metric → one value per frame, where the metric has such.
        reasons: Metric or feature space → why this video has no value of it.
        facts: What the file held and how it was read; None where it was not.
        error: Why nothing could be read or scored; None where something was.
    """

    path: str
    reference: str | None = None
    prompt: str | None = None
    scores: dict[str, float | None] = Field(default_factory=dict)
    frame_scores: dict[str, list[float]] = Field(default_factory=dict)
    reasons: dict[str, str] = Field(default_factory=dict)
    facts: VideoFacts | None = None
    error: str | None = None


class ScoreFacts(Data):
    """Scores of a folder.

    Attributes:
        folder: What was scored.
        reference: What it was compared with, or None.
        prompts: File of the videos' texts, or None.
        metrics: By name.
        videos: One per file of the folder, those with an error among them.
        reference_errors: Reference videos that could not be read: path → why.
        reference_facts: What the others held and how they were read: path → facts.
        reading: How videos were read, in words.
        settings: The same as data, and the versions and weights that the numbers depend on.
        kept: Folder that holds the scores, so that the same question is not computed again.
        reused: Rows (of a video, or a pair) that were there already.
        notes: What a reader should know.
    """

    folder: str
    reference: str | None
    prompts: str | None = None
    metrics: dict[str, MetricScore]
    videos: tuple[VideoScore, ...]
    reference_errors: dict[str, str] = Field(default_factory=dict)
    reference_facts: dict[str, VideoFacts] = Field(default_factory=dict)
    reading: str
    settings: dict[str, Any]
    kept: str
    reused: int = 0
    notes: tuple[str, ...] = ()
