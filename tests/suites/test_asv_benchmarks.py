"""asv's benchmarks of Diptych: each runs once, so that none rots; and their configuration says what pyproject says."""

from __future__ import annotations

import importlib
import inspect
import itertools
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from asv.config import Config

import suites.asv
import suites.asv.benchmarks as benchmarks

ROOT = Path(__file__).parents[2]
CONFIG = Path(suites.asv.__file__).parent / "asv.conf.json"
PREFIXES = ("time_", "track_")


def cases():
    for info in pkgutil.iter_modules(benchmarks.__path__):
        module = importlib.import_module(f"{benchmarks.__name__}.{info.name}")
        for _, kind in inspect.getmembers(module, inspect.isclass):
            names = [name for name in vars(kind) if name.startswith(PREFIXES)]
            if kind.__module__ == module.__name__ and names:
                for params in itertools.product(*getattr(kind, "params", ())):
                    yield pytest.param(kind, names, params, id="-".join((info.name, kind.__name__, *params)))


CASES = list(cases())


def test_every_part_has_benchmarks():
    found = {f"{case.values[0].__module__.rpartition('.')[2]}.{name}" for case in CASES for name in case.values[1]}
    assert found == {
        "decoding.time_compile", "decoding.track_passes", "decoding.time_decode", "decoding.track_cache_bytes",
        "store.time_append", "store.time_load", "store.track_bytes_per_trial",
        "statistics.time_analyse", "statistics.time_export_asv", "statistics.time_max_t_family",
        "statistics.time_frechet_jackknife",
        "reports.time_report", "reports.track_page_bytes",
    }  # fmt: skip


@pytest.mark.parametrize(("kind", "names", "params"), CASES)
def test_it_runs_once(kind, names, params):
    bench = kind()
    bench.setup(*params)
    try:
        for name in names:
            value = getattr(bench, name)(*params)
            if name.startswith("track_"):
                assert value > 0
                assert getattr(bench, name).unit
            else:
                assert value is None
    finally:
        getattr(bench, "teardown", lambda *_: None)(*params)


def test_listing_suites_imports_nothing_of_them():
    code = (
        "import sys; from harness.cli.listing import list_items; listing = list_items('suites'); "
        "print(listing.broken, *(m in sys.modules for m in ('suites.asv', 'suites.asv.benchmarks', 'torch')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "{} True False False"


def test_the_configuration_points_at_what_is_there():
    conf = Config.load(str(CONFIG))
    assert (CONFIG.parent / conf.repo).resolve() == ROOT
    assert (CONFIG.parent / conf.benchmark_dir / "__init__.py").is_file()
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    for place in (conf.results_dir, conf.html_dir, conf.env_dir):
        written = (CONFIG.parent / place).resolve().relative_to(ROOT)
        assert f"/{written.parts[0]}/" in ignored
    text = CONFIG.read_text()
    assert str(ROOT) not in text
    assert "://" not in text


def test_its_environment_has_what_the_project_needs():
    wanted = Config.load(str(CONFIG)).matrix["req"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needed = {re.split(r"[<>=]", entry)[0] for entry in project["project"]["dependencies"]}
    assert needed | {"setuptools", "wheel"} == set(wanted)
    pinned = re.findall(r"^(\w+)==(.+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert {name: version for name, (version,) in wanted.items() if version} == dict(pinned)
