"""Where numbers come from: git or a reason, what is in the comparability key and what is not."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness import provenance
from harness.device import Device
from harness.plan import make_plan
from harness.provenance import (
    code_facts,
    comparability_key,
    context_facts,
    cpu_model,
    differences,
    info_facts,
    installed_packages,
    nvml_context,
)
from harness.types import Arm, Case, Scale, Suite

ROOT = Path(__file__).resolve().parents[2]
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def a_repository(folder: Path) -> Path:
    """Make a repository with one tracked file and return that file."""
    file = folder / "package" / "code.py"
    file.parent.mkdir()
    file.write_text("x = 1\n")
    for arguments in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "first"],
    ):
        subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)
    return file


@needs_git
def test_a_clean_commit_a_patch_and_a_new_file(tmp_path: Path) -> None:
    file = a_repository(tmp_path)
    clean = code_facts(file)
    assert len(clean["commit"]) == 40
    assert (clean["dirty"], clean["patch"], clean["untracked"], clean["reason"]) == (False, None, {}, None)
    file.write_text("x = 2\n")
    changed = code_facts(file)
    assert changed["dirty"]
    assert "+x = 2" in changed["patch"]
    assert changed["patch_sha256"] == hashlib.sha256(changed["patch"].encode()).hexdigest()
    assert changed["commit"] == clean["commit"]
    file.write_text("x = 1\n")
    (tmp_path / "new.py").write_text("")
    assert code_facts(file)["untracked"] == {"new.py": hashlib.sha256(b"").hexdigest()}
    assert code_facts(file)["dirty"]


@needs_git
def test_a_large_patch_is_kept_as_its_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = a_repository(tmp_path)
    file.write_text("x = 2\n")
    monkeypatch.setattr(provenance, "PATCH_LIMIT_BYTES", 10)
    facts = code_facts(file)
    assert facts["patch"] is None
    assert len(facts["patch_sha256"]) == 64
    assert "only its hash" in facts["reason"]


@needs_git
def test_a_wheel_inside_someone_elses_repository_is_not_that_repository(tmp_path: Path) -> None:
    a_repository(tmp_path)
    (tmp_path / ".gitignore").write_text(".venv/\n")
    installed = tmp_path / ".venv" / "harness" / "provenance.py"
    installed.parent.mkdir(parents=True)
    installed.write_text("")
    facts = code_facts(installed)
    assert (facts["commit"], facts["dirty"]) == (None, None)
    assert "not tracked by git" in facts["reason"]


def test_outside_git_and_without_git_there_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "provenance.py"
    file.write_text("")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    if shutil.which("git"):
        assert "not tracked by git" in code_facts(file)["reason"]
    monkeypatch.setenv("PATH", str(tmp_path))
    facts = code_facts(file)
    assert facts["reason"] == "git is not installed"
    assert facts["commit"] is None


def test_info_names_packages_and_no_host() -> None:
    import socket

    facts = info_facts(["diptych", "run"])
    assert facts["argv"] == ["diptych", "run"]
    assert facts["packages"]["pydantic"] == __import__("pydantic").VERSION
    assert list(facts["packages"]) == sorted(installed_packages())
    text = json.dumps({key: value for key, value in facts.items() if key not in ("code", "packages", "argv")})
    assert len(socket.gethostname()) < 3 or socket.gethostname() not in text.split('"')
    assert facts["time"].endswith("+00:00")


def test_context_is_plain_json_and_names_what_computes() -> None:
    context = context_facts(Device("cpu"), 3, {"fake": {"weights": "w", "path": Path("x")}}, {})
    assert json.loads(json.dumps(context)) == context
    assert context["threads"] == 3
    assert context["device"] == "cpu"
    assert context["makers"] == {"fake": {"weights": "w", "path": "x"}}
    assert context["torch"] == __import__("torch").__version__
    assert context["determinism"]["cudnn_benchmark"] in (True, False)
    assert "gpu" not in context


def a_suite(**changes: Any) -> Suite:
    scale = Scale(name="smoke", cases=(Case(name="c", group="g", model="m"),))
    suite = Suite(
        name="s",
        version=1,
        question="?",
        arms=(Arm(name="a", maker="f"), Arm(name="b", maker="f"), Arm(name="c", maker="f")),
        baseline="a",
        scales={"smoke": scale},
        metrics=("m",),
        primary_speed="m",
        primary_quality="m",
        margin=1.0,
        margin_why="",
    )
    return suite.model_copy(update=changes)


def key(suite: Suite, seed: int = 0, arms: list[str] | None = None, context: dict[str, Any] | None = None) -> str:
    return comparability_key(suite, make_plan(suite, "smoke", seed, arms), context or {"torch": "1"})


def test_the_key_holds_what_was_asked_and_what_can_change_it() -> None:
    suite = a_suite()
    base = key(suite)
    assert base == key(a_suite(question="another wording"))
    assert base == key(suite, context={"torch": "1"})
    others = [
        key(suite, seed=1),
        key(suite, arms=["a", "b"]),
        key(a_suite(version=2)),
        key(suite, context={"torch": "2"}),
        key(a_suite(arms=(*suite.arms[:2], Arm(name="c", maker="f", params={"k": 1})))),
        key(a_suite(scales={"smoke": Scale(name="smoke", cases=suite.scales["smoke"].cases, repeats=2)})),
    ]
    assert len({base, *others}) == 7
    worded = tuple(arm.model_copy(update={"summary": "words"}) for arm in suite.arms)
    assert key(a_suite(arms=worded)) == base


def test_differences_are_named_by_leaf() -> None:
    before = {"a": 1, "makers": {"m": {"w": "x", "same": 0}}}
    after = {"makers": {"m": {"w": "y", "same": 0}}, "new": None}
    assert differences(before, after) == ["a: 1 → absent", "makers.m.w: x → y", "new: absent → None"]
    assert differences(before, before) == []


def test_the_processor_has_a_name_or_an_architecture(tmp_path: Path) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n")
    assert cpu_model(file) == "Some CPU @ 2 GHz"
    assert cpu_model(tmp_path / "absent")


def test_arm_servers_without_a_name_are_told_apart_by_their_numbers(tmp_path: Path) -> None:
    file = tmp_path / "cpuinfo"
    names = []
    for part in ("0xd0c", "0xd40"):
        file.write_text(f"processor\t: 0\nCPU implementer\t: 0x41\nCPU variant\t: 0x1\nCPU part\t: {part}\n")
        names.append(cpu_model(file))
    assert len(set(names)) == 2
    assert all("0x41" in name for name in names)


def test_without_nvml_there_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert "not installed" in nvml_context("GPU-0")["nvml"]


def test_planning_recording_and_provenance_import_no_torch() -> None:
    modules = "harness.plan, harness.provenance, harness.device, harness.clock, harness.memory, harness.run"
    modules += ", harness.store.run_store, harness.store.locate, harness.samples, harness.ceilings"
    code = f"import sys; sys.modules['torch'] = None\nimport {modules}\nheavy = {{'scipy', 'pandas', 'av', 'rich'}}\n"
    code += "print(sorted(heavy & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
