"""What missing halves, failed trials, interruptions and changed records leave behind."""

from __future__ import annotations

import math

from harness.analyse import analyse
from tests.harness.analyse_toy import BASE, FAST, GOOD, METRICS, failed, finding, make_records, make_suite


def test_unpaired_halves_are_counted_and_left_out():
    suite = make_suite()
    records = make_records(suite, GOOD)
    expected = analyse(suite, records[:-2], METRICS)
    lone_arm = analyse(suite, records[:-2] + records[-1:], METRICS)
    lone_baseline = analyse(suite, records[:-1], METRICS)
    for result in (lone_arm, lone_baseline):
        assert (result.finished, result.unpaired) == (63, 1)
        assert result.findings == expected.findings


def test_failed_trials_are_counted_and_their_partner_is_unpaired():
    suite = make_suite()
    records = make_records(suite, GOOD)
    failed = records[-1].model_copy(update={"status": "failed", "values": {}})
    result = analyse(suite, [*records[:-1], failed], METRICS)
    assert (result.finished, result.failed, result.unpaired) == (63, 1, 1)
    assert finding(result, "fps").estimate.n == 31
    again = analyse(suite, [records[-1], *records[:-1], failed], METRICS)
    assert (again.finished, again.failed) == (64, 0)  # a resumed run: the later success stands for the trial


def test_a_baseline_with_one_of_two_arms_is_paired():
    suite = make_suite(arms=(BASE, "a", "b"))
    records = make_records(suite, {BASE: (1, 0), "a": (2, 0), "b": (2, 0)})
    result = analyse(suite, records[:-1], METRICS)
    assert result.unpaired == 0
    assert finding(result, "fps", "b").estimate.n == 31
    assert finding(result, "fps", "a").estimate.n == 32


def test_no_complete_pair_says_so():
    suite = make_suite()
    only = [r for r in make_records(suite, GOOD) if r.arm == FAST]
    for records, unpaired in (([], 0), (only, 32)):
        result = analyse(suite, records, METRICS)
        assert result.conclusion == "No complete pair: nothing can be concluded."
        assert result.unpaired == unpaired
        assert all(f.estimate.value is None and f.estimate.reason == "no complete pair" for f in result.findings)


def test_missing_values_are_left_out_and_said():
    suite = make_suite()
    records = make_records(suite, GOOD)
    broken = [
        r.model_copy(update={"values": r.values | {"psnr": None}}) if r.block.case == "g/003" else r for r in records
    ]
    result = analyse(suite, broken, METRICS)
    assert finding(result, "psnr").estimate.n == 31
    assert finding(result, "fps").estimate.n == 32
    assert [n for n in result.notes if "psnr" in n] == [
        "g: 1 complete blocks of diagonal have no value of psnr and are left out"
    ]
    nowhere = [r.model_copy(update={"values": r.values | {"psnr": None}}) for r in records]
    assert finding(analyse(suite, nowhere, METRICS), "psnr").estimate.reason == "no pair of trials has a value of psnr"


def test_a_nan_withdraws_the_number_and_the_claim():
    suite = make_suite()
    records = make_records(suite, GOOD)
    records[5] = records[5].model_copy(update={"values": records[5].values | {"accuracy": math.nan}})
    result = analyse(suite, records, METRICS)
    quality = finding(result, "accuracy")
    assert quality.estimate.value is None
    assert "not finite" in quality.estimate.reason
    assert quality.verdict == "inconclusive"
    assert quality.arm_value is None
    assert result.conclusions[0].word == "faster, quality inconclusive"


def test_an_arm_that_breaks_is_not_judged_by_its_survivors():
    suite = make_suite()
    records = make_records(suite, {BASE: (1, 0), FAST: (2, 0.0)}, noise=0.005)
    whole = analyse(suite, records, METRICS)
    assert whole.conclusions[0].word == "faster at comparable quality"
    broken = [failed(r) if r.arm == FAST and r.block.case < "g/003" else r for r in records]
    result = analyse(suite, broken, METRICS)
    assert result.conclusions[0].word == "faster, quality inconclusive"
    assert "3 of 32 pairs lost to failed trials" in result.conclusions[0].sentence
    assert any("3 of 32 pairs of diagonal were lost to failed trials (NaN 3)" in note for note in result.notes)
    few = analyse(suite, [failed(r) if r.arm == FAST and r.block.case < "g/001" else r for r in records], METRICS)
    assert few.conclusions[0].word == "faster at comparable quality"
    assert any("1 of 32 pairs" in note for note in few.notes)


def test_an_arm_without_a_pair_is_not_concluded_upon():
    suite = make_suite()
    records = [failed(r) if r.arm == FAST else r for r in make_records(suite, {BASE: (1, 0), FAST: (2, 0)})]
    result = analyse(suite, records, METRICS)
    assert result.conclusions == []
    assert result.conclusion == "No complete pair: nothing can be concluded."


def test_halves_of_different_processes_share_quality_and_no_times():
    suite = make_suite(metrics=("fps", "accuracy"))
    records = make_records(suite, {BASE: (1, 0), FAST: (2, 0)})
    split = [r.model_copy(update={"session": 1}) if r.index > 8 else r for r in records]
    assert split[8].block == split[9].block
    result = analyse(suite, split, METRICS)
    assert finding(result, "fps").estimate.n == 31
    assert finding(result, "accuracy").estimate.n == 32
    assert any("pairs of diagonal that an interruption split: 1;" in note for note in result.notes)


def test_flags_are_counted():
    suite = make_suite()
    records = make_records(suite, {BASE: (1, 0), FAST: (2, 0)})
    flagged = [r.model_copy(update={"flags": ["load"]}) if r.index < 5 else r for r in records]
    assert any(n.startswith("5 of 64 trials are flagged 'load'") for n in analyse(suite, flagged, METRICS).notes)


def test_records_that_were_changed_since_are_no_pair_when_read():
    suite = make_suite()
    records = make_records(suite, {BASE: (1, 0), FAST: (2, 0)})
    for name in ("prompt", "reference", "noise"):
        changed = [r.model_copy(update={"hashes": {name: "x"}}) if r.index == 1 else r for r in records]
        result = analyse(suite, changed, METRICS)
        assert finding(result, "accuracy").estimate.n == 31
        assert f"trial 1 (g/000, {FAST}) is left out: its {name} is not {BASE}'s" in result.notes
    more = {"info": {"deterministic": True}}
    greedy = [r.model_copy(update={"hashes": {"noise": str(r.index)}} | more) for r in records]
    assert finding(analyse(suite, greedy, METRICS), "accuracy").estimate.n == 32
