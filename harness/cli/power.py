"""The verb ``power``: find the recorded run that a plan can rest on, and plan."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.facts import complete_pairs
from harness.cli.verbs import get_suite, load_metrics, open_run
from harness.errors import DiptychError, UsageError, unknown
from harness.store.records import Manifest, TrialRecord
from harness.types import Suite

if TYPE_CHECKING:
    from harness.power import Effect, PowerFacts

Recorded = tuple[Path, Manifest, Sequence[TrialRecord]]


def suite_power(
    suite: str,
    scale: str | None = None,
    *,
    effect: str | None = None,
    power: float = 0.9,
    run: str | None = None,
    metric: str | None = None,
    results: str | None = None,
) -> PowerFacts:
    """Say how many blocks a wished effect needs, by the spread that a run has recorded.

    Args:
        suite: Suite name.
        scale: Only runs at this scale; None for any.
        effect: Percent for ratios, the metric's unit for differences; ``"3%"`` means ratios alone. None for twice the
            threshold, and for no loss where quality shall be comparable.
        power: Probability with which the effect shall be seen, at least 0.5 and below 1.
        run: The recorded run; None for the newest one with a complete pair.
        metric: Only this primary metric.
        results: Where runs are kept.

    Raises:
        UsageError: Unknown suite, scale or metric; an effect or a power that is none.
        DiptychError: No run is recorded, or it is another suite's.
    """
    from harness.power import METHOD, PowerFacts, power_rows

    declared = get_suite(suite)
    if scale is not None and scale not in declared.scales:
        raise unknown("scale", scale, declared.scales, f"diptych plan {suite}")
    if not 0.5 <= power < 1:
        raise UsageError(f"the power to plan for is at least 0.5 and below 1, not {power:g}. Try: --power 0.9")
    primaries = declared.primaries
    if metric is not None and metric not in primaries:
        raise unknown(f"primary metric of suite {suite!r}:", metric, primaries, f"diptych power {suite}")
    wished = None if effect is None else parse_effect(effect)
    notes: list[str] = []
    found = newest_run(declared, scale, results, notes) if run is None else _named(run, declared, results)
    path, manifest, records = found
    rows = power_rows(manifest, records, load_metrics(), declared, power=power, effect=wished, only=metric)
    return PowerFacts(
        suite=suite,
        run_id=manifest.run_id,
        path=str(path.resolve()),
        scale=manifest.plan.scale,
        power=power,
        rows=tuple(rows),
        method=METHOD,
        notes=(*notes, *_changes(manifest.suite, declared)),
    )


def parse_effect(text: str) -> Effect:
    """Read ``"3%"`` or ``"0.02"``.

    Raises:
        UsageError: It is not a positive number.
    """
    from harness.power import Effect

    number = text.strip().removesuffix("%")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise UsageError(f"an effect is a positive number, in percent or in a metric's unit, not {text!r}. Try: 3%")
    return Effect(value=value, percent=text.strip().endswith("%"))


def newest_run(suite: Suite, scale: str | None, results: str | None, notes: list[str]) -> Recorded:
    """Return folder, manifest and records of the newest run of ``suite`` that has a complete pair.

    Args:
        suite: The suite.
        scale: Only runs at this scale; None for any.
        results: Where runs are kept.
        notes: Told of runs that cannot be read and are passed over.

    Raises:
        DiptychError: There is none; names the command that makes one.
    """
    for path, manifest, records in _runs(suite.name, results, notes):
        if scale in (None, manifest.plan.scale) and complete_pairs(records, suite.baseline):
            return path, manifest, records
    from harness.store.locate import results_root

    root = results_root(results)
    at = "" if scale is None else f" at scale {scale!r}"
    raise DiptychError(
        f"no run of suite {suite.name!r}{at} with a complete pair is recorded in {root} or results/baselines: the "
        f"spread that a plan rests on is measured. First: diptych run {suite.name} --scale {scale or 'smoke'}"
    )


def _runs(suite: str, results: str | None, notes: list[str]) -> Iterator[Recorded]:
    """Yield the runs of ``suite`` that can be read, the newest first."""
    from harness.store.locate import list_runs, results_root

    for folder in reversed(list_runs(results_root(results))):
        if folder.parent.name != suite:
            continue
        try:
            path, manifest, records, _ = open_run(str(folder), results)
        except DiptychError as error:
            notes.append(f"run {folder.name} cannot be read and is passed over: {error}")
            continue
        if manifest.suite.name == suite:
            yield path, manifest, records


def _named(run: str, suite: Suite, results: str | None) -> Recorded:
    path, manifest, records, _ = open_run(run, results)
    if manifest.suite.name != suite.name:
        raise DiptychError(f"run {manifest.run_id} is one of suite {manifest.suite.name!r}, not {suite.name!r}.")
    if not complete_pairs(records, manifest.suite.baseline):
        raise DiptychError(
            f"run {manifest.run_id} has no complete pair, so no spread. To finish it: diptych resume {manifest.run_id}"
        )
    return path, manifest, records


def _changes(recorded: Suite, declared: Suite) -> list[str]:
    """Say where the next run will be judged otherwise than the recorded one."""
    from harness.stats.findings import threshold

    notes = []
    if recorded.version != declared.version:
        notes.append(f"the run asked version {recorded.version} of the suite, which is at {declared.version} now")
    for metric in declared.primaries:
        old, new = threshold(recorded, metric), threshold(declared, metric)
        if old != new:
            notes.append(f"{metric}: planned with threshold {new}, as declared today; the run was judged by {old}")
    if recorded.margin != declared.margin:
        notes.append(f"planned with margin {declared.margin}, as declared today; the run had {recorded.margin}")
    return notes
