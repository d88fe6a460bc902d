"""The forms of output: JSON, plain columns, and a table on a terminal."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import numpy as np
import pytest

from harness.cli.facts import RunFacts
from harness.cli.findings import change, print_conclusions
from harness.cli.output import Output, align, plain
from harness.cli.progress import LINES, duration, worth_a_line
from harness.cli.training import parse_settings
from harness.types import Estimate


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_plain_turns_what_json_cannot_say_into_null():
    assert plain({"a": (math.nan, math.inf, 1.5), 2: Path("x"), "n": np.float64(2.5)}) == {
        "a": [None, None, 1.5],
        "2": "x",
        "n": 2.5,
    }


def test_plain_refuses_what_has_no_json_form():
    with pytest.raises(TypeError, match="object has no JSON form"):
        plain({"a": object()})


def test_the_document_is_the_last_line_and_the_text_is_not_made():
    stream = io.StringIO("")
    Output(stream, as_json=True).emit(Estimate(value=math.nan, unit="s"), lambda: pytest.fail("text was made"))
    assert json.loads(stream.getvalue().splitlines()[-1])["value"] is None


def test_columns_are_aligned_without_trailing_blanks():
    assert align([["a", "b"], ["long", ""]]) == ["a     b", "long"]


def test_a_terminal_gets_a_table_and_a_pipe_gets_columns():
    for stream, drawn in ((Terminal(), True), (io.StringIO(), False)):
        Output(stream).table(["name", "verdict"], [["[bold]quick[/bold]", "improved"]])
        text = stream.getvalue()
        assert "[bold]quick[/bold]" in text  # a name is text, not markup
        assert ("─" in text) is drawn


@pytest.mark.parametrize(
    ("estimate", "said"),
    [
        (Estimate(value=1.382, low=1.359, high=1.404, unit="ratio"), ("×1.382", "[1.359, 1.404]")),
        (Estimate(value=-0.5, low=-0.75, high=-0.25, unit="dB"), ("-0.50 dB", "[-0.75, -0.25]")),
        (Estimate(value=None, reason="fewer than 6 clusters"), ("-", "-")),
        (Estimate(value=1.0, unit="ratio", reason="one case"), ("×1", "-")),
    ],
)
def test_a_change_is_said_with_its_interval_or_the_reason(estimate, said):
    assert change(estimate) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")]
)
def test_a_duration_is_said_with_its_two_largest_units(seconds, said):
    assert duration(seconds) == said


def test_a_short_run_has_a_line_per_trial_and_a_long_one_a_line_per_tenth():
    assert sum(worth_a_line(done, LINES) for done in range(1, LINES + 1)) == LINES
    for total in (LINES + 1, 100, 1001):
        lines = [done for done in range(1, total + 1) if worth_a_line(done, total)]
        assert len(lines) == 10
        assert lines[-1] == total


def test_settings_are_read_in_the_types_that_the_options_declare():
    read = parse_settings(["steps=20", "learning_rate=1e-3", "optimiser=muon", "betas=[0.8, 0.9]"])
    assert read == {"steps": 20, "learning_rate": 1e-3, "optimiser": "muon", "betas": (0.8, 0.9)}


def test_conclusions_are_a_row_per_arm_with_what_was_expected_of_it(tiny_results):
    facts = RunFacts.model_validate(tiny_results[1].document)
    stream = io.StringIO()
    print_conclusions(Output(stream), facts)
    header, *rows = stream.getvalue().splitlines()
    assert header.split()[:3] == ["group", "arm", "blocks"]
    for conclusion in facts.conclusions:
        (row,) = [row for row in rows if row.split()[:2] == [conclusion.group, conclusion.arm]]
        assert row.endswith(conclusion.word)
        for finding in facts.findings:
            if finding.primary and (finding.group, finding.arm) == (conclusion.group, conclusion.arm):
                assert " ".join(change(finding.estimate)) in row
