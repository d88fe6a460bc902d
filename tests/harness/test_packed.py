"""Shipped files that lie packed: the same bytes come out, once, checked, and nothing else is ever used."""

from __future__ import annotations

import hashlib
import lzma
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.assets import packed
from harness.assets.locate import locate
from harness.assets.packed import PackedError, pack, packed_path, unpacked, unpacked_path
from harness.assets.types import Asset
from harness.cli import assets as verbs
from harness.cli import checks, listing
from harness.cli.verifying import weight_file
from harness.errors import DiptychError
from harness.registry import REGISTRY
from models import weights
from models.assets.zoo import ZOO
from models.zoo.pack import main

PACKED = sorted(path.stem for path in weights.ZOO.glob("*.safetensors.xz"))
DATA = b"weights, " * 4000
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("DIPTYCH_CACHE", str(folder))
    return folder


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A packed file in an installation."""
    path = tmp_path / "models" / "zoo" / "mine.safetensors.xz"
    path.parent.mkdir(parents=True)
    path.write_bytes(pack(DATA))
    return path


@pytest.fixture
def asset(file: Path, monkeypatch: pytest.MonkeyPatch) -> Asset:
    """Its row in the table."""
    monkeypatch.setattr("harness.assets.locate.places", lambda asset: [file.with_suffix("")])
    return Asset(
        name="mine.safetensors",
        summary="s",
        version="1",
        file_name="mine.safetensors",
        sha256=SHA256,
        bytes=len(DATA),
        licence="MIT",
        citation="made for this test",
        packaged="zoo/mine.safetensors",
    )


@given(st.binary(max_size=2000))
def test_the_same_bytes_come_out_and_equal_files_are_packed_alike(data: bytes) -> None:
    assert lzma.decompress(pack(data)) == data
    assert pack(data) == pack(data)


@pytest.mark.parametrize("name", PACKED)
def test_a_packed_file_of_the_zoo_is_used_by_its_name(name: str, cache: Path) -> None:
    before = sorted(weights.ZOO.iterdir())
    path = weights.zoo_path(name)
    assert path == cache / "zoo" / ZOO[name][0][:16] / name
    assert weights.weights_sha256(name) == ZOO[name][0]
    assert path.stat().st_size == ZOO[name][1]
    assert weights.read_weights(path)[1]["facts"]
    assert weight_file(name, REGISTRY) == listing.zoo_file(name) == path
    assert sorted(weights.ZOO.iterdir()) == before, "an installation is only read"


def test_some_file_is_packed_and_absent_names_are_told_those() -> None:
    assert "video_transformer_crafter_9x9.safetensors" in PACKED
    with pytest.raises(DiptychError, match=r"Weights in the zoo: .*, video_transformer_crafter_9x9\.safetensors, "):
        weights.zoo_path("absent.safetensors")


def test_only_names_of_the_table_are_unpacked(file: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setattr(weights, "ZOO", file.parent)
    for name in (file.stem, str(file.with_suffix(""))):
        with pytest.raises(DiptychError, match=r"Weights in the zoo: none"):
            weights.zoo_path(name)
    assert listing.zoo_file(str(file.with_suffix(""))) is None
    assert not cache.exists()


def test_what_is_in_the_cache_is_used_and_other_bytes_are_made_again(file: Path) -> None:
    path = unpacked(file, SHA256)
    first = path.stat().st_ino
    assert unpacked(file, SHA256).stat().st_ino == first
    path.write_bytes(DATA[:-1] + b"!")
    assert unpacked(file, SHA256).read_bytes() == DATA
    path.unlink()
    assert unpacked(file, SHA256).read_bytes() == DATA


@pytest.mark.parametrize("place", [0, 8, 0.5, -9, -1])
def test_a_flipped_bit_is_refused_with_the_remedy(place: float, file: Path, cache: Path) -> None:
    data = bytearray(file.read_bytes())
    data[place if isinstance(place, int) else int(len(data) * place)] ^= 1
    file.write_bytes(data)
    with pytest.raises(PackedError, match=f"{SHA256}.*git checkout models/zoo") as caught:
        unpacked(file, SHA256)
    assert str(file) in str(caught.value)
    assert not cache.exists()


def test_a_packed_file_that_was_cut_or_changed_is_refused(file: Path) -> None:
    whole = file.read_bytes()
    for data in (whole[: len(whole) // 2], b""):
        file.write_bytes(data)
        with pytest.raises(PackedError, match="does not unpack"):
            unpacked(file, SHA256)
    file.write_bytes(pack(b"others"))
    with pytest.raises(PackedError, match=f"{hashlib.sha256(b'others').hexdigest()} inside, expected {SHA256}"):
        unpacked(file, SHA256)


def test_verify_finds_a_damaged_packed_file_behind_a_sound_cache(
    file: Path, asset: Asset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verbs, "_chosen", lambda names: [asset])
    (facts,) = verbs.verify_assets().assets
    assert (facts.present, facts.bytes, facts.path) == (True, len(DATA), unpacked_path(asset.name, SHA256))
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    assert locate(asset).path.read_bytes() == DATA, "what is used is sound"
    said = verbs.verify_assets()
    assert not said.ok
    assert (said.assets[0].present, said.assets[0].path) == (False, file)
    assert "git checkout models/zoo" in str(said.assets[0].reason)


def test_a_cache_that_cannot_be_written_is_one_message(
    file: Path, asset: Asset, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.write_text("a file is in the way")
    with pytest.raises(PackedError, match=r"(?s)^mine\.safetensors\.xz cannot .*Choose another with DIPTYCH_CACHE\.$"):
        locate(asset)
    monkeypatch.setattr(verbs, "_chosen", lambda names: [asset])
    assert "DIPTYCH_CACHE" in str(verbs.list_assets().assets[0].reason)
    (check,) = checks._assets(None)
    assert (check.ok, check.severity, check.remedy) == (False, "required", packed.CACHE_REMEDY)
    cache.unlink()

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(packed, "write_atomically", full)
    with pytest.raises(PackedError, match=r"No space left on device\. Choose another with DIPTYCH_CACHE"):
        locate(asset)


def test_a_cache_that_has_the_file_need_not_be_writable(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = unpacked(file, SHA256)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(packed, "usable_folder", refuse)
    monkeypatch.setattr(packed, "write_atomically", refuse)
    assert unpacked(file, SHA256) == path


def test_doctor_says_what_is_wrong_with_a_packed_file(cache: Path) -> None:
    cache.write_text("a file is in the way")
    found = {check.name: check for check in checks._weights(None)}
    wrong = [check for check in found.values() if not check.ok]
    assert "weights video_transformer_crafter_9x9.safetensors" in {check.name for check in wrong}
    assert {check.name for check in wrong} <= {f"weights {name}" for name in PACKED}
    assert all(check.remedy == packed.CACHE_REMEDY and check.severity == "required" for check in wrong)


def test_processes_that_unpack_at_once_all_find_the_whole_file(file: Path) -> None:
    data = os.urandom(1 << 20)
    file.write_bytes(pack(data))
    digest = hashlib.sha256(data).hexdigest()
    code = (
        "import sys; from pathlib import Path; from harness.assets.packed import unpacked; "
        "from harness.files import file_sha256; sys.stdin.read(1); "
        "print(file_sha256(unpacked(Path(sys.argv[1]), sys.argv[2])))"
    )
    command = [sys.executable, "-c", code, str(file), digest]
    racing = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for process in racing:
        assert process.stdin is not None
        process.stdin.write(".")
        process.stdin.flush()
    assert {process.communicate(timeout=240)[0].strip() for process in racing} == {digest}
    folder = unpacked_path(file.stem, digest).parent
    assert [path.name for path in folder.iterdir()] == [file.stem], "nothing half-written is left"


def test_an_unpacked_file_that_changed_after_it_was_found_is_refused(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = weights.zoo_path(PACKED[0])
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(DiptychError, match=f"expected {ZOO[PACKED[0]][0]}.*Delete it"):
        weights.read_weights(path)


def test_the_command_packs_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.safetensors"
    path.write_bytes(DATA)
    main([str(path)])
    assert path.read_bytes() == DATA
    assert lzma.decompress(packed_path(path).read_bytes()) == DATA
    said = capsys.readouterr().out
    assert f"row: SHA-256 {SHA256}, {len(DATA)} bytes" in said
    first = packed_path(path).read_bytes()
    main([str(path)])
    assert packed_path(path).read_bytes() == first
    with pytest.raises(SystemExit, match=r"absent\.safetensors cannot be packed: No such file"):
        main([str(tmp_path / "absent.safetensors")])
    with pytest.raises(SystemExit, match=r"only weight files"):
        main([str(packed_path(path))])
