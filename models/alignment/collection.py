"""Collects preferences (VideoDPO, section 3.2): N videos of every prompt from the model itself, each scored and kept.

Videos are sampled by groups of prompts. A group's latents are on disk, in float16, before the first of its videos is
scored, and what is decoded and scored is what is on disk; a prompt's lines are written at once. A killed run therefore
loses at most one batch of samples and one prompt's scores, and what it leaves is what the next one would have made.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.errors import DiptychError, UsageError
from harness.files import file_sha256, usable_folder, write_atomically
from models.alignment.artefact import (
    COLLECTION,
    LATENTS,
    PAIRS,
    SCORES,
    VIDEOS,
    CollectionFile,
    CollectionPlan,
    PairFile,
    Shard,
    VideoRow,
    video_name,
)
from models.alignment.files import GO_ON, parse_row, read_collection, read_pairs, read_rows, write_collection
from models.alignment.making import Sampler, VideoScorer, make_videos
from models.alignment.pairing import make_pair_file
from models.alignment.prompts import Prompt, PromptSet
from models.alignment.scores import score_table

MOST_VIDEOS = 1000


def check_counts(videos: int, seed: int) -> None:
    """Refuse numbers that no collection can have.

    Raises:
        UsageError: Fewer than two videos a prompt, very many, or a negative seed.
    """
    if not 2 <= videos <= MOST_VIDEOS:
        raise UsageError(
            f"the number of videos a prompt must be from 2 (a pair has two) to {MOST_VIDEOS}, not {videos}. "
            "Try: --videos 4"
        )
    if seed < 0:
        raise UsageError(f"the seed must be an integer of at least 0, not {seed}. Try: --seed 0")


def collect(
    folder: Path,
    model: Sampler,
    prompts: PromptSet,
    scorer: VideoScorer,
    plan: CollectionPlan,
    *,
    resume: bool = False,
    notes: Sequence[str] = (),
) -> PairFile:
    """Sample, score and pair; everything that is made stays in ``folder``.

    Args:
        folder: The artefact; made if need be.
        model: Samples and decodes.
        prompts: What it is asked.
        scorer: Gives the values of ``plan.metrics``.
        plan: What is asked, and what can change a number.
        resume: Go on with what is there; a finished collection stays as it is.
        notes: What a reader must know, kept with the collection.

    Returns:
        The pairs of the paper's options.

    Raises:
        UsageError: Numbers that cannot be, a prompt that the model cannot read, or, on resuming, other options than
            those of the folder; names them.
        DiptychError: The folder holds a collection already, none to go on with, or files that were changed.
    """
    check_counts(plan.videos, plan.seed)
    _check_prompts(model, prompts.prompts)
    with _alone(usable_folder(folder, "folder of the collection", "Choose another with --out.")):
        state = _opened(folder, plan, scorer.code_sha256, resume, (*_said(prompts), *notes))
        if state.status != "finished":
            done = _sound_rows(folder, plan, prompts.prompts)
            make_videos(folder, model, prompts.prompts, scorer, plan, done)
            _finish(folder, state)
        if (folder / f"{PAIRS}.json").exists():
            return read_pairs(folder)
        return make_pair_file(folder)


def _said(prompts: PromptSet) -> list[str]:
    facts = prompts.facts
    said = []
    if facts.empty_lines:
        said.append(f"{facts.empty_lines} empty lines of {facts.source} were left out")
    if facts.repeated:
        said.append(
            f"{facts.repeated} of {facts.count} prompts repeat an earlier one; each has videos and a pair of its own"
        )
    return said


def _check_prompts(model: Sampler, prompts: Sequence[Prompt], batch: int = 256) -> None:
    """Let the model read every prompt before the first is sampled: a word it does not know must not cost hours."""
    for start in range(0, len(prompts), batch):
        several = prompts[start : start + batch]
        try:
            model.condition([prompt.text for prompt in several])
        except UsageError:
            for prompt in several:
                try:
                    model.condition([prompt.text])
                except UsageError as error:
                    raise UsageError(f"{prompt.where} of the prompts: {error}") from error
            raise


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder, so that two processes never write one collection."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DiptychError(f"another process is collecting in {str(folder)!r}. Wait for it, or stop it.") from error
        yield
    finally:
        os.close(handle)


def _opened(folder: Path, plan: CollectionPlan, code: str, resume: bool, notes: Sequence[str]) -> CollectionFile:
    """The state of the collection, on disk when this returns."""
    there = (folder / COLLECTION).exists()
    if not resume:
        if there:
            raise DiptychError(
                f"{folder / COLLECTION} exists. Go on with --resume, or choose another folder with --out."
            )
        strange = [name for name in (VIDEOS, LATENTS, SCORES, f"{PAIRS}.json") if (folder / name).exists()]
        if strange:
            raise DiptychError(f"{folder / strange[0]} is in the way. Choose another folder with --out.")
        state = CollectionFile(status="unfinished", plan=plan, scoring_code_sha256=(code,), notes=tuple(notes))
        write_collection(folder, state)
        return state
    if not there:
        raise DiptychError(f"there is no collection in {str(folder)!r} to go on with. Start it without --resume.")
    state = read_collection(folder)
    differing = list(_differences(state.plan.model_dump(mode="json"), plan.model_dump(mode="json")))
    if differing:
        raise UsageError(
            f"{folder} is a collection with other options: {'; '.join(differing)}. Resume with the same, or choose "
            "another folder with --out."
        )
    for partial in (*folder.glob(".*.partial"), *(folder / LATENTS).glob(".*.partial")):
        partial.unlink()  # what a killed process was writing
    if state.status == "unfinished" and code not in state.scoring_code_sha256:
        state = state.model_copy(update={"scoring_code_sha256": (*state.scoring_code_sha256, code)})
        write_collection(folder, state)
    return state


def _differences(old: Any, new: Any, place: str = "") -> Iterator[str]:
    """What differs in two JSON documents, by dotted key."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys((*old, *new)):
            yield from _differences(old.get(key), new.get(key), f"{place}.{key}" if place else str(key))
    elif old != new:
        yield f"{place} is {old!r} there, {new!r} asked"


def _sound_rows(folder: Path, plan: CollectionPlan, prompts: Sequence[Prompt]) -> int:
    """Number of prompts whose videos are all on disk; a torn end is taken off.

    Raises:
        DiptychError: A line before the end is damaged, or is not of this collection.
    """
    path = folder / VIDEOS
    data = path.read_bytes() if path.exists() else b""
    lines = data.split(b"\n")[:-1]  # what follows the last newline is torn
    rows: list[VideoRow] = []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(parse_row(line, folder, number))
        except DiptychError:
            if number < len(lines):
                raise
    done = len(rows) // plan.videos
    for number, row in enumerate(rows[: done * plan.videos]):
        prompt, video = divmod(number, plan.videos)
        known = prompt < len(prompts) and row.text == prompts[prompt].text and row.video == video_name(prompt, video)
        if not known:
            raise DiptychError(f"{path}, line {number + 1} is not of this collection. Restore the file.")
    sound = b"".join(line + b"\n" for line in lines[: done * plan.videos])
    if sound != data:
        write_atomically(path, sound)
    return done


def _finish(folder: Path, state: CollectionFile) -> None:
    """Write what follows from the videos, ``collection.json`` with the hashes of all of it last.

    Raises:
        DiptychError: Latents are not those that were scored.
    """
    rows = read_rows(folder)
    shards: dict[str, list[VideoRow]] = {}
    for row in rows:
        shards.setdefault(row.shard, []).append(row)
    for file, inside in shards.items():
        found = file_sha256(folder / file) if (folder / file).is_file() else "none"
        if {row.shard_sha256 for row in inside} != {found}:
            raise DiptychError(
                f"the latents {folder / file} are missing, or were changed after their videos were scored. Restore the "
                f"file. {GO_ON}"
            )
    write_atomically(folder / SCORES, score_table(rows, state.plan))
    versions = len(state.scoring_code_sha256)
    changed = (f"the code that scores changed while this was collected: {versions} versions took part",)
    finished = {
        "notes": (*state.notes, *(changed if versions > 1 else ())),
        "status": "finished",
        "videos_sha256": file_sha256(folder / VIDEOS),
        "shards": tuple(
            Shard(file=file, sha256=inside[0].shard_sha256, videos=len(inside)) for file, inside in shards.items()
        ),
    }
    write_collection(folder, state.model_copy(update=finished))
