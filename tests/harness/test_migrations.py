"""Old files: one step for every older version, golden runs that must be read forever, versions that are nonsense."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path

import pytest

from harness.analyse import analyse, compare_runs
from harness.cli.builtin import load_builtin
from harness.errors import DiptychError
from harness.files import file_sha256
from harness.provenance import comparability_key, declaration_sha256
from harness.store.archive import file_data
from harness.store.migrations import FIRST_VERSION, STEPS, key_of_versions_1_and_2, migrated
from harness.store.records import SCHEMA_VERSION, Manifest, TrialRecord
from harness.store.run_store import RunStore
from harness.types import Scale

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
SCHEMA_1 = GOLDEN / "schema-1" / "20261124T231045Z-smoke-1adb5d"
SAMPLES = {  # the beginning of the name, which is the hash of the frames → the hash of the file
    "1485796ef1e8": "238dc3e7df27697ae7913f88926a863e5d4aa4a9d14a07c219618ac8a00396c4",
    "36021dc32d67": "ead61512a1ce8567c03a0fc7e7ea5dae9928e690d271763699d46462ecffcd85",
    "3889a8e757f0": "1a1b66dd3d56b49d46274346d46eddb4b4b3b7979b0f9369aa8a093667240375",
    "701abaa3c820": "aeef9ef3df6ed24285a5875657606b779598da7eaea052a96686b52d58ff604f",
}
FILES = {
    "manifest.json": "8acdcadb40c868fb7b873a0ecbf47b5de7915c625c80edc2cdd4829adf1fd962",
    "sessions.jsonl": "1d3275dc02055aa9008eddffd01271a126314e6d92d7da73bc39bdd055c4039d",
    "summary.json": "9bf0bfeed909142acad73a5dd3428ffd270b532674093db95f3f969d9f0fac7e",
    "trials.jsonl": "066535225081789c7bd752c5b840a54ad1cfbaa145729d91fe9d5e4608df7c8f",
    "trials.torn": "815d3be486ab9fcd9d75c49c02ecb02bc2d13606e5d5460953a35489b31885da",
}


SCHEMA_2 = GOLDEN / "schema-2" / "20261125T021843Z-smoke-5b4c05"
FILES_2 = {
    "manifest.json": "8427873ac17f88be89a64b21e980f8925d59fbcfb2314dee1d2c3f240bbbc916",
    "summary.json": "095cc7b71a836057304398080939a4088b8e10e2cadeb7dd12e0ac5996997bf0",
    "trials.jsonl": "a9d5f3adbd56eb1e10e735019b7c7b766f152413ae35eec46c6df28c21c76e72",
}


def runs_of_version(version: int) -> list[Path]:
    found = [*ROOT.glob("results/baselines/*/*"), *GOLDEN.glob("*/*")]
    return [folder for folder in found if json.loads(file_data(folder, "manifest.json"))["schema_version"] == version]


def test_there_is_exactly_one_step_for_every_older_version() -> None:
    assert sorted(STEPS) == list(range(FIRST_VERSION, SCHEMA_VERSION))


def test_every_older_version_has_a_golden_run() -> None:
    assert {path.name for path in GOLDEN.iterdir() if path.name.startswith("schema-")} == {
        f"schema-{version}" for version in STEPS
    }


def test_golden_files_are_the_ones_that_were_recorded() -> None:
    """They are what an old version wrote: nobody may make them anew."""
    assert {path.name: file_sha256(path) for path in SCHEMA_1.iterdir() if path.is_file()} == FILES
    assert {path.name[:12]: file_sha256(path) for path in (SCHEMA_1 / "samples").iterdir()} == SAMPLES
    assert [path.name for path in SCHEMA_1.parent.iterdir()] == [SCHEMA_1.name]
    assert {path.name: file_sha256(path) for path in SCHEMA_2.iterdir()} == FILES_2
    assert [path.name for path in SCHEMA_2.parent.iterdir()] == [SCHEMA_2.name]


@pytest.fixture(scope="module")
def store() -> RunStore:
    return RunStore.open(SCHEMA_1)


def test_a_golden_run_of_version_1_loads_as_today(store: RunStore) -> None:
    assert store.manifest.schema_version == SCHEMA_VERSION
    assert {scale.repeat_seconds for scale in store.manifest.suite.scales.values()} == {None}
    records = store.records()
    assert [record.index for record in records] == list(range(18))
    assert {record.schema_version for record in records} == {SCHEMA_VERSION}
    assert {record.status for record in records} == {"finished"}
    assert {record.session for record in records} == {0, 1}
    assert all(record.energy_joules is None and record.warmup_seconds == [] for record in records)
    raw = [json.loads(line) for line in (SCHEMA_1 / "trials.jsonl").read_text().splitlines()]
    assert {line["schema_version"] for line in raw} == {1}
    for line, record in zip(raw, records, strict=True):  # nothing that was written is lost
        facts = record.model_dump(mode="json")
        assert {key: facts[key] for key in line if key != "schema_version"} == {
            key: value for key, value in line.items() if key != "schema_version"
        }
    for path in (SCHEMA_1 / "samples").iterdir():
        assert store.load_video(path.stem).shape[1:] == (72, 72, 3)


def test_a_golden_run_of_version_2_loads_as_today() -> None:
    golden = RunStore.open(SCHEMA_2)
    manifest, records = golden.manifest, golden.records()
    assert manifest.schema_version == SCHEMA_VERSION
    assert manifest.suite.expectations == ()
    assert manifest.declaration_sha256 == declaration_sha256(manifest.suite)
    assert manifest.comparability_key == comparability_key(manifest.suite, manifest.plan, manifest.context)
    assert len(records) == 24
    assert {record.schema_version for record in records} == {SCHEMA_VERSION}
    assert all(record.frame_values == {} and record.warmup_seconds is not None for record in records)


def test_a_changed_declaration_of_version_2_stays_wrong() -> None:
    facts = json.loads((SCHEMA_2 / "manifest.json").read_text())
    facts["suite"]["margin"] *= 2  # after measuring
    manifest = Manifest(**migrated(facts, "manifest", "x"))
    assert manifest.declaration_sha256 != declaration_sha256(manifest.suite)


def test_a_golden_run_is_analysed_and_compared(store: RunStore) -> None:
    metrics = {entry.name: entry.load() for entry in load_builtin().list("metric")}
    found = analyse(store.manifest.suite, store.records(), metrics)
    quality = {f.arm: f.estimate.value for f in found.findings if f.metric == "ssim"}
    assert quality["same-seed"] == 0
    assert quality["shifted-seed"] not in (0, None)
    stored = json.loads((SCHEMA_1 / "summary.json").read_text())
    old = {(f["metric"], f["arm"]): f["estimate"]["value"] for f in stored["findings"]}
    assert {(f.metric, f.arm): f.estimate.value for f in found.findings} == pytest.approx(old, rel=1e-9)
    run = (store.manifest, store.records())
    compared = compare_runs(run, run, metrics)
    assert compared.context_differences == []
    assert {f.estimate.value for f in compared.findings if f.metric == "ssim"} == {0.0}


def test_a_run_of_version_1_goes_on_with_records_of_today(tmp_path: Path) -> None:
    copied = tmp_path / "run"
    shutil.copytree(SCHEMA_1, copied)
    lines = (copied / "trials.jsonl").read_bytes().splitlines(keepends=True)
    (copied / "trials.jsonl").write_bytes(b"".join(lines[:-1]))
    with RunStore.open(copied) as mixed:
        mixed.append(RunStore.open(SCHEMA_1).records()[-1].model_copy(update={"energy_joules": 1.5}))
    records = RunStore.open(copied).records()
    assert [record.energy_joules for record in records] == [None] * 17 + [1.5]
    versions = [json.loads(line)["schema_version"] for line in (copied / "trials.jsonl").read_text().splitlines()]
    assert versions == [1] * 17 + [SCHEMA_VERSION]


def test_reading_rewrites_nothing(tmp_path: Path) -> None:
    copied = tmp_path / "run"
    shutil.copytree(SCHEMA_1, copied)
    before = {path: (path.stat().st_mtime_ns, file_sha256(path)) for path in copied.rglob("*") if path.is_file()}
    RunStore.open(copied).records()
    after = {path: (path.stat().st_mtime_ns, file_sha256(path)) for path in copied.rglob("*") if path.is_file()}
    assert after == before


@pytest.mark.parametrize("folder", runs_of_version(1), ids=lambda path: path.name)
def test_keys_of_version_1_become_those_of_the_same_question_today(folder: Path) -> None:
    old = json.loads(file_data(folder, "manifest.json"))
    assert key_of_versions_1_and_2(old) == old["comparability_key"]
    manifest = RunStore.open(folder).manifest
    assert manifest.comparability_key != old["comparability_key"]  # a limit on repeats is part of the question now
    assert manifest.comparability_key == comparability_key(manifest.suite, manifest.plan, manifest.context)


def test_a_wrong_key_stays_wrong() -> None:
    old = json.loads((SCHEMA_1 / "manifest.json").read_text())
    assert migrated({**old, "comparability_key": "0" * 64}, "manifest", "x")["comparability_key"] == "0" * 64


@pytest.mark.parametrize(("kind", "name"), [("manifest", "manifest.json"), ("record", "trials.jsonl")])
def test_steps_leave_their_input_alone(kind: str, name: str) -> None:
    text = (SCHEMA_1 / name).read_text()
    facts = json.loads(text.split("\n")[0] if kind == "record" else text)
    before = copy.deepcopy(facts)
    new = migrated(facts, kind, "x")  # type: ignore[arg-type]
    assert facts == before
    assert new["schema_version"] == SCHEMA_VERSION
    assert migrated(new, kind, "x") == new  # type: ignore[arg-type]


def test_steps_fill_in_every_field_of_today() -> None:
    """Defaults of the classes may change; what an old file means may not."""
    record = json.loads((SCHEMA_1 / "trials.jsonl").read_text().split("\n")[0])
    kept = {name for name, field in TrialRecord.model_fields.items() if not field.exclude}  # the others are in no line
    assert migrated(record, "record", "x").keys() == kept
    manifest = migrated(json.loads((SCHEMA_1 / "manifest.json").read_text()), "manifest", "x")
    assert manifest.keys() == Manifest.model_fields.keys()
    assert manifest["suite"]["scales"]["smoke"].keys() == Scale.model_fields.keys()


def test_the_last_of_two_versions_in_one_line_counts(tmp_path: Path) -> None:
    copied = tmp_path / "run"
    shutil.copytree(SCHEMA_1, copied)
    line = RunStore.open(SCHEMA_1).records()[0].model_dump_json()
    (copied / "trials.jsonl").write_text(line[:-1] + ',"schema_version":99}\n')
    with pytest.raises(DiptychError, match=r"trials\.jsonl:1 has schema_version 99"):
        RunStore.open(copied).records()


NONSENSE = [
    ("absent", "it has no schema_version"),
    (None, "it has no schema_version"),
    (0, "its schema_version is 0"),
    (-1, "its schema_version is -1"),
    ("2", "its schema_version is '2'"),
    (1.5, "its schema_version is 1.5"),
    (True, "its schema_version is True"),
    ([], r"its schema_version is \[\]"),
]


@pytest.mark.parametrize(("version", "why"), NONSENSE)
def test_a_version_that_is_none_is_a_clear_error(tmp_path: Path, version: object, why: str) -> None:
    copied = tmp_path / "run"
    shutil.copytree(SCHEMA_1, copied)

    def planted(text: str) -> str:
        facts = json.loads(text)
        facts.pop("schema_version")
        return json.dumps(facts if version == "absent" else {"schema_version": version, **facts})

    lines = (copied / "trials.jsonl").read_text().splitlines()
    (copied / "trials.jsonl").write_text("\n".join([lines[0], planted(lines[1]), *lines[2:]]) + "\n")
    with pytest.raises(DiptychError, match=rf"trials\.jsonl:2 is damaged: {why}.*diptych resume"):
        RunStore.open(copied).records()
    (copied / "manifest.json").write_text(planted((copied / "manifest.json").read_text()))
    with pytest.raises(DiptychError, match=rf"manifest\.json is damaged: {why}"):
        RunStore.open(copied)


def test_what_is_not_what_its_version_says_is_damaged(tmp_path: Path) -> None:
    copied = tmp_path / "run"
    shutil.copytree(SCHEMA_1, copied)
    for text in ('{"schema_version": 1}', '{"schema_version": 1, "suite": 3}', "[]", "7", "{"):
        (copied / "manifest.json").write_text(text)
        with pytest.raises(DiptychError, match=r"manifest\.json is damaged"):
            RunStore.open(copied)


@pytest.mark.parametrize("folder", runs_of_version(1), ids=lambda path: path.name)
def test_a_declaration_of_version_1_gets_the_hash_of_what_is_found(folder: Path) -> None:
    """Which proves nothing of that run, and must be today's recipe all the same."""
    manifest = RunStore.open(folder).manifest
    assert manifest.declaration_sha256 == declaration_sha256(manifest.suite)
