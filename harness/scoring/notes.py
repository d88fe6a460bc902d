"""What a reader of scores should know, in one line each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.scoring.folder import Scored
from harness.scoring.kept import Kept
from harness.scoring.pairing import Found
from harness.scoring.rows import Question
from harness.videos.reading import VideoFacts

RATE_SHARE = 0.01
"""Stored rates that differ by more than this share are two rates."""


def notes_of(
    question: Question, found: Sequence[Found], references: Sequence[Path], ignored: int, scored: Scored, kept: Kept
) -> tuple[str, ...]:
    """Return the notes: codecs that change pixels, rates that differ, files without a partner, damaged lines."""
    facts = [video.facts for video in scored.videos if video.facts is not None]
    notes = [
        *_lossy("videos", facts),
        *_lossy("reference videos", list(scored.reference_facts.values())),
        *_rates(question, scored),
    ]
    partners = {video.reference for video in found}
    alone = [path for path in references if path not in partners]
    if question.pairs and alone and question.reference is not None:
        some = _some(str(path.relative_to(question.reference)) for path in alone)
        notes.append(f"{len(alone)} of {len(references)} reference videos belong to no video: {some}")
    notes += [note for name in question.composites for note in _composite(name, scored)]
    if ignored:
        what = "1 file was" if ignored == 1 else f"{ignored} files were"
        notes.append(f"{what} not looked at, with suffixes that are not those of videos")
    if kept.torn:
        what = "1 damaged line" if kept.torn == 1 else f"{kept.torn} damaged lines"
        notes.append(f"{what} of {kept.folder} set aside (scores.torn), and computed again")
    return tuple(notes)


def _composite(name: str, scored: Scored) -> list[str]:
    """What a preset of OmniScore reads out of its sources, and how many values lay beyond its scales."""
    from harness.metrics.omniscore.total import presets

    preset = presets().get(name.removeprefix("omniscore[").removesuffix("]"))
    if preset is None:  # a composite of a plug-in
        return []
    said = [f"{name} is version {preset.version}, {preset.summary}: {', '.join(preset.metrics)}"]
    said += [f"{name} leaves out {dimension}: it {why}" for dimension, why in preset.dropped.items()]
    said += [f"{name} reads what its sources leave open: {choice}" for choice in preset.left_open]
    totals = [
        preset.total(video.scores)
        for video in scored.videos
        if all(video.scores.get(m) is not None for m in preset.metrics)
    ]
    clipped = Counter(metric for total in totals for metric in total.clipped)
    rates = ", ".join(f"{metric} {count / len(totals):.0%}" for metric, count in clipped.most_common())
    return [*said, *([f"{name} clips values beyond its scales: {rates} of {len(totals)} videos"] if rates else [])]


def _lossy(what: str, facts: Sequence[VideoFacts]) -> list[str]:
    lossy = Counter(one.codec for one in facts if one.lossless is False)
    perhaps = Counter(one.codec for one in facts if one.lossless is None)
    said = []
    if lossy:
        count = sum(lossy.values())
        said.append(f"{count} of {len(facts)} {what} lossy ({', '.join(lossy)}): scored is what was decoded")
    if perhaps:
        count = sum(perhaps.values())
        said.append(f"{count} of {len(facts)} {what} perhaps lossy ({', '.join(perhaps)}: a codec that does not tell)")
    return said


def _rates(question: Question, scored: Scored) -> list[str]:
    if question.reading.fps is not None:
        return []
    differ = []
    for video in scored.videos:
        ours = None if video.facts is None else video.facts.stored_fps
        there = scored.reference_facts.get(video.reference or "")
        theirs = None if there is None or not video.scores else there.stored_fps
        if ours is not None and theirs is not None and abs(ours - theirs) > RATE_SHARE * theirs:
            differ.append(f"{video.path} ({ours:g} against {theirs:g} fps)")
    if not differ:
        return []
    return [
        f"{len(differ)} of {len(scored.videos)} videos at another rate than their reference, compared frame by frame: "
        f"{_some(differ)}. --fps resamples both by time"
    ]


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:3]) + " …" * (len(listed) > 3)
