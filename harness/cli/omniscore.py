"""OmniScore as verbs: its presets, what its readings change, whether its dimensions can be believed, their scales."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli.builtin import load_builtin
from harness.errors import UsageError
from harness.types import Data

if TYPE_CHECKING:
    from harness.metrics.omniscore.calibrate import Draft
    from harness.metrics.omniscore.presets import Preset
    from harness.store.records import Manifest, TrialRecord
    from harness.types import Suite

SANITY, SAMPLES = "omniscore-sanity", "omniscore-samples"
LIGHT = (
    "imaging_quality[brisque]",
    "aesthetic_quality[nima-mobilenet]",
    "subject_consistency[efficientnet-lite0]",
    "background_consistency[efficientnet-lite0]",
    "temporal_flickering[frame-difference]",
    "motion_smoothness[rife]",
)
GROUPS = {
    "light": ("real", (), "text_alignment[conse]"),
    "light-crafter": ("crafter-9x9", ("crafter-9x9",), "text_alignment[video-text-crafter]"),
    "light-vizdoom": ("vizdoom-6x8", ("vizdoom-6x8",), "text_alignment[video-text-vizdoom]"),
}
"""Preset → the clips that calibrate it, the worlds that it is for, its semantics."""
REWARD = "-pairing"
MOTION = {
    "": ("dynamic_degree[raft-small]", "for reports"),
    REWARD: ("motion_magnitude[raft-small]", "for choosing pairs, with continuous motion"),
}
LEFT_OPEN = (
    "seven or eight sub-scores: background consistency, which only some notes name, is a part where it is admitted",
    "weights inside quality: VBench's, 0.5 for dynamic degree and 1 for the rest",
)


class PresetsFacts(Data):
    """Presets of OmniScore.

    Attributes:
        presets: As they are declared.
        calibration: What the light ones were calibrated on; empty where there is none.
    """

    presets: tuple[dict[str, Any], ...]
    calibration: dict[str, Any]


class ValidityFacts(Data):
    """What a run of the sanity suite says of each dimension.

    Attributes:
        run_id: The run.
        groups: World → metric → faulty arm → area under the ROC curve.
        admissions: Preset → what the admission test says of each part that was wished for.
        samples: The run of samples behind saturation and variance, or None.
    """

    run_id: str
    groups: dict[str, dict[str, dict[str, dict[str, Any]]]]
    admissions: dict[str, tuple[dict[str, Any], ...]]
    samples: str | None = None


class SensitivityFacts(Data):
    """What the readings of a preset change, by group of videos.

    Attributes:
        source: Run or file of scores.
        groups: Group → the readings.
    """

    source: str
    groups: dict[str, dict[str, Any]]


class CalibrationFacts(Data):
    """What was calibrated.

    Attributes:
        path: Where the presets were written.
        set_sha256: Of the calibration set.
        presets: Their names.
        dropped: Preset → dimension → why it is no part.
        without: Presets that have no part of one side, and so do not exist.
    """

    path: str
    set_sha256: str
    presets: tuple[str, ...]
    dropped: dict[str, dict[str, str]]
    without: tuple[str, ...] = ()


def omniscore_presets(name: str | None = None) -> PresetsFacts:
    """Return the presets, or one of them.

    Raises:
        UsageError: There is no preset of that name.
    """
    from harness.metrics.omniscore.total import declared, preset, presets

    chosen = list(presets().values()) if name is None else [preset(name)]
    return PresetsFacts(presets=tuple(p.model_dump(mode="json") for p in chosen), calibration=declared()["calibration"])


def omniscore_validity(
    run: str | Path, samples: str | Path | None = None, results: str | Path | None = None
) -> ValidityFacts:
    """Say how well each dimension tells each fault from clean video, and which it admits to a reward.

    Args:
        run: Of the suite ``omniscore-sanity``.
        samples: Of the suite ``omniscore-samples``: for saturation and the variance inside prompts.
        results: Where runs are kept.

    Raises:
        UsageError: A run of another suite.
    """
    from harness.metrics.omniscore.calibrate import admissions as held
    from harness.metrics.omniscore.total import candidates
    from harness.metrics.omniscore.validity import fault_matrix

    manifest, records = _read(run, SANITY, results)
    sampled = None if samples is None else _read(samples, SAMPLES, results)
    directions = _directions(manifest)
    groups: dict[str, Any] = {}
    admissions: dict[str, Any] = {}
    for group, values in _values(records).items():
        matrix = fault_matrix(values, manifest.suite.baseline, directions)
        groups[group] = {m: {arm: a.model_dump() for arm, a in row.items()} for m, row in matrix.items()}
        videos = [] if sampled is None else _videos(*sampled).get(group, [])
        for name, whole in candidates().items():
            if whole.group == group:
                tests = held(whole, matrix, videos, _own_faults(manifest.suite))
                admissions[name] = tuple(test.model_dump() for test in tests)
    sampled_id = None if sampled is None else sampled[0].run_id
    return ValidityFacts(run_id=manifest.run_id, groups=groups, admissions=admissions, samples=sampled_id)


def omniscore_sensitivity(
    source: str | Path, preset: str | None = None, results: str | Path | None = None
) -> SensitivityFacts:
    """Say what each choice that the sources leave open changes on the videos of a run.

    Args:
        source: A run whose suite records the preset's parts, or a file that ``diptych score --json`` wrote.
        preset: Name of a preset; that of each world if None.
        results: Where runs are kept.

    Raises:
        UsageError: No such preset, or no video that has every part.
    """
    from harness.metrics.omniscore.sensitivity import sensitivity
    from harness.metrics.omniscore.total import preset as named
    from harness.metrics.omniscore.total import presets

    if Path(source).is_file():
        groups = {"videos": _scored_videos(Path(source))}
    else:
        groups = _videos(*_read(source, None, results))
    found: dict[str, Any] = {}
    for group, videos in groups.items():
        chosen = [named(preset)] if preset is not None else [p for p in presets().values() if p.group == group]
        for one in chosen:
            found[f"{group}, {one.name}"] = sensitivity(one, videos).model_dump(mode="json")
    if not found:
        valid = ", ".join(presets()) or "none"
        raise UsageError(f"no preset is made for {', '.join(groups)}. Name one with --preset. Valid: {valid}.")
    return SensitivityFacts(source=str(source), groups=found)


def omniscore_calibrate(
    run: str | Path, output: Path, samples: str | Path | None = None, results: str | Path | None = None
) -> CalibrationFacts:
    """Write the light presets that a run of the sanity suite calibrates.

    Args:
        run: Of the suite ``omniscore-sanity``, scale ``calibration``.
        output: File of presets.
        samples: Of the suite ``omniscore-samples``, scale ``calibration``.
        results: Where runs are kept.

    Raises:
        UsageError: Runs of other suites or scales: clips that are tested on do not calibrate.
    """
    from harness.files import write_atomically
    from harness.metrics.omniscore.calibrate import PERCENTILES, admissions, admitted, candidate
    from harness.metrics.omniscore.validity import fault_matrix

    manifest, records = _read(run, SANITY, results)
    sampled = None if samples is None else _read(samples, SAMPLES, results)
    for one in (manifest, *(() if sampled is None else (sampled[0],))):
        if one.plan.scale != "calibration":
            raise UsageError(
                f"run {one.run_id} is of scale {one.plan.scale!r}, whose clips are tested on. "
                f"Run: diptych run {one.suite.name} --scale calibration"
            )
    clips = sorted((r.block.case, r.arm, r.hashes["tokens"]) for r in records)
    set_sha256 = hashlib.sha256(json.dumps(clips).encode()).hexdigest()
    directions = _directions(manifest)
    own = _own_faults(load_builtin().get("suite", SANITY))  # what is decided here is declared there
    wholes: list[Preset] = []
    presets: list[Preset] = []
    tests: dict[str, Any] = {}
    for group, values in _values(records).items():
        matrix = fault_matrix(values, manifest.suite.baseline, directions)
        videos = [] if sampled is None else _videos(*sampled).get(group, [])
        count = max(sum(len(cases) for cases in arms.values()) for arms in values.values())
        for draft in _drafts(group):
            whole = candidate(
                draft,
                values,
                directions,
                version=f"1-{set_sha256[:8]}",
                source=f"1st and 99th percentile over {count} clean and faulty clips of suite {SANITY}",
                left_open=LEFT_OPEN,
            )
            held = admissions(whole, matrix, videos, own)
            left = admitted(whole, held, reward=whole.name.endswith(REWARD))
            wholes.append(whole)
            presets += [] if left is None else [left]
            tests[whole.name] = [test.model_dump(mode="json") for test in held]
    text = {
        "calibration": {
            "suite": SANITY,
            "scale": "calibration",
            "run": manifest.run_id,
            "samples": None if sampled is None else sampled[0].run_id,
            "clips": len(clips),
            "set_sha256": set_sha256,
            "percentiles": list(PERCENTILES),
        },
        "presets": [preset.model_dump(mode="json") for preset in presets],
        "candidates": [whole.model_dump(mode="json") for whole in wholes],
        "admissions": tests,
    }
    write_atomically(output, json.dumps(text, indent=1, ensure_ascii=False).encode() + b"\n")
    return CalibrationFacts(
        path=str(output),
        set_sha256=set_sha256,
        presets=tuple(preset.name for preset in presets),
        dropped={preset.name: preset.dropped for preset in presets},
        without=tuple(whole.name for whole in wholes if whole.name not in {preset.name for preset in presets}),
    )


def _drafts(group: str) -> list[Draft]:
    """A group's two presets: one for reports with VBench's binary rule, one for pairs with the continuous measure."""
    from harness.metrics.omniscore.calibrate import Draft

    return [
        Draft(
            name=f"{name}{suffix}",
            summary=f"light backends, scales of {of_group} clips, {what}",
            group=of_group,
            worlds=worlds,
            metrics={"quality": (*LIGHT, moving), "semantics": (semantics,)},
        )
        for name, (of_group, worlds, semantics) in GROUPS.items()
        if of_group == group
        for suffix, (moving, what) in MOTION.items()
    ]


def _read(run: str | Path, suite: str | None, results: str | Path | None) -> tuple[Manifest, list[TrialRecord]]:
    from harness.store.locate import find_run, results_root
    from harness.store.run_store import RunStore

    load_builtin()
    store = RunStore.open(find_run(run, results_root(results)))
    manifest = store.manifest
    if suite is not None and manifest.suite.name != suite:
        raise UsageError(f"run {manifest.run_id} is of suite {manifest.suite.name!r}. Run: diptych run {suite}")
    return manifest, [record for record in store.records() if record.status == "finished"]


def _directions(manifest: Manifest) -> dict[str, Any]:
    registry = load_builtin()
    return {name: registry.get("metric", name).direction for name in manifest.suite.metrics}


def _values(records: Sequence[TrialRecord]) -> dict[str, Any]:
    """Group → metric → arm → case → value."""
    found: dict[str, Any] = {}
    for record in records:
        of_group = found.setdefault(record.block.group, {})
        for metric, value in record.values.items():
            of_group.setdefault(metric, {}).setdefault(record.arm, {})[record.block.case] = value
    return found


def _videos(manifest: Manifest, records: Sequence[TrialRecord]) -> dict[str, list[Any]]:
    """Group → prompt and values of every video of the baseline arm."""
    found: dict[str, list[Any]] = {}
    for record in records:
        if record.arm == manifest.suite.baseline:
            found.setdefault(record.block.group, []).append((record.block.case, record.values))
    return found


def _scored_videos(path: Path) -> list[Any]:
    try:
        facts = json.loads(path.read_text("utf-8").strip().splitlines()[-1])
        videos = facts["videos"]
        return [(video.get("prompt") or video["path"], video["scores"]) for video in videos]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise UsageError(f"{path} holds no scores of videos. Make it with: diptych score … --json > {path}") from error


def _own_faults(suite: Suite) -> dict[str, tuple[str, ...]]:
    """Dimension → its own faults: the arms of which the suite expects that they regress in it."""
    from harness.metrics.omniscore.calibrate import dimension_of

    found: dict[str, dict[str, None]] = {}
    for expected in suite.expectations:
        if expected.verdict == "regressed":
            found.setdefault(dimension_of(expected.metric), {})[expected.arm] = None
    return {dimension: tuple(arms) for dimension, arms in found.items()}
