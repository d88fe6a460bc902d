"""The example plug-in: short enough to read, and complete: installed beside Diptych in a clean environment, it runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
EXAMPLE = HERE / "diptych-example"
MODULES = ("model", "schedule", "metric", "suite")
LONGEST = 40
ROOMS = ("harness", "models", "suites", "reports")
FILES = ("pyproject.toml", "README.md", "LICENSE")


@pytest.mark.parametrize("module", MODULES)
def test_a_component_takes_at_most_forty_lines(module):
    lines = (EXAMPLE / "diptych_example" / f"{module}.py").read_text().splitlines()
    assert 5 < len(lines) <= LONGEST


def test_every_module_is_named_by_an_entry_point():
    groups = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]["entry-points"]
    assert set(groups) == {f"diptych.{kind}s" for kind in MODULES}
    named = {value.partition(":")[0] for points in groups.values() for value in points.values()}
    assert named == {f"diptych_example.{module}" for module in MODULES}


def do(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        arguments,
        cwd=cwd,
        env={**inherited, "PYTHONDONTWRITEBYTECODE": "", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def wheel(source: Path, out: Path) -> Path:
    """Build a wheel without isolation: the build needs setuptools alone, which the tests' environment has."""
    pip = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", str(out), ".")
    do(*pip, cwd=source)
    (found,) = out.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` of a new environment with both wheels installed; what they depend on is that of the tests' own.

    The other environment's site-packages stands on the path as a plain folder: its own ``.pth`` files, and so an
    editable Diptych in it, are not followed.
    """
    source = tmp_path_factory.mktemp("source")
    for room in ROOMS:
        shutil.copytree(ROOT / room, source / room, ignore=shutil.ignore_patterns("__pycache__"))
    for file in FILES:
        shutil.copy(ROOT / file, source)
    example = Path(shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("example") / "diptych-example"))
    wheels = [wheel(folder, tmp_path_factory.mktemp("wheel")) for folder in (source, example)]
    home = tmp_path_factory.mktemp("clean") / "env"
    venv.create(home, symlinks=True)
    python = home / "bin" / "python"
    purelib = do(str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=home).stdout.strip()
    pip = (sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index")
    do(*pip, *map(str, wheels), cwd=home)
    (Path(purelib) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home / "bin"


@pytest.mark.full
def test_it_works_from_end_to_end_beside_an_installed_diptych(installed, tmp_path):
    def diptych(*arguments: str):
        said = do(str(installed / "diptych"), *arguments, "--json", cwd=tmp_path)
        return json.loads(said.stdout.splitlines()[-1])

    names = {"models": "tiny-random", "schedules": "two-rows", "metrics": "flicker", "suites": "two-rows"}
    for kind, name in names.items():
        listing = diptych("list", kind)
        items = {item["name"]: item for item in listing["items"]}
        assert "diptych-example 1.0" in items[name]["origin"] or "diptych_example/suite.py" in items[name]["origin"]
        assert str(ROOT) not in json.dumps(listing)  # neither of the two is read from the tree
        checked = diptych("check", name, "--kind", kind)
        assert checked["ok"], checked
    ran = diptych("run", "two-rows", "--scale", "smoke", "--results", "results")
    assert ran["trials"]["finished"] == 48
    assert ran["trials"]["failed"] == 0
    words = {(c["group"], c["arm"]): c["word"] for c in ran["conclusions"]}
    assert words["tiny-random", "two-rows"] == "speed only"
    assert words.keys() >= {("crafter-9x9", "two-rows"), ("crafter-9x9", "frame-at-once")}
    shown = diptych("show", ran["run_id"], "--results", "results")
    assert shown["findings"] == ran["findings"]
    assert shown["context"]["plugins"] == {"diptych-example": "1.0"}
    assert {"flicker", "ssim", "passes"} <= {finding["metric"] for finding in shown["findings"]}
    passes = {f["arm"]: f["estimate"]["value"] for f in shown["findings"] if f["metric"] == "passes"}
    assert passes["two-rows"] == pytest.approx(147 / 243)
    report = diptych("report", ran["run_id"], "--results", "results", "-o", "page.html")
    assert "two-rows" in Path(report["path"]).read_text()
