"""Importing other tools' results as verbs: files read, totals computed, and of two models' files a run made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.builtin import load_builtin
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.vbench.facts import VBenchFacts
    from harness.vbench.read import Results, Unit

THRESHOLD_POINTS = 1.0


def import_vbench(
    files: str | Path | Sequence[str | Path],
    *,
    against: str | Path | Sequence[str | Path] = (),
    label: str | None = None,
    against_label: str | None = None,
    unit: Unit | None = None,
    numbered: bool = True,
    primary: str | None = None,
    threshold_points: float = THRESHOLD_POINTS,
    results: str | Path | None = None,
) -> VBenchFacts:
    """Read VBench's result files, compute its totals, and hold one model against another.

    Args:
        files: Result files of one model, or folders of them: the official ``*_eval_results.json``, one for all
            dimensions or one for each, or a plain object dimension → number.
        against: The same of another model, the baseline.
        label: What to call the model; made of the first file's name if None.
        against_label: The same of the other.
        unit: ``"fraction"`` or ``"percent"``, of plain numbers; told by the numbers if None.
        numbered: Videos are named ``PROMPT-NUMBER``, as VBench asks for; False where the number is part of the prompt,
            so that every video has one of its own.
        primary: The dimension that the run concludes on; the first in VBench's order that can be paired if None.
        threshold_points: Change of a dimension that matters, in points of a hundred on its normalised scale.
        results: Where the run goes that is made of videos that both models have; ``DIPTYCH_RESULTS`` or ``./results``
            if None.

    Returns:
        Totals in percent, dimensions, what is missing, and of two models their differences and the run.

    Raises:
        UsageError: No such file, an unknown dimension, or a number that cannot be asked for.
        DiptychError: A file that is no such result, a value that cannot be, or nothing to pair where ``results`` or
            ``primary`` ask for a run.
    """
    from harness.errors import DiptychError
    from harness.vbench.facts import VBenchFacts, differences, model_facts
    from harness.vbench.read import read_results
    from harness.vbench.runs import import_run, nothing_to_pair

    here = read_results(_several(files), label=label, unit=unit, numbered=numbered)
    facts = VBenchFacts(**dict(model_facts(here)))
    others = _several(against)
    if not others:
        if results is not None or primary is not None:
            option = "-o/--results" if results is not None else "--primary"
            raise UsageError(f"{option} is of the run that two models make; name the other one with --against FILE.")
        return facts
    there = read_results(others, label=against_label, unit=unit, numbered=numbered)
    _tell_apart(here, there, _several(files), others, told=(label is not None, against_label is not None))
    sides = [model_facts(here), model_facts(there)]
    facts = VBenchFacts(**dict(sides[0]), against=sides[1], differences=differences(*sides))
    why = nothing_to_pair(here, there)
    if why is not None:
        if results is not None or primary is not None:
            raise DiptychError(f"no run can be made of {here.label!r} and {there.label!r}: {why}.")
        return facts.model_copy(update={"run_reason": why})
    registry = load_builtin()
    run = import_run(here, there, registry, primary=primary, threshold_points=threshold_points, results=results)
    return facts.model_copy(update={"run": run})


def _several(paths: str | Path | Sequence[str | Path]) -> list[str | Path]:
    return [paths] if isinstance(paths, str | Path) else list(paths)


def _tell_apart(
    here: Results,
    there: Results,
    files: Sequence[str | Path],
    others: Sequence[str | Path],
    *,
    told: tuple[bool, bool],
) -> None:
    """Give two models of one name those of their folders, unless the names were asked for."""
    if here.label != there.label:
        return
    if not any(told):
        parents = [Path(paths[0]).expanduser().resolve().parent.name for paths in (files, others)]
        if parents[0] != parents[1] and all(parents):
            here.label, there.label = (
                f"{parent}-{side.label}" for parent, side in zip(parents, (here, there), strict=True)
            )
            return
    raise UsageError(f"both models are called {here.label!r}; tell them apart: --label NAME --against-label OTHER")
