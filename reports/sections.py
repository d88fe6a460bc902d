"""A run turned into the parts of its page: cards, tables, figures, diptychs, notes, provenance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.stats.methods import MethodConclusion
from harness.types import Conclusion, Metric
from reports.action_tables import action_tables
from reports.cards import Leaf, card_leaves, method_leaves
from reports.diptychs import Diptych, diptychs
from reports.finding_tables import expected_table, metric_table, threshold_table
from reports.horizon import horizon_plot, horizon_table, horizons
from reports.method_plots import method_plot
from reports.method_tables import (
    dimension_table,
    method_conclusions,
    method_table,
    win_table,
)
from reports.plots import Plot, latency_plot, speed_plot, trade_plot
from reports.provenance import facts_table, run_facts, shown_info, without_packages
from reports.reading import Reading, speed_up_estimate
from reports.responses import response_plot, response_table, responses
from reports.tables import Cell, Column, Table
from reports.wording import (
    CONCLUSION_SYMBOLS,
    count,
    level_text,
    metric_title,
)


@dataclass(frozen=True)
class Group:
    """Everything about one stratum.

    Attributes:
        name: Stratum.
        speed_only: Random weights.
        best: The conclusion that leads, or None.
        leaves: Its card: speed and quality.
        conclusions: One per arm.
        primary: Tables of the declared family and of quality.
        others: Tables of the rest.
        absent: Metrics without any number, with the reason that they share.
        plots: Figures.
        expected: Speed-ups beside what passes and bound promise, or None.
        matrix: Responses of all quality metrics side by side, where the question is of quality alone; or None.
        horizon: Tables of the metrics that have values of frames.
        methods: Tables of methods of training: seeds and means, win rates, dimensions before and after.
        concluded: What is concluded on methods, the most useful first.
    """

    name: str
    speed_only: bool
    best: Conclusion | None
    leaves: tuple[Leaf, ...]
    conclusions: tuple[Conclusion, ...]
    primary: tuple[Table, ...]
    others: tuple[Table, ...]
    absent: tuple[tuple[str, str], ...]
    plots: tuple[Plot, ...]
    expected: Table | None
    matrix: Table | None
    horizon: tuple[Table, ...]
    methods: tuple[Table, ...]
    concluded: tuple[MethodConclusion, ...]


@dataclass(frozen=True)
class Section:
    """One run's part of the page.

    Attributes:
        key: Prefix of its ids, unique on the page.
        reading: The run.
        groups: By stratum.
        diptychs: By stratum, where videos were kept.
        notes: Sentences.
        failures: Failed trials, or None.
        thresholds: Declared thresholds with their reasons.
        methods: How intervals were made: (level and method, what for).
        facts: Provenance as (term, value).
        context: What can change the numbers.
        info: What cannot.
        packages: Versions of packages, folded.
    """

    key: str
    reading: Reading
    groups: tuple[Group, ...]
    diptychs: tuple[Diptych, ...]
    notes: tuple[str, ...]
    failures: Table | None
    thresholds: Table
    methods: tuple[tuple[str, str], ...]
    facts: tuple[tuple[str, str], ...]
    context: Table
    info: Table
    packages: Table


def build_section(reading: Reading, metrics: Mapping[str, Metric], key: str, rows_per_group: int) -> Section:
    """Build one run's part.

    Args:
        reading: The run.
        metrics: Registered metrics by name.
        key: Prefix of its ids.
        rows_per_group: Most samples shown per group.
    """
    shown, without_videos = diptychs(reading, metrics, rows_per_group)
    info, packages = without_packages(shown_info(reading.manifest.info))
    context, more = without_packages(reading.manifest.context)
    return Section(
        key=key,
        reading=reading,
        groups=tuple(_group(reading, metrics, g, f"{key}-{i}") for i, g in enumerate(reading.groups)),
        diptychs=tuple(shown),
        notes=(*_notes(reading), *without_videos),
        failures=_failures(reading),
        thresholds=threshold_table(reading.manifest.suite, metrics, imported=reading.manifest.imported),
        methods=tuple(_methods(reading)),
        facts=tuple(run_facts(reading)),
        context=facts_table("Context: what can change the numbers", context),
        info=facts_table("Info: what cannot", info),
        packages=facts_table("Packages", {**packages, **more}),
    )


def _group(reading: Reading, metrics: Mapping[str, Metric], group: str, key: str) -> Group:
    suite = reading.manifest.suite
    findings = reading.analysis.findings
    names = list(dict.fromkeys([*suite.primaries, *suite.metrics]))
    names += [n for n in dict.fromkeys(f.metric for f in findings) if n not in names]
    primary: list[Table] = []
    others: list[Table] = []
    absent: dict[str, list[str]] = {}
    for name in names:
        found = [f for f in findings if f.metric == name and f.group == group]
        table = metric_table(reading.analysis, name, group, metrics, suite)
        if table is not None:
            lead = any(f.primary for f in found) or name in suite.primaries
            (primary if lead else others).append(table)
        elif found:
            reason = "; ".join(dict.fromkeys(f.estimate.reason or "no value" for f in found))
            absent.setdefault(reason, []).append(metric_title(name))
    others += action_tables(reading, metrics, group)
    tables = (
        method_table(reading, group), dimension_table(reading, group, metrics), win_table(reading, group),
    )  # fmt: skip
    best = reading.best(group)
    concluded = method_conclusions(reading, group)
    drawn = [
        method_plot(reading, group, metrics, f"{key}-methods"),
        trade_plot(reading, group, metrics, f"{key}-trade"),
        speed_plot(reading, group, f"{key}-speed"),
        latency_plot(reading, group, metrics, f"{key}-latency"),
    ]
    answers = responses(reading, group, metrics) if suite.primary_speed is None else []
    drawn.append(response_plot(reading, group, answers, f"{key}-responses"))
    along = horizons(reading, group)
    drawn += [horizon_plot(reading, found, metrics, f"{key}-horizon-{i}") for i, found in enumerate(along)]
    return Group(
        name=group,
        speed_only=group in reading.speed_only,
        best=best,
        leaves=method_leaves(reading, concluded[0])
        if concluded
        else (() if best is None else card_leaves(reading, metrics, best)),
        conclusions=tuple(reading.conclusions(group)),
        primary=tuple(primary),
        others=tuple(others),
        absent=tuple((", ".join(titles), reason) for reason, titles in absent.items()),
        plots=tuple(p for p in drawn if p is not None),
        expected=_expected(reading, group),
        matrix=None if concluded else response_table(suite, answers, reading.styles),
        horizon=tuple(horizon_table(reading, found, metrics) for found in along),
        methods=tuple(t for t in tables if t is not None),
        concluded=concluded,
    )


def _expected(reading: Reading, group: str) -> Table | None:
    suite = reading.manifest.suite
    rows = []
    for gain in reading.expected(group):
        finding = reading.finding(suite.primary_speed, group, gain.arm)
        if finding is not None:
            rows.append((gain, speed_up_estimate(finding)))
    return expected_table(rows, suite.baseline) if rows else None


def _notes(reading: Reading) -> Iterator[str]:
    analysis, manifest = reading.analysis, reading.manifest
    yield from analysis.notes
    if analysis.failed:
        yield f"{count(analysis.failed, 'trial')} failed; the table below gives each reason."
    if analysis.unpaired:
        yield (
            f"{count(analysis.unpaired, 'finished trial')} left out of every comparison: the other half of the pair "
            "is missing."
        )
    missing = len(manifest.plan.trials) - len({r.index for r in reading.records})
    if missing > 0:
        yield f"{count(missing, 'planned trial')} not run yet: diptych resume {manifest.run_id}"
    for problem in reading.store.problems:
        yield f"Run folder: {problem}"


def _methods(reading: Reading) -> Iterator[tuple[str, str]]:
    used: dict[str, dict[str, None]] = {}
    for f in reading.analysis.findings:
        if f.estimate.low is not None:
            used.setdefault(f"{level_text(f.estimate.level)}, {f.estimate.method}", {})[metric_title(f.metric)] = None
    for method, names in used.items():
        yield method, ", ".join(names)


def _failures(reading: Reading) -> Table | None:
    failed = [r for r in reading.records if r.status == "failed"]
    if not failed:
        return None
    columns = (
        Column("Trial", kind="number"),
        Column("Arm"),
        Column("Case"),
        Column("Repetition", kind="number"),
        Column("Reason"),
    )
    rows = tuple(
        (
            Cell(str(r.index)),
            Cell(r.arm, arm=r.arm),
            Cell(r.block.case),
            Cell(str(r.block.repetition)),
            Cell("unknown" if r.error is None else f"{r.error.type}: {r.error.message}"),
        )
        for r in failed
    )
    return Table("Failed trials", "", columns, rows)


__all__ = ["CONCLUSION_SYMBOLS", "Group", "Leaf", "Section", "build_section"]
