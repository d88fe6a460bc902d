"""asv's files: what its own loader reads out of them, what is null, what is converted, what is left out and why."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
import os
import random
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from asv import config as asv_config
from asv.benchmarks import Benchmarks
from asv.graph import Graph
from asv.machine import iter_machine_files
from asv.results import Results, get_filename, iter_results
from asv.util import load_json, sanitize_filename
from hypothesis import given
from hypothesis import strategies as st

from harness.cli.exporting import export_asv
from harness.errors import DiptychError, UsageError
from harness.export.asv import CONFIG, as_bytes, benchmark_name, build, configuration
from harness.export.cells import arm_cell
from harness.export.commits import read_history
from harness.export.folder import INDEX, write_export
from harness.export.lower import lowered, relative_threshold
from harness.export.machine import place_of, result_file
from harness.export.select import read_run, select
from harness.stats.paired import paired_log_ratio, t_quantile
from harness.stats.pairing import tabulate
from harness.store.locate import list_runs
from harness.store.run_store import RunStore
from harness.types import Metric

HERE = Path(__file__).resolve().parent
SPEC = importlib.util.spec_from_file_location("history_fakes", HERE / "history_fakes.py")
assert SPEC is not None
assert SPEC.loader is not None
fakes = importlib.util.module_from_spec(SPEC)
sys.modules["history_fakes"] = fakes  # dataclasses look their module up
SPEC.loader.exec_module(fakes)

NAME = "decoding.crafter.small"
OTHER = "f" * 40


@pytest.fixture
def made(tmp_path):
    """``made(**changes)`` writes a run and reads it again."""

    def make(**changes):
        return read_run(fakes.write_run(tmp_path / "results", replace(fakes.Recipe(), **changes)))

    return make


def documents(*runs, dates=None):
    return build(runs, fakes.METRICS, dates or {})


def result_of(built):
    (name,) = [name for name in built.files if name.count("/") and not name.endswith("machine.json")]
    return built.files[name]


def column(built, benchmark, which):
    document = result_of(built)
    return document["results"][f"{NAME}.{benchmark}"][document["result_columns"].index(which)]


def on_disk(folder, built):
    write_export(folder, {name: as_bytes(data) for name, data in built.files.items()})
    conf = asv_config.Config()
    conf.results_dir = str(folder)
    return conf


# ---- conversions ----------------------------------------------------------------------------------------------------

CONVERSIONS = {
    "frames_per_second": ("ratio", "higher", "frames/s", "seconds_per_frame", "seconds", 4.0, 0.25),
    "tokens_per_second": ("ratio", "higher", "tokens/s", "seconds_per_token", "seconds", 8.0, 0.125),
    "speed": ("ratio", "higher", "things", "inverse_speed", "1/(things)", 4.0, 0.25),
    "frame_latency_seconds": ("ratio", "lower", "s", "frame_latency_seconds", "seconds", 0.5, 0.5),
    "peak_memory_bytes": ("ratio", "lower", "bytes", "peak_memory_bytes", "bytes", 9.0, 9.0),
    "passes": ("ratio", "lower", "passes", "passes", "passes", 3.0, 3.0),
    "ssim": ("difference", "higher", "ssim", "1_minus_ssim", "ssim", 0.75, 0.25),
    "token_accuracy": ("difference", "higher", "fraction", "1_minus_token_accuracy", "fraction", 0.75, 0.25),
    "psnr": ("difference", "higher", "dB", "100_minus_psnr", "dB", 25.0, 75.0),
    "model_bits_per_token": ("difference", "lower", "bits", "model_bits_per_token", "bits", 0.5, 0.5),
    "motion": ("difference", "higher", "pixels", "negated_motion", "pixels", 3.0, -3.0),
    "frechet[x]": ("set", "lower", "frechet", "frechet[x]", "frechet", 2.0, 2.0),
    "kvd[x]": ("set", "lower", "mmd2", "1_plus_kvd[x]", "mmd2", -0.25, 0.75),
}


@pytest.mark.parametrize("name", CONVERSIONS)
def test_every_metric_becomes_lower_is_better(name):
    scale, direction, unit, new, new_unit, value, converted = CONVERSIONS[name]
    form = lowered(Metric(name, "what it is", unit, direction, scale, fakes.never))
    assert (form.name, form.unit, form.convert(value)) == (new, new_unit, converted)
    better = value * 1.1 if (direction == "higher") == (value > 0) else value * 0.9
    assert form.convert(better) < converted
    assert "what it is" in form.what


def test_a_rate_of_zero_is_no_number():
    assert lowered(fakes.METRICS["frames_per_second"]).convert(0.0) == math.inf


def test_every_registered_metric_has_a_form_of_its_own():
    from harness.cli.verbs import load_metrics

    # what other tools told is of imported runs, which are not exported
    forms = [lowered(metric).name for metric in load_metrics().values() if not metric.told]
    assert len(forms) == len(set(forms))
    assert not [name for name in forms if name.startswith("negated")]  # none needs a form that thresholds cannot judge
    assert all(benchmark_name(name) == name for name in forms)


def test_thresholds_are_fractions_of_the_best_value():
    assert relative_threshold(0.05, "ratio", [3.0, 2.0]) == 0.05
    assert relative_threshold(0.01, "difference", [0.1, 0.05]) == 0.01 / 0.05
    assert relative_threshold(0.01, "set", [0.0, 1.0]) is None
    assert relative_threshold(0.01, "difference", [-2.0]) is None


# ---- numbers --------------------------------------------------------------------------------------------------------


def test_an_arm_has_the_geometric_mean_of_its_seconds_per_frame(made):
    run = made()
    built = documents(run)
    (arms,) = column(built, "seconds_per_frame", "params")
    assert arms == ["'sequential'", "'diagonal-k2'", "'diagonal-k4'"]
    rates = np.array([r.values["frames_per_second"] for r in run.records if r.arm == "diagonal-k2"])
    assert column(built, "seconds_per_frame", "result")[1] == pytest.approx(1 / np.exp(np.log(rates).mean()), rel=1e-12)
    assert column(built, "seconds_per_frame", "stats_repeat") == [8, 8, 8]
    quartiles = np.quantile(1 / rates, [0.25, 0.75])
    assert [column(built, "seconds_per_frame", f"stats_q_{q}")[1] for q in (25, 75)] == pytest.approx(quartiles)


def test_the_99_percent_columns_hold_a_99_percent_interval(made):
    run = made()
    built = documents(run)
    for benchmark, convert, values_of in (
        ("seconds_per_frame", np.exp, lambda r: -np.log(r.values["frames_per_second"])),
        ("1_minus_ssim", float, lambda r: 1 - r.values["ssim"]),
    ):
        values = np.array([values_of(r) for r in run.records if r.arm == "diagonal-k4"])
        half = t_quantile(0.99, 7) * values.std(ddof=1) / np.sqrt(8)
        wanted = [convert(end) for end in (values.mean() - half, values.mean() + half)]
        assert [column(built, benchmark, f"stats_ci_99_{end}")[2] for end in "ab"] == pytest.approx(wanted, rel=1e-9)


def test_time_relative_to_the_baseline_is_the_matched_quantity(made):
    run = made()
    built = documents(run)
    assert column(built, "time_relative_to_sequential", "params") == [["'diagonal-k2'", "'diagonal-k4'"]]
    table = tabulate(run.records)
    rates = {
        arm: [halves[arm].values["frames_per_second"] for halves in table.values()] for arm in run.manifest.plan.arms
    }
    cases = [block[1] for block in table]
    wanted = paired_log_ratio(rates["sequential"], rates["diagonal-k2"], cases, level=0.99)
    which = ("result", "stats_ci_99_a", "stats_ci_99_b")
    found = [column(built, "time_relative_to_sequential", name)[0] for name in which]
    assert found == pytest.approx([wanted.value, wanted.low, wanted.high], rel=1e-12)
    assert found[0] == pytest.approx(2 / 6, rel=0.02)  # three times as fast: a third of the time


def test_a_set_has_one_value_and_no_statistics_of_blocks(made):
    run = made(cases=32)
    built = documents(run)
    values = column(built, "frechet[toy]", "result")
    assert all(math.isfinite(value) for value in values)
    assert column(built, "frechet[toy]", "stats_q_25") == [None] * 3  # all columns or none: asv takes one for all
    assert column(built, "frechet[toy]", "stats_ci_99_a") == [None] * 3
    form = lowered(fakes.METRICS["frechet[toy]"])
    cell = arm_cell(tabulate(run.records), "crafter", "sequential", fakes.METRICS["frechet[toy]"], form, 32)
    assert cell.low < cell.value < cell.high
    assert cell.value == values[0]


def test_few_cases_have_a_value_and_no_interval(made):
    built = documents(made(cases=5))
    assert column(built, "seconds_per_frame", "result")[0] == pytest.approx(0.5, rel=0.1)
    for which in ("ci_99_a", "ci_99_b", "q_25", "q_75", "number", "repeat"):
        assert column(built, "seconds_per_frame", f"stats_{which}") == [None] * 3


def test_failed_cells_are_null_and_said(made):
    recipe = fakes.Recipe(cases=8)
    plan = fakes.make_plan(recipe.suite(), "small", 0)
    of = {arm: [t.index for t in plan.trials if t.arm == arm] for arm in recipe.speed}
    built = documents(made(failed=frozenset([*of["diagonal-k2"], of["diagonal-k4"][0]])))
    assert [v is None for v in column(built, "seconds_per_frame", "result")] == [False, True, True]
    assert [v is None for v in column(built, "time_relative_to_sequential", "result")] == [True, True]
    assert column(built, "seconds_per_frame", "stats_repeat") == [8, None, None]
    why = {item.what: item.reason for item in built.skipped}
    assert "no finished trial" in why[f"{NAME}.seconds_per_frame('diagonal-k2')"]
    assert "7 of 8 planned blocks" in why[f"{NAME}.1_minus_ssim('diagonal-k4')"]  # survivors are no fair sample


def test_one_lost_block_in_twenty_is_kept(made):
    plan = fakes.make_plan(fakes.Recipe(cases=20).suite(), "small", 0)
    lost = next(t.index for t in plan.trials if t.arm == "diagonal-k2")
    built = documents(made(cases=20, failed=frozenset([lost])))
    assert column(built, "seconds_per_frame", "stats_repeat") == [20, 19, 20]
    assert built.skipped == ()


def test_random_weights_have_no_quality(made):
    built = documents(made(speed_only=True))
    assert {name.removeprefix(f"{NAME}.") for name in built.benchmarks} == {
        "seconds_per_frame", "peak_memory_bytes", "time_relative_to_sequential"
    }  # fmt: skip


def test_a_metric_that_is_not_registered_is_said(made):
    built = build([made()], {k: v for k, v in fakes.METRICS.items() if k != "psnr"}, {})
    assert [(item.what, item.reason) for item in built.skipped] == [("psnr", "this metric is not registered")]
    assert f"{NAME}.100_minus_psnr" not in built.benchmarks


# ---- which runs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"commit": None}, "installed package"),
        ({"commit": "abc"}, "no commit"),
        ({"dirty": True}, "changed tree"),
        ({"missing": frozenset({5})}, "not finished: 23 of 24"),
    ],
)
def test_a_run_that_is_no_point_of_a_history_is_left_out(made, changes, words):
    good, bad = made(), made(run_id="bad", commit=changes.pop("commit", OTHER), **changes)
    built = documents(good, bad)
    assert [(item.run, item.what) for item in built.skipped] == [("bad", None)]
    assert words in built.skipped[0].reason
    assert built.commits == (good.commit,)


def test_a_run_that_other_code_went_on_with_is_left_out(made, tmp_path):
    run = made()
    folder = tmp_path / "results" / "decoding" / "run"
    with RunStore.open(folder) as store:
        store.begin_session(started_at="2026-02-04T00:00:00+00:00", code={"commit": OTHER, "patch_sha256": None})
    assert "was made at commit ffffffffffff" in documents(read_run(folder)).skipped[0].reason
    assert documents(run).skipped == ()


def test_the_newest_run_of_a_commit_counts(made):
    old = made(run_id="the-old", created_at="2026-02-03T00:00:00+00:00", noise=1)
    new = made(run_id="a-new", created_at="2026-02-04T00:00:00+00:00", noise=2)
    built = documents(new, old)
    assert built.files == documents(new).files
    assert [item.run for item in built.skipped] == ["the-old"]
    assert "run a-new" in built.skipped[0].reason


def test_runs_of_another_seed_suite_or_machine_stand_side_by_side(made):
    runs = [
        made(),
        made(run_id="seed", seed=1),
        made(run_id="suite", suite_name="other"),
        made(run_id="machine", context={**fakes.Recipe().context, "cpu": "Another"}),
    ]
    built = documents(*runs)
    assert built.skipped == ()
    results = [name for name in built.files if name.count("/") and not name.endswith("machine.json")]
    assert len(results) == 3  # two suites of one commit and machine share a file
    assert sum(name.endswith("machine.json") for name in built.files) == 2


def test_an_older_version_of_a_suite_is_left_out(made):
    old, new = made(run_id="old", commit=OTHER), made(run_id="new", version=2)
    built = documents(old, new)
    assert [item.run for item in built.skipped] == ["old"]
    assert {b["version"] for name, b in built.files["benchmarks.json"].items() if name != "version"} == {"2"}


@pytest.mark.parametrize("turned", [False, True])
def test_a_run_of_a_few_arms_takes_no_points_away(made, turned):
    few, when = ("sequential", "diagonal-k2"), ["2026-01-01T00:00:00+00:00", "2026-02-01T00:00:00+00:00"]
    first, second = reversed(when) if turned else when
    full = made(run_id="full", created_at=first)
    part = made(run_id="part", created_at=second, arms=few)
    again = made(run_id="again", created_at=f"{second[:-6]}.5+00:00", arms=few)
    chosen, skipped = select([part, full, again])
    assert [run.manifest.run_id for run in chosen] == ["full"]
    assert {item.run for item in skipped} == {"part", "again"}
    assert any("run full of the same commit, machine and scale has" in item.reason for item in skipped)


def test_of_runs_with_as_many_arms_the_newer_counts(made):
    one = made(run_id="one", created_at="2026-01-01T00:00:00+00:00", arms=("sequential", "diagonal-k2"))
    two = made(run_id="two", created_at="2026-02-01T00:00:00+00:00", arms=("sequential", "diagonal-k4"))
    chosen, skipped = select([two, one])
    assert [run.manifest.run_id for run in chosen] == ["two"]
    assert [(item.run, "is newer" in item.reason) for item in skipped] == [("one", True)]


def test_a_run_and_its_committed_copy_are_one(made):
    run = made()
    chosen, skipped = select([run, run])
    assert len(chosen) == 1
    assert skipped == []


# ---- formats --------------------------------------------------------------------------------------------------------


def test_asv_reads_what_was_written(made, tmp_path):
    plan = fakes.make_plan(fakes.Recipe().suite(), "small", 0)
    failed = frozenset(t.index for t in plan.trials if t.arm == "diagonal-k4")
    run = made(failed=failed)
    built = documents(run, dates={run.commit: 1_700_000_000_000})
    conf = on_disk(tmp_path / "out", built)
    benchmarks = Benchmarks.load(conf)
    assert tuple(sorted(benchmarks)) == built.benchmarks
    (machine,) = iter_machine_files(conf.results_dir)
    (result,) = iter_results(conf.results_dir)
    assert load_json(machine, 1)["machine"] == result.params["machine"] == Path(machine).parent.name
    assert (result.commit_hash, result.date) == (run.commit, 1_700_000_000_000)
    assert result.get_result_keys(benchmarks) == set(built.benchmarks)
    seconds = f"{NAME}.seconds_per_frame"
    values = result.get_result_value(seconds, benchmarks[seconds]["params"])
    assert values == column(built, "seconds_per_frame", "result")
    assert values[2] is None
    stats = result.get_result_stats(seconds, benchmarks[seconds]["params"])
    assert stats[0]["ci_99_a"] < values[0] < stats[0]["ci_99_b"]
    assert stats[0]["q_25"] < stats[0]["q_75"]
    assert (stats[0]["number"], stats[0]["repeat"], stats[2]) == (1, 8, {})
    assert result.started_at[seconds] == 1_770_091_506_000
    assert (benchmarks[seconds]["type"], benchmarks[seconds]["unit"]) == ("time", "seconds")
    assert benchmarks[f"{NAME}.peak_memory_bytes"]["type"] == "peakmemory"
    assert benchmarks[f"{NAME}.1_minus_ssim"]["type"] == "track"


def test_arms_that_only_one_commit_has_are_null_in_the_other(made, tmp_path):
    speed = {"sequential": 2.0, "gone": 3.0}
    old = made(run_id="old", commit=OTHER, created_at="2026-02-01T00:00:00+00:00", speed=speed)
    new = made(run_id="new")
    conf = on_disk(tmp_path / "out", documents(old, new))
    name = f"{NAME}.seconds_per_frame"
    params = Benchmarks.load(conf)[name]["params"]
    assert params == [["'sequential'", "'diagonal-k2'", "'diagonal-k4'", "'gone'"]]
    null = {
        result.commit_hash: [value is None for value in result.get_result_value(name, params)]
        for result in iter_results(conf.results_dir)
    }
    assert null == {OTHER: [False, True, True, False], new.commit: [False, False, False, True]}


ODD = ["it's", 'say "hi"', "a,b (c) [d]", "ключ/../x", "new\nline", "k=2&k=3?#", "'", ""]


def test_odd_arm_names_survive(made, tmp_path):
    speed = {"sequential": 2.0, **dict.fromkeys(ODD, 3.0)}
    built = documents(made(speed=speed))
    conf = on_disk(tmp_path / "out", built)
    benchmarks = Benchmarks.load(conf)
    name = f"{NAME}.seconds_per_frame"
    assert benchmarks[name]["params"] == [[repr(arm) for arm in speed]]
    (result,) = iter_results(conf.results_dir)
    assert None not in result.get_result_value(name, benchmarks[name]["params"])
    for arm in speed:  # asv's rule: re.match on "name(params)@branch"; the largest threshold that matches counts
        entry = f"{NAME}.seconds_per_frame({arm!r})@HEAD"
        assert [t for expression, t in built.thresholds.items() if re.match(expression, entry)] == [0.05]


def test_odd_baselines_and_groups_make_names_that_asv_finds_again(made):
    built = documents(made(speed={"base/line (1)": 2.0, "other": 3.0}))
    for name in built.benchmarks:
        assert sanitize_filename(name) == name
        assert Path(Graph.get_file_path({"machine": "m"}, name)).name == name
        assert "(" not in name
    assert benchmark_name("a/b") != benchmark_name("a:b") != benchmark_name("a_b") == "a_b"
    assert len(benchmark_name("x" * 500)) < 200


@given(st.text(min_size=1), st.text(min_size=1))
def test_two_names_stay_two(one, other):
    assert (benchmark_name(one) == benchmark_name(other)) == (one == other)


def test_long_environment_names_are_hashed_as_asv_hashes_them():
    short = place_of({"python": "3.12.1", "torch": "2.14"}, 1, 0)
    assert short.environment == "python3.12-torch2.14-seed0"
    lengths = set()
    for length in (1, *range(90, 110), 200):
        place = place_of({"python": "3.12.1", "torch": "2" * length, "driver": "9"}, 1, 0)
        lengths.add(len(place.environment))
        assert result_file(place, "a" * 40) == get_filename(place.machine, "a" * 40, place.environment)
    assert {127, 128, 129} <= lengths
    digest = hashlib.md5(place.environment.encode()).hexdigest()
    assert result_file(place, "a" * 40).endswith(f"/aaaaaaaa-env-{digest}.json")


def test_a_machine_is_its_processor():
    context = fakes.Recipe().context
    place = place_of(context, 1, 0)
    assert place.machine.startswith("invented-9000-1-thread-")
    assert os.uname().nodename not in json.dumps([place.machine_facts, place.params])
    assert place_of(context, 2, 0).machine != place.machine
    assert place_of({**context, "cpu_capability": "AVX2"}, 1, 0).machine != place.machine
    gpu = place_of({**context, "gpu": "NVIDIA H100 80GB HBM3", "gpu_memory_bytes": 85, "driver": "1 2/3"}, 1, 0)
    assert gpu.machine.startswith("nvidia-h100-80gb-hbm3-1-thread-")
    assert gpu.machine_facts["ram"] == "85 bytes on the GPU"
    assert gpu.environment == "python3.11-torch2.13.0+cpu-driver1_2_3-seed0"
    assert {**place_of(context, 1, 3).params, "seed": "0"} == place.params


# ---- the folder -----------------------------------------------------------------------------------------------------


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_runs_give_the_same_bytes_in_any_order(made):
    runs = [
        made(run_id=f"run{day}", commit=f"{day:040x}", noise=day, created_at=f"2026-02-0{day}T00:00:00Z")
        for day in range(1, 5)
    ]
    first = documents(*runs)
    for seed in range(3):
        mixed = [replace(run, records=random.Random(seed).sample(run.records, len(run.records))) for run in runs]
        random.Random(seed).shuffle(mixed)
        again = documents(*mixed)
        assert [as_bytes(d) for d in again.files.values()] == [as_bytes(d) for d in first.files.values()]
        assert again.thresholds == first.thresholds


def test_exporting_twice_changes_nothing_and_stale_files_go(tmp_path, results_folder, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fakes.write_run(results_folder, fakes.Recipe())
    context = {**fakes.Recipe().context, "cpu": "Another"}
    other = fakes.write_run(results_folder, fakes.Recipe(run_id="other", commit=OTHER, context=context))
    facts = export_asv()
    assert facts.directory == tmp_path / "asv" / "exported"
    assert facts.config.name == CONFIG
    assert set(facts.commits) >= {OTHER}
    before = contents(facts.directory)
    assert {str(path) for path in facts.files} == {str(facts.directory / name) for name in before} - {
        str(facts.directory / INDEX)
    }
    assert export_asv() == facts
    assert contents(facts.directory) == before
    (facts.directory / "mine.txt").write_text("not yours")
    for file in (*other.iterdir(), other):
        file.rmdir() if file.is_dir() else file.unlink()
    after = export_asv()
    assert OTHER not in after.commits
    assert sorted(p.name for p in facts.directory.iterdir() if p.is_dir()) == ["invented-9000-1-thread-" + place_hash()]
    assert (facts.directory / "mine.txt").exists()
    assert set(contents(facts.directory)) < {*before, "mine.txt"}


def place_hash():
    return place_of(fakes.Recipe().context, 1, 0).machine[-6:]


def test_a_folder_of_somebody_elses_results_is_refused(tmp_path):
    (tmp_path / "native").mkdir()
    (tmp_path / "native" / "benchmarks.json").write_text("{}")
    with pytest.raises(DiptychError, match="did not write"):
        write_export(tmp_path / "native", {"benchmarks.json": b"mine"})
    assert (tmp_path / "native" / "benchmarks.json").read_text() == "{}"


def test_an_interrupted_export_disowns_nothing(tmp_path, monkeypatch):
    folder = tmp_path / "out"
    write_export(folder, {"m/old.json": b"1", "m/both.json": b"1"})
    import harness.export.folder as module

    real = module.write_atomically

    def dies(path, data):
        if path.name == "zzz.json":
            raise KeyboardInterrupt
        real(path, data)

    monkeypatch.setattr(module, "write_atomically", dies)
    with pytest.raises(KeyboardInterrupt):
        write_export(folder, {"m/both.json": b"2", "m/new.json": b"2", "zzz.json": b"2"})
    monkeypatch.setattr(module, "write_atomically", real)
    write_export(folder, {"m/both.json": b"3"})
    assert contents(folder) == {INDEX: b"m/both.json\n", "m/both.json": b"3"}


def test_an_index_that_points_outside_removes_nothing(tmp_path):
    folder, precious = tmp_path / "out", tmp_path / "precious"
    precious.write_text("kept")
    write_export(folder, {"a": b"1"})
    (folder / INDEX).write_text("../precious\na\n")
    write_export(folder, {"b": b"1"})
    assert precious.read_text() == "kept"
    assert not (folder / "a").exists()


def test_configuration_names_the_repository_relative_to_itself():
    conf = configuration({"a": 0.1}, "../..", "../out-html")
    assert (conf["repo"], conf["results_dir"], conf["branches"]) == ("../..", ".", ["HEAD"])
    assert conf["regressions_thresholds"] == {"a": 0.1}


# ---- the verb -------------------------------------------------------------------------------------------------------


def test_commits_have_the_dates_of_their_repository(tmp_path, results_folder):
    first, second = fakes.make_repository(tmp_path / "repository", 2)
    for commit in (first, second, OTHER):
        fakes.write_run(results_folder, fakes.Recipe(run_id=commit[:8], commit=commit))
    runs = [str(path) for path in list_runs(results_folder) if path.is_relative_to(results_folder)]
    facts = export_asv(runs, tmp_path / "out", repository=tmp_path / "repository")
    assert facts.commits == (first, second, OTHER)  # OTHER by its run's time, in February
    (note,) = facts.notes
    assert "ffffffff" in note
    dates = {r.commit_hash: r.date for r in iter_results(str(tmp_path / "out"))}
    assert dates[first] == 1_767_225_600_000  # 2026-01-01T00:00:00Z
    assert dates[second] - dates[first] == 3_600_000
    assert asv_config.Config.load(str(facts.config)).repo == "../repository"


def test_a_commit_beside_the_main_line_has_its_date_and_is_not_drawn(tmp_path):
    repository = tmp_path / "repository"
    first, second = fakes.make_repository(repository, 2)
    subprocess.run(["git", "-C", str(repository), "reset", "--hard", "--quiet", first], check=True)
    history = read_history(repository, [first, second, OTHER])
    assert history.dates == {first: 1_767_225_600_000, second: 1_767_229_200_000}
    assert history.drawn == {first}
    assert read_history(None, [first]).dates == {}


def test_mistakes_are_said(tmp_path, results_folder, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DiptychError, match="no run under"):
        export_asv()
    path = fakes.write_run(results_folder, fakes.Recipe(dirty=True))
    with pytest.raises(DiptychError, match="changed tree"):
        export_asv()
    with pytest.raises(UsageError, match="unknown run"):
        export_asv(["nothing"])
    with pytest.raises(UsageError, match="not in a git repository"):
        export_asv([str(path)], repository=tmp_path)
    assert not (tmp_path / "asv").exists()
    fakes.write_run(results_folder, fakes.Recipe(run_id="good"))
    (path / "manifest.json").write_text("{")
    facts = export_asv()
    assert [item.run for item in facts.skipped if item.what is None] == ["run"]
    assert "damaged" in facts.skipped[0].reason
    with pytest.raises(DiptychError, match="damaged"):
        export_asv([str(path)])


def test_results_load_by_themselves(made, tmp_path):
    built = documents(made())
    on_disk(tmp_path / "out", built)
    (name,) = [name for name in built.files if name.count("/") and not name.endswith("machine.json")]
    loaded = Results.load(str(tmp_path / "out" / name), machine_name=name.partition("/")[0])
    assert set(loaded.get_all_result_keys()) == set(built.benchmarks)
