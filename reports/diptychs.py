"""Which kept samples are shown, and their clips: the same prompt by several arms, beside what really happened."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.errors import DiptychError
from harness.store.records import BlockKey, TrialRecord
from harness.types import Metric
from reports.clips import data_uri, encode_clip
from reports.methods import motion
from reports.reading import Reading
from reports.wording import count, display_unit, metric_title, significant

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

TRUTH = "ground truth"
REAL = "real clip"
"""The clip that a text was made of: no continuation of anything."""


@dataclass(frozen=True)
class Panel:
    """One clip of a row.

    Attributes:
        arm: The arm that made it, or empty for the ground truth.
        title: What is written below it.
        facts: The trial's own numbers, such as ``"PSNR 21.3 dB"``.
        source: The clip as a ``data:`` address.
        trial: Index of the record, or None.
    """

    arm: str
    title: str
    facts: str
    source: str
    trial: int | None


@dataclass(frozen=True)
class Row:
    """One block: the same prompt and noise by every arm that kept its video.

    Attributes:
        block: The block.
        panels: By arm, in the suite's order.
        truth: The true continuation, or None.
        frames: Frames of each clip, prompt included.
        prompt_frames: How many of them were given.
        width: Pixels of a clip.
        height: Pixels of a clip.
        told: The text that the model was given, or empty.
    """

    block: BlockKey
    panels: tuple[Panel, ...]
    truth: Panel | None
    frames: int
    prompt_frames: int
    width: int
    height: int
    told: str = ""


@dataclass(frozen=True)
class Diptych:
    """All rows of a group and the arms they open with.

    Attributes:
        group: Stratum.
        left: The baseline.
        right: The arm with the best conclusion.
        control: The negative control, or None.
        arms: Every arm that has clips, in the suite's order.
        rows: The rows.
        kept: How many blocks kept samples in all.
    """

    group: str
    left: str
    right: str
    control: str | None
    arms: tuple[str, ...]
    rows: tuple[Row, ...]
    kept: int


@dataclass
class _Videos:
    """Reads and encodes each distinct video once."""

    reading: Reading
    clips: dict[tuple[str | None, str], tuple[str, int, int, int]] = field(default_factory=dict)

    def load(self, name: str) -> NDArray[np.uint8]:
        return self.reading.store.load_video(name)

    def clip(self, prompt: str | None, name: str) -> tuple[str, int, int, int]:
        """Return (address, frames, height, width) of prompt and continuation in one clip."""
        import numpy as np

        key = (prompt, name)
        if key not in self.clips:
            frames = self.load(name)
            if prompt is not None:
                frames = np.concatenate([self.load(prompt), frames])
            self.clips[key] = (data_uri(encode_clip(frames)), *frames.shape[:3])
        return self.clips[key]


def diptychs(reading: Reading, metrics: Mapping[str, Metric], rows_per_group: int) -> tuple[list[Diptych], list[str]]:
    """Choose the first blocks, in the order of the plan, whose videos were kept by the baseline and another arm.

    Args:
        reading: The run.
        metrics: Registered metrics, for the numbers below a panel.
        rows_per_group: Most rows per group; different cases come first.

    Returns:
        One diptych per group that has rows, and what to say of videos that are recorded but not there.
    """
    videos = _Videos(reading)
    shown: list[Diptych] = []
    notes: list[str] = []
    for group in reading.groups:
        usable = _kept(reading, group)
        rows: list[Row] = []
        lost: list[str] = []
        for trials in usable:
            if len(rows) == rows_per_group:
                break
            try:
                rows.append(_row(reading, metrics, trials, videos))
            except DiptychError as error:
                lost.append(str(error))
        if lost:
            notes.append(f"{group}: {count(len(lost), 'block')} of kept videos cannot be shown. {lost[0]}")
        if rows:
            shown.append(_diptych(reading, group, rows, len(usable)))
    return shown, notes


def _kept(reading: Reading, group: str) -> list[dict[str, TrialRecord]]:
    """Blocks with a kept video of the baseline and of another arm: first repetitions first, then the plan's order."""
    baseline = reading.manifest.suite.baseline
    kept: dict[tuple[str, int], dict[str, TrialRecord]] = {}
    for r in reading.finished(group):
        if r.sample is not None and r.sample.generated is not None:
            kept.setdefault((r.block.case, r.block.repetition), {})[r.arm] = r
    usable = [trials for trials in kept.values() if baseline in trials and len(trials) > 1]
    return sorted(usable, key=lambda trials: trials[baseline].block.repetition)


def _diptych(reading: Reading, group: str, rows: list[Row], kept: int) -> Diptych:
    suite = reading.manifest.suite
    arms = tuple(a for a in reading.styles if any(a == p.arm for row in rows for p in row.panels))
    others = [a for a in arms if a not in (suite.baseline, suite.negative_control)]
    others += [a for a in arms if a != suite.baseline]
    right = next((arm for arm in leading(reading, group) if arm in arms), others[0])
    control = suite.negative_control if suite.negative_control in arms and suite.negative_control != right else None
    return Diptych(group, suite.baseline, right, control, arms, tuple(rows), kept)


def leading(reading: Reading, group: str) -> list[str]:
    """The arms that a group's diptychs may open with, the best first: of methods, the best one's training seeds."""
    methods = [c for c in reading.analysis.method_conclusions if c.group == group]
    best = reading.best(group)
    return [seed.arm for c in methods for seed in c.seeds] + ([best.arm] if best is not None else [])


def _row(reading: Reading, metrics: Mapping[str, Metric], trials: Mapping[str, TrialRecord], videos: _Videos) -> Row:
    first = trials[reading.manifest.suite.baseline]
    assert first.sample is not None  # chosen for it
    assert first.sample.generated is not None
    prompt = first.sample.prompt
    told = first.info.get("prompt")
    told = told if isinstance(told, str) else ""
    panels = []
    for arm in reading.styles:
        record = trials.get(arm)
        if record is not None and record.sample is not None and record.sample.generated is not None:
            source = videos.clip(prompt, record.sample.generated)[0]
            panels.append(Panel(arm, arm, _facts(reading, metrics, record), source, record.index))
    truth = None
    if first.sample.reference is not None:
        title, facts = (REAL, "the clip that the text was made of") if told and prompt is None else (TRUTH, "")
        truth = Panel("", title, facts, videos.clip(prompt, first.sample.reference)[0], None)
    _, frames, height, width = videos.clip(prompt, first.sample.generated)
    given = 0 if prompt is None else len(videos.load(prompt))
    return Row(first.block, tuple(panels), truth, frames, given, width, height, told)


def _facts(reading: Reading, metrics: Mapping[str, Metric], record: TrialRecord) -> str:
    """This trial's own primary numbers."""
    suite = reading.manifest.suite
    parts = []
    speed_only = record.block.group in reading.speed_only
    names = [name for name in suite.primaries if not (speed_only and name == suite.primary_quality)]
    moved = motion(suite) if suite.methods else None
    for name in (*names, *([moved] if moved else [])):
        value = record.values.get(name)
        if value is not None:
            metric = metrics.get(name)
            unit = display_unit(metric.unit if metric else "", [value])
            title = metric_title(name) if name in (suite.primary_quality, moved) else ""
            parts.append(f"{title} {significant(value * unit.factor, 3)} {unit.label}".strip())
    return " · ".join(parts)
