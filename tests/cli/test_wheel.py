"""The installed wheel: complete, and sure of its own rooms in a folder that has others of the same names."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.full
ROOT = Path(__file__).parents[2]
ROOMS = ("harness", "models", "suites", "reports")
FILES = ("pyproject.toml", "README.md", "LICENSE")


def do(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments,
        cwd=cwd,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from a copy of the tree: building leaves folders behind."""
    source = tmp_path_factory.mktemp("source")
    for room in ROOMS:
        shutil.copytree(ROOT / room, source / room, ignore=shutil.ignore_patterns("__pycache__"))
    for file in FILES:
        shutil.copy(ROOT / file, source)
    out = tmp_path_factory.mktemp("wheel")
    # Without isolation: the build needs setuptools alone, which the tests' environment has.
    built = do(
        sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", str(out), ".", cwd=source
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (found,) = out.glob("diptych-*.whl")
    return found


@pytest.fixture(scope="module")
def site(wheel, tmp_path_factory) -> Path:
    """A folder with the wheel installed in it."""
    target = tmp_path_factory.mktemp("site")
    pip = (sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", str(target))
    done = do(*pip, str(wheel), cwd=target)
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture
def elsewhere(tmp_path) -> Path:
    """A researcher's folder, with packages and results of its own."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").write_text("raise RuntimeError('not the models that were meant')\n")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "mine.csv").write_text("a,b\n")
    return tmp_path


def test_the_wheel_carries_every_file_of_the_rooms(wheel):
    inside = set(zipfile.ZipFile(wheel).namelist())
    tracked = subprocess.run(["git", "ls-files", *ROOMS], cwd=ROOT, capture_output=True, text=True, check=True)
    wanted = {name for name in tracked.stdout.split() if not name.endswith(".gitignore")}
    assert wanted
    assert wanted - inside == set()
    assert {name.partition("/")[0] for name in inside if ".dist-info" not in name} == set(ROOMS)
    assert any(name.endswith("licenses/LICENSE") for name in inside)


def test_the_command_uses_its_own_rooms(site, elsewhere):
    said = do(str(site / "bin" / "diptych"), "list", "models", "--json", cwd=elsewhere, PYTHONPATH=str(site))
    assert said.returncode == 0, said.stderr
    document = json.loads(said.stdout.splitlines()[-1])
    assert document["items"]
    assert all(item["origin"].startswith(str(site)) for item in document["items"])


def test_a_run_is_kept_beside_what_is_there(site, elsewhere):
    said = do(
        str(site / "bin" / "diptych"), "run", "decoding", "--arms", "sequential,diagonal-k2", "--json",
        cwd=elsewhere, PYTHONPATH=str(site), DIPTYCH_RESULTS="results",
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    document = json.loads(said.stdout.splitlines()[-1])
    assert Path(document["path"]).is_relative_to(elsewhere / "results" / "decoding")
    assert (elsewhere / "results" / "mine.csv").read_text() == "a,b\n"


def test_a_folder_that_hides_ours_is_refused_with_both_paths(site, elsewhere):
    said = do(sys.executable, "-m", "harness.cli.main", "list", "models", cwd=elsewhere, PYTHONPATH=str(site))
    assert said.returncode == 1
    assert str(elsewhere / "models") in said.stderr
    assert str(site / "models") in said.stderr
    assert "Traceback" not in said.stderr
