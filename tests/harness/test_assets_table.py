"""The table of assets: a row for every weight that ships, and laws that a careless row breaks."""

from __future__ import annotations

import hashlib
import lzma
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.assets.types import Asset, WheelMember
from harness.cli.builtin import load_builtin
from harness.cli.checking import held
from harness.conformance.laws import Component
from harness.errors import DiptychError
from harness.files import file_sha256
from harness.registry import Entry
from models import weights
from models.assets.zoo import ZOO
from models.tokenizers.loading import load_tokenizer

ROOT = Path(__file__).resolve().parents[2]


def test_every_weight_of_the_zoo_has_its_row() -> None:
    plain = {path.name: path.read_bytes() for path in weights.ZOO.glob("*.safetensors")}
    packed = {path.stem: lzma.decompress(path.read_bytes()) for path in weights.ZOO.glob("*.safetensors.xz")}
    assert not plain.keys() & packed.keys(), "models/zoo has these both plain and packed"
    wrong = []
    for name, data in sorted({**plain, **packed}.items()):
        row = (hashlib.sha256(data).hexdigest(), len(data))
        if ZOO.get(name, ())[:2] != row:
            wrong.append(f'    "{name}": ("{row[0]}", {row[1]}, "what it is"),')
    assert not wrong, "put these rows into ZOO of models/assets/zoo.py:\n" + "\n".join(wrong)
    gone = [name for name in ZOO if name not in plain and name not in packed]
    assert not gone, f"models/zoo has no {', '.join(gone)}: take the rows out of ZOO of models/assets/zoo.py"


def test_a_flipped_bit_of_the_zoo_is_refused_when_it_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "tokenizer_crafter.safetensors"
    data = bytearray((weights.ZOO / name).read_bytes())
    data[-1] ^= 1
    (tmp_path / name).write_bytes(data)
    monkeypatch.setattr(weights, "ZOO", tmp_path)
    with pytest.raises(DiptychError, match=f"expected {ZOO[name][0]}") as caught:
        load_tokenizer(name)
    assert file_sha256(tmp_path / name) in str(caught.value)


@pytest.mark.full
def test_a_flipped_bit_of_the_zoo_stops_a_run_before_its_first_trial(tmp_path: Path) -> None:
    for room in ("harness", "models", "suites", "reports"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    name = "video_transformer_crafter_9x9.safetensors"
    file = tmp_path / "models" / "zoo" / f"{name}.xz"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    results = tmp_path / "results"
    cache = str(tmp_path / "cache")  # of its own: a sound file that was unpacked before would do
    settings = {**os.environ, "PYTHONPATH": str(tmp_path), "DIPTYCH_RESULTS": str(results), "DIPTYCH_CACHE": cache}

    def diptych(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "harness.cli.main", *arguments]
        return subprocess.run(command, env=settings, cwd=tmp_path, capture_output=True, text=True, timeout=300)

    for command in (("run", "null", "--scale", "smoke"), ("assets", "verify"), ("doctor",)):
        done = diptych(*command)
        said = " ".join((done.stdout + done.stderr).split())  # lines are wrapped
        assert done.returncode == 1, said
        assert ZOO[name][0] in said
        assert f"{file} is damaged" in said
        assert "git checkout models/zoo" in said
        assert "Traceback" not in said
    assert not list(results.rglob("trials.jsonl"))


SOUND = Asset(
    name="mine",
    summary="s",
    version="1",
    file_name="mine.safetensors",
    sha256="a" * 64,
    licence="MIT",
    citation="made for a test",
    url="https://example.org/mine.safetensors",
)
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no licence": ({"licence": " "}, "says its licence and where it comes from"),
    "no origin": ({"citation": "someone"}, "says its licence and where it comes from"),
    "another name": ({"name": "yours"}, "has the name it goes by"),
    "a path for a name": ({"file_name": "../mine"}, "says its licence and where it comes from"),
    "half a hash": ({"sha256": "a" * 32}, "has a hash, or says why not"),
    "no hash and no reason": ({"sha256": None}, "has a hash, or says why not"),
    "a source of no hash": ({"sha256": None, "note": "n", "sha256_source": "s"}, "has a hash, or says why not"),
    "no source": ({"url": None}, "has a source"),
    "any version": ({"wheel": WheelMember(requirement="mine>=1", member="m")}, "has a source"),
    "mirror only, no recipe": ({"url": None, "mirror": "m"}, "has a source"),
    "out of the mirror": ({"mirror": "../m"}, "has a source"),
    "unguarded": ({"sha256": None, "note": "n", "url": "http://example.org/m"}, "has a source"),
    "not there": ({"packaged": "zoo/mine.safetensors"}, "has the bytes that it declares"),
    "other bytes": ({"packaged": "zoo/tokenizer_crafter.safetensors"}, "has the bytes that it declares"),
    "another size": (
        {
            "packaged": "zoo/tokenizer_crafter.safetensors",
            "sha256": ZOO["tokenizer_crafter.safetensors"][0],
            "bytes": 1,
        },
        "has the bytes that it declares",
    ),
}


def broken(asset: Asset) -> set[str]:
    """The laws that a row breaks."""
    entry = Entry("asset", "mine", "s", "here", asset, __name__)
    return {fact.name for fact in held(Component(entry, asset, load_builtin())) if not fact.ok}


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "cache"))


def test_a_sound_row_breaks_no_law() -> None:
    assert broken(SOUND) == set()


@pytest.mark.parametrize(("changes", "law"), FAULTS.values(), ids=FAULTS)
def test_a_careless_row(changes: dict[str, Any], law: str) -> None:
    assert law in broken(SOUND.model_copy(update=changes))


def test_an_extractor_without_its_weights_breaks_no_law(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIPTYCH_ASSETS", "")
    registry = load_builtin()
    entry = next(entry for entry in registry.list("extractor") if entry.name == "x3d-xs-k400-int8dq")
    facts = held(Component(entry, entry.load(), registry))
    assert [fact.detail for fact in facts if not fact.ok] == []
    assert any("diptych assets fetch x3d-xs-k400-int8dq" in fact.detail for fact in facts if not fact.applies)
