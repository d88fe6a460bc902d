"""The report of followed actions: the ceiling has its row, every group its scores, and rare ones no interval."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from harness.analyse import analyse
from harness.stats.outcome import TRUE_CONTINUATION
from reports.action_tables import action_tables
from reports.finding_tables import metric_table
from reports.reading import Reading, arm_styles
from tests.harness.analyse_toy import BASE, FAST, METRICS, SETS, make_records, make_suite
from tests.harness.test_stats_actions import F1, with_counts

NAMES = ("move", "act")
GROUPS = [{"name": name, "actions": []} for name in NAMES]


def invented(cases: int = 64):
    """A suite with an action score, its records, and all metrics."""
    suite = make_suite(cases=cases, **{**SETS, "metrics": (*SETS["metrics"], F1.name)})
    records = with_counts(make_records(suite, {BASE: (1, 0), FAST: (2, 0)}, dimensions=3), {BASE: 0.9, FAST: 0.5})
    return suite, records, {**METRICS, F1.name: F1}


def reading(suite, records, context) -> Reading:
    facts = SimpleNamespace(
        manifest=SimpleNamespace(suite=suite, context=context),
        styles=arm_styles([arm.name for arm in suite.arms], suite.baseline, None),
        finished=lambda group: [r for r in records if r.block.group == group],
    )
    return cast(Reading, facts)


def test_the_ceiling_has_a_row_in_the_table_of_its_metric():
    suite, records, metrics = invented()
    analysis = analyse(suite, records, metrics)
    table = metric_table(analysis, F1.name, "g", metrics, suite)
    assert [row[0].text for row in table.rows] == [BASE, FAST, TRUE_CONTINUATION]
    assert all(len(row) == len(table.columns) for row in table.rows)
    raw = [float(row[1].text) for row in table.rows]
    assert raw[2] > raw[0] > raw[1]
    assert f"A perfect arm has the value of the {TRUE_CONTINUATION}" in table.caption
    others = metric_table(analysis, "kvd[f]", "g", metrics, suite)
    assert TRUE_CONTINUATION not in others.to_text()


def test_every_group_of_actions_shows_each_arm_and_real_video():
    suite, records, metrics = invented()
    context = {"extractors": {"n-actions": {"weights_sha256": "0", "groups": GROUPS}}}
    (table,) = action_tables(reading(suite, records, context), metrics, "g")
    arms = [BASE, FAST, TRUE_CONTINUATION]
    assert [(row[0].text, row[1].text) for row in table.rows] == [(group, arm) for group in NAMES for arm in arms]
    supports = {(row[0].text, row[1].text): int(row[2].text) for row in table.rows}
    assert supports["move", BASE] > supports["act", BASE] > 0
    f1 = {(row[0].text, row[1].text): float(row[5].text.split(" [")[0]) for row in table.rows}
    assert f1["move", TRUE_CONTINUATION] > f1["move", BASE] > f1["move", FAST]
    assert "[" in table.rows[0][5].text


def test_a_run_that_names_no_groups_or_has_no_counts_has_no_such_table():
    suite, records, metrics = invented(8)
    assert action_tables(reading(suite, records, {}), metrics, "g") == ()
    context = {"extractors": {"n-actions": {"groups": GROUPS}}}
    assert action_tables(reading(suite, records, context), metrics, "another") == ()
    plain = make_suite(cases=8, **SETS)
    assert action_tables(reading(plain, records, context), metrics, "g") == ()
