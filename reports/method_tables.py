"""Methods of training in one group: seeds one by one, shares of blocks won, dimensions before and after."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from harness.stats.methods import MethodConclusion, MethodFinding, SeedFinding
from harness.stats.win_rate import WinRate
from harness.types import Estimate, Metric, Suite
from reports.methods import dimensions, method_rows, reported_score
from reports.reading import Reading
from reports.tables import Cell, Column, Table
from reports.wording import (
    ABSENT,
    VERDICT_SYMBOLS,
    display_unit,
    is_ratio,
    level_text,
    metric_title,
    number,
    significant,
    unit_label,
)

SEEDS_NOTE = "Against the baseline on the same prompts and noise."


def judged_metrics(suite: Suite) -> dict[str, str]:
    """The metrics that a method is concluded on → their part in it, in the order in which to show them."""
    reported = reported_score(suite)
    found = {suite.training_score: "training score: it chose the pairs"} if suite.training_score else {}
    found |= dict.fromkeys(suite.held_out, "held out: it never chose a pair")
    return found if reported is None else {**found, **({} if reported in found else {reported: "reported"})}


def change_text(estimate: Estimate, factor: float = 1.0, decimals: int | None = None) -> str:
    """A change without its interval, ``+0.012`` or ``×1.03``; with three significant digits unless told otherwise."""
    if estimate.value is None:
        return ABSENT
    if is_ratio(estimate):
        return f"×{significant(estimate.value, 3)}"
    value = estimate.value * factor
    return number(value, change_decimals([value]) if decimals is None else decimals, signed=True)


def change_decimals(values: Sequence[float | None], tau: float | None = None) -> int:
    """Decimals of a metric's changes: two digits of its threshold, or three of the largest change; at most six."""
    known = [abs(value) for value in values if value]
    size = tau or max(known, default=0.0)
    return min(6, max(0, (1 if tau else 2) - math.floor(math.log10(size)))) if size > 0 else 3


def taus(suite: Suite) -> dict[str, float]:
    """Thresholds by metric, the margin for the primary one."""
    found = {threshold.metric: threshold.tau for threshold in suite.thresholds}
    if suite.primary_quality is not None and suite.margin:
        found.setdefault(suite.primary_quality, suite.margin)
    return found


def method_table(reading: Reading, group: str) -> Table | None:
    """Training seeds one by one, and their mean, by the metrics that decide; None where the suite has no methods."""
    wanted = judged_metrics(reading.manifest.suite)
    found = [m for m in reading.analysis.methods if m.group == group and m.metric in wanted]
    if not found:
        return None
    seeds = sorted({seed.seed for m in found for seed in m.seeds})
    columns = (
        Column("Metric"),
        Column("Method"),
        *(Column(f"Seed {seed}", kind="number") for seed in seeds),
        Column("Mean of seeds", kind="number"),
        Column("Verdict"),
    )
    rows = []
    floors = taus(reading.manifest.suite)
    for metric, part in wanted.items():
        own_rows = [m for m in found if m.metric == metric]
        factor = display_unit(own_rows[0].unit if own_rows else "", [m.estimate.value for m in own_rows]).factor
        values = [seed.estimate.value for m in own_rows for seed in m.seeds]
        decimals = change_decimals([v * factor for v in values if v is not None], floors.get(metric, 0.0) * factor)
        for i, m in enumerate(own_rows):
            head = Cell(metric_title(metric), note=part) if i == 0 else Cell("")
            own = {seed.seed: seed for seed in m.seeds}
            cells = [_seed_cell(own.get(s), factor, decimals) for s in seeds]
            mean = Cell(change_text(m.estimate, factor, decimals))
            rows.append((head, Cell(m.method, arm=m.method), *cells, mean, _verdict(m)))
    reasons = dict.fromkeys(m.estimate.reason for m in found if m.estimate.reason and m.estimate.value is not None)
    caption = (
        f"{SEEDS_NOTE} A method's verdict is the one that all its training seeds share, else inconclusive; below each "
        f"seed is its own. {'; '.join(reasons)}{'.' if reasons else ''}"
    ).strip()
    return Table("Methods, training seed by training seed", caption, columns, tuple(rows))


def _seed_cell(seed: SeedFinding | None, factor: float, decimals: int) -> Cell:
    if seed is None or seed.estimate.value is None:
        return Cell(ABSENT, note=(seed.estimate.reason or "") if seed else "")
    note = "no interval" if seed.estimate.low is None else seed.verdict
    return Cell(change_text(seed.estimate, factor, decimals), note=note)


def _verdict(m: MethodFinding) -> Cell:
    if m.estimate.value is None:
        return Cell(ABSENT, note=m.estimate.reason or "")
    split = len({seed.verdict for seed in m.seeds}) > 1
    return Cell(f"{VERDICT_SYMBOLS[m.verdict]} {m.verdict}", verdict=m.verdict, note="seeds disagree" if split else "")


def win_table(reading: Reading, group: str) -> Table | None:
    """How often each arm beats the baseline, by metric; None where the suite asks for none."""
    rates = [rate for rate in reading.analysis.win_rates if rate.group == group]
    if not any(rate.estimate.value is not None for rate in rates):
        return None
    metrics = list(dict.fromkeys(rate.metric for rate in rates))
    arms = list(dict.fromkeys(rate.arm for rate in rates))
    by_both = {(rate.arm, rate.metric): rate for rate in rates}
    rows = tuple((Cell(arm, arm=arm), *(_win_cell(by_both.get((arm, metric))) for metric in metrics)) for arm in arms)
    told = [rate.estimate for rate in rates if rate.estimate.low is not None]
    methods = dict.fromkeys(f"{level_text(e.level)}, {e.method}" for e in told)
    caption = (
        "Share of blocks in which the arm's video is better than the baseline's of the same prompt and noise, ties "
        "half; 50 % is no difference. "
        + (f"Brackets: {'; '.join(methods)}." if methods else "No interval could be given.")
    )
    columns = (Column("Arm"), *(Column(metric_title(metric), kind="number") for metric in metrics))
    return Table("Win rates against the baseline", caption, columns, rows)


def _win_cell(rate: WinRate | None) -> Cell:
    if rate is None or rate.estimate.value is None:
        return Cell(ABSENT, note=(rate.estimate.reason or "") if rate else "")
    e = rate.estimate
    share = 100 * float(e.value or 0.0)
    ends = "" if e.low is None or e.high is None else f" [{100 * e.low:.0f}, {100 * e.high:.0f}]"
    return Cell(f"{share:.0f} %{ends}", note=f"{rate.wins} won, {rate.ties} even, {rate.losses} lost")


def dimension_table(reading: Reading, group: str, metrics: Mapping[str, Metric]) -> Table | None:
    """Every dimension before and after, those of motion first; None without methods."""
    names = dimensions(reading.manifest.suite, metrics)
    found = {(m.metric, m.method): m for m in reading.analysis.methods if m.group == group and m.metric in names}
    methods = list(dict.fromkeys(method for _, method in found))
    if not found:
        return None
    values = {row.method: row for row in method_rows(reading) if row.group == group}
    rows = []
    for name in names:
        before = values[reading.manifest.suite.baseline].value(name)
        own = [found.get((name, method)) for method in methods]
        if before is None or not any(m is not None and m.estimate.value is not None for m in own):
            continue
        unit = display_unit(metrics[name].unit, [before])
        better = "higher is better" if metrics[name].direction == "higher" else "lower is better"
        label = unit_label(unit.label)
        head = Cell(metric_title(name), note=f"{better}{f', {label}' if label else ''}")
        after = [None if m is None else values[m.method].value(name) for m in own]
        known = [value * unit.factor for value in (before, *after) if value is not None]
        decimals = change_decimals(known, taus(reading.manifest.suite).get(name, 0.0) * unit.factor)
        cells = [_after(m, value, unit.factor, decimals) for m, value in zip(own, after, strict=True)]
        rows.append((head, Cell(number(before * unit.factor, decimals)), *cells))
    columns = (
        Column("Dimension"),
        Column("Before", kind="number"),
        *(Column(f"After {method}", kind="number") for method in methods),
    )
    caption = (
        "Mean scores before (the baseline) and after (mean of training seeds), with the difference and the verdict "
        "that all seeds share. Motion stands first: alignment is known to still videos, which other dimensions "
        "reward."
    )
    return Table("Dimensions before and after", caption, columns, tuple(rows)) if rows else None


def _after(m: MethodFinding | None, value: float | None, factor: float, decimals: int) -> Cell:
    if m is None or value is None or m.estimate.value is None:
        return Cell(ABSENT, note=(m.estimate.reason or "") if m is not None else "")
    symbol = VERDICT_SYMBOLS[m.verdict]
    return Cell(
        number(value * factor, decimals), note=f"{change_text(m.estimate, factor, decimals)} {symbol} {m.verdict}"
    )


def told_seeds(m: MethodFinding, factor: float, decimals: int) -> str:
    """Seeds one by one, and why there is no interval."""
    seeds = ", ".join(change_text(seed.estimate, factor, decimals) for seed in m.seeds)
    reason = f" · {m.estimate.reason}" if m.estimate.reason else ""
    return f"{'seeds' if len(m.seeds) > 1 else 'seed'} {seeds}{reason}"


def method_conclusions(reading: Reading, group: str) -> tuple[MethodConclusion, ...]:
    """Conclusions on methods of a group, the most useful first."""
    return tuple(c for c in reading.analysis.method_conclusions if c.group == group)
