"""What an import of VBench results tells, as data: the keys of ``--json``."""

from __future__ import annotations

from pathlib import Path

from harness.types import Data, Finding
from harness.vbench.dimensions import DIMENSIONS, Part
from harness.vbench.read import Results, SourceFile, common_unit, values_of
from harness.vbench.totals import totals

TOLD_AGREES = 0.015
"""Percent that a total told by a file may differ by: dimensions and totals are printed with two decimals."""


class DimensionFacts(Data):
    """One dimension of one model.

    Attributes:
        value: As the official tool writes it, a fraction; or None.
        minimum: What normalises to 0, a fraction.
        maximum: What normalises to 1, a fraction.
        normalised: ``(value - minimum) / (maximum - minimum)``, a fraction, not clipped; or None.
        weight: In its part's mean.
        part: ``"quality"`` or ``"semantic"``.
        unit: Of value, minimum, maximum and normalised.
        videos: How many videos the file gives a value of.
        measured_by: The model or formula behind it.
        reason: Why there is no value, or no value of single videos; or None.
    """

    value: float | None
    minimum: float
    maximum: float
    normalised: float | None
    weight: float
    part: Part
    unit: str = "fraction"
    videos: int = 0
    measured_by: str = ""
    reason: str | None = None


class ModelFacts(Data):
    """What the files of one model say.

    Attributes:
        label: What the model is called.
        quality: Percent, or None.
        semantic: Percent, or None.
        total: Percent, or None.
        dimensions: All sixteen by name, in VBench's order.
        missing: Those without a value.
        reason: Why a total is absent, or None.
        unit: In which unit plain numbers were read: ``"fraction"``, ``"percent"``, or ``"mixed"``.
        files: Where the values come from.
        told: Totals that the files tell themselves, percent.
        notes: What a reader must know.
    """

    label: str
    quality: float | None
    semantic: float | None
    total: float | None
    dimensions: dict[str, DimensionFacts]
    missing: tuple[str, ...]
    reason: str | None
    unit: str
    files: tuple[SourceFile, ...]
    told: dict[str, float]
    notes: tuple[str, ...] = ()


class Pairs(Data):
    """How many videos of a dimension were matched.

    Attributes:
        videos: With a value of both models.
        prompts: How many prompts those are of.
        only_here: Videos with a value of the model alone.
        only_against: Videos with a value of the other model alone.
    """

    videos: int
    prompts: int
    only_here: int
    only_against: int


class ImportedRun(Data):
    """A run that was made of two models' values of single videos.

    Attributes:
        run_id: Its name.
        path: Its folder.
        arms: The models: the baseline, and the one that is judged.
        pairs: Dimension → what was matched.
        only_here: Videos that the model alone has any value of.
        only_against: Videos that the other model alone has any value of.
        findings: Every dimension's difference, intervals over prompts.
        conclusion: In one sentence.
        notes: What a reader must know.
    """

    run_id: str
    path: Path
    arms: tuple[str, ...]
    pairs: dict[str, Pairs]
    only_here: int
    only_against: int
    findings: tuple[Finding, ...]
    conclusion: str
    notes: tuple[str, ...] = ()


class VBenchFacts(ModelFacts):
    """What was imported.

    Attributes:
        against: The model it is held against, or None.
        differences: ``quality``, ``semantic`` and ``total``, this model's minus the other's, in percentage points; None
            where one of the two is absent.
        run: The run that was made, or None.
        run_reason: Why there is none, or None.
    """

    against: ModelFacts | None = None
    differences: dict[str, float | None] | None = None
    run: ImportedRun | None = None
    run_reason: str | None = None


def model_facts(results: Results) -> ModelFacts:
    """Return what files say, with VBench's totals of it."""
    found = totals(values_of(results))
    dimensions = {}
    notes = list(results.notes)
    for name, dimension in DIMENSIONS.items():
        given = results.values.get(name)
        value = None if given is None else given.value
        normalised = None if value is None else dimension.normalised(value)
        known = 0 if given is None else sum(one is not None for one in given.videos.values.values())
        dimensions[name] = DimensionFacts(
            value=value,
            minimum=dimension.minimum,
            maximum=dimension.maximum,
            normalised=normalised,
            weight=dimension.weight,
            part=dimension.part,
            videos=known,
            measured_by=dimension.measured_by,
            reason="no file gives a value of it" if given is None else given.videos.reason,
        )
        if normalised is not None and not 0 <= normalised <= 1:
            bounds = f"{dimension.minimum:g} to {dimension.maximum:g}"
            notes.append(
                f"{name} is {value:.4g}, outside of VBench's bounds {bounds}; nothing is clipped, as in VBench"
            )
    for name, told in results.told.items():
        computed = getattr(found, name)
        if computed is not None and abs(computed - told) > TOLD_AGREES:
            notes.append(f"{name} is {computed:.2f} by VBench's formula, and the file says {told:.2f}")
    return ModelFacts(
        label=results.label,
        quality=found.quality,
        semantic=found.semantic,
        total=found.total,
        dimensions=dimensions,
        missing=found.missing,
        reason=found.reason,
        unit=common_unit(results.files),
        files=tuple(results.files),
        told=results.told,
        notes=tuple(notes),
    )


def differences(here: ModelFacts, against: ModelFacts) -> dict[str, float | None]:
    """Return the totals of ``here`` minus those of ``against``, None where one is absent."""
    found: dict[str, float | None] = {}
    for name in ("quality", "semantic", "total"):
        one, other = getattr(here, name), getattr(against, name)
        found[name] = None if one is None or other is None else one - other
    return found
