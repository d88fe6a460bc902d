"""``diptych score``: a folder against a folder, whatever is in them; what was computed is never computed again."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.cli.main import run
from harness.errors import UsageError
from harness.scoring.kept import LINES
from harness.store.video import encode
from tests.harness.test_videos import audio, broken, cut_off, empty, floats, moving, write

GOOD = 7


def spoiled(frames: NDArray[np.uint8], seed: int, sigma: float = 6.0) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).normal(0, sigma, frames.shape)
    return np.clip(frames + noise, 0, 255).astype(np.uint8)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Seven good pairs."""
    made, true = tmp_path / "made", tmp_path / "true"
    made.mkdir()
    true.mkdir()
    for number in range(GOOD):
        frames = np.roll(moving(8), 3 * number, axis=2)
        encode(frames, true / f"clip{number}.mkv")
        encode(spoiled(frames, number), made / f"clip{number}.mkv")
    return made, true


def add_bad(made: Path, true: Path) -> dict[str, str]:
    """Eight files that cannot be scored as asked, or only with a remark, and what must be said of them."""
    broken(made / "broken.mp4")
    empty(made / "empty.mp4")
    whole = cut_off(made / "truncated.mkv").read_bytes()
    (made / "truncated.mkv").write_bytes(whole[: len(whole) // 5])  # before the eighth frame
    audio(made / "audio.mkv")
    floats(made / "floats.npy")
    write(made / "short.mkv", moving(2), codec="ffv1", pixels="bgr0")
    write(made / "odd.mkv", moving(8, 47, 63), codec="ffv1", pixels="yuv420p")
    write(made / "ten.mkv", moving(8), codec="ffv1", pixels="yuv420p10le")
    write(made / "variable.mkv", moving(8), codec="ffv1", pixels="bgr0", times=[0, 10, 20, 60, 70, 90, 95, 99])
    for name in ("odd", "ten", "variable", "truncated"):
        encode(moving(8), true / f"{name}.mkv")
    return {
        "broken.mp4": "is not a video that FFmpeg can open",
        "empty.mp4": "is empty: 0 bytes",
        "truncated.mkv": "cut off",
        "audio.mkv": "holds audio only",
        "floats.npy": "holds float32",
        "short.mkv": "is too short: it gives 2 of the 8 frames",
        "odd.mkv": "is 8 frames of 47x63 and its reference 8 frames of 48x64",
    }


def call(capfd: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, Any, str]:
    capfd.readouterr()
    code = run(["score", *map(str, arguments), "--json"])
    out, err = capfd.readouterr()
    return code, json.loads(out.strip().splitlines()[-1]) if out.strip() else None, err


def test_a_folder_with_bad_files_is_scored_without_them(
    folders: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made, true = folders
    bad = add_bad(made, true)
    code, said, err = call(
        capfd, made, "--reference", true, "--metrics", "psnr,ssim", "--frames", 8, "-o", tmp_path / "kept"
    )
    assert code == 0, err
    videos = {video["path"]: video for video in said["videos"]}
    assert set(videos) == {path.name for path in made.iterdir()}
    for name, words in bad.items():
        assert words in videos[name]["error"], name
        assert videos[name]["scores"] == {}
    assert any("10 bits" in remark for remark in videos["ten.mkv"]["facts"]["remarks"])
    assert any("variable frame rate" in remark for remark in videos["variable.mkv"]["facts"]["remarks"])
    assert said["metrics"]["psnr"]["n"] == GOOD + 2
    psnr = said["metrics"]["psnr"]
    assert psnr["low"] < psnr["value"] < psnr["high"]
    assert (psnr["unit"], psnr["direction"], psnr["reason"]) == ("dB", "higher", None)
    values = [videos[f"clip{n}.mkv"]["scores"]["psnr"] for n in range(GOOD)]
    assert all(30 < value < 35 for value in values)  # noise of sigma 6 is 32.6 dB
    assert set(psnr) >= {"value", "low", "high", "n", "unit", "direction", "reason"}


def test_what_is_kept_is_not_computed_again(
    folders: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made, true = folders
    asked = (made, "--reference", true, "--metrics", "psnr", "-o", tmp_path / "kept")
    _, first, _ = call(capfd, *asked)
    lines = (tmp_path / "kept" / LINES).read_bytes().splitlines(keepends=True)
    assert len(lines) == GOOD
    (tmp_path / "kept" / LINES).write_bytes(b"".join(lines[:4]) + lines[4][:50])  # killed while writing
    _, second, _ = call(capfd, *asked)
    assert (first["reused"], second["reused"]) == (0, 4)
    assert second["metrics"] == first["metrics"]
    assert any("set aside" in note for note in second["notes"])
    _, third, _ = call(capfd, *asked, "--fresh")
    assert third["reused"] == 0
    encode(spoiled(moving(8), 99), made / "clip0.mkv")  # another video of the same name
    _, fourth, _ = call(capfd, *asked)
    assert fourth["reused"] == GOOD - 1
    code, _, err = call(capfd, made, "--reference", true, "--metrics", "ssim", "-o", tmp_path / "kept")
    assert code == 1
    assert "another question" in err


def test_an_altered_line_is_noticed(
    folders: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made, true = folders
    asked = (made, "--reference", true, "--metrics", "psnr", "-o", tmp_path / "kept")
    _, first, _ = call(capfd, *asked)
    file = tmp_path / "kept" / LINES
    text = file.read_text()
    at = text.index('"psnr":') + 8
    file.write_text(text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1 :])
    _, second, _ = call(capfd, *asked)
    assert second["metrics"] == first["metrics"]
    assert second["reused"] == GOOD - 1


def test_sets_are_compared_paired_or_not(
    folders: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made, true = folders
    for folder in folders:
        shutil.copy(folder / "clip0.mkv", folder / "again.mkv")
    asked = ("--metrics", "frechet[tokenizer-crafter],kvd[tokenizer-crafter]", "-o", tmp_path / "kept")
    code, said, err = call(capfd, made, "--reference", true, *asked)
    assert code == 0, err
    found = said["metrics"]["frechet[tokenizer-crafter]"]
    assert found["value"] > 0
    assert found["low"] is None
    assert "rank-deficient" in found["reason"]
    same = call(capfd, true, "--reference", true, "--metrics", "frechet[tokenizer-crafter]", "-o", tmp_path / "b")[1]
    assert abs(same["metrics"]["frechet[tokenizer-crafter]"]["value"]) < 1e-6
    (true / "again.mkv").unlink()
    unpaired = call(capfd, made, "--reference", true, "--metrics", "kvd[tokenizer-crafter]", "-o", tmp_path / "c")[1]
    assert "not pairs" in unpaired["metrics"]["kvd[tokenizer-crafter]"]["reason"]
    for path in list(true.iterdir())[1:]:
        path.unlink()
    one = call(capfd, made, "--reference", true, "--metrics", "kvd[tokenizer-crafter],ssim", "-o", tmp_path / "d")[1]
    assert one["metrics"]["kvd[tokenizer-crafter]"]["value"] is None
    assert "at least 2 videos in each" in one["metrics"]["kvd[tokenizer-crafter]"]["reason"]


@pytest.mark.full
def test_one_unreadable_video_costs_its_pair_and_not_the_interval(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made, true = tmp_path / "made", tmp_path / "true"
    for folder in (made, true):
        folder.mkdir()
    for number in range(40):
        frames = np.roll(moving(8), number, axis=2)
        np.save(true / f"c{number}.npy", frames)
        np.save(made / f"c{number}.npy", spoiled(frames, number))
    (made / "c7.npy").write_bytes(b"x")
    metric = "kvd[tokenizer-crafter]"
    said = call(capfd, made, "--reference", true, "--metrics", metric, "-o", tmp_path / "kept")[1]
    found = said["metrics"][metric]
    assert found["n"] == 39
    assert found["low"] < found["value"] < found["high"]


def test_a_metric_that_needs_a_reference_is_absent_without_one(
    folders: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, said, _ = call(capfd, folders[0], "--metrics", "ssim", "-o", tmp_path / "kept")
    assert code == 1
    assert said["metrics"]["ssim"]["value"] is None
    assert "--reference" in said["metrics"]["ssim"]["reason"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("{made}", "--metrics", "sim"), "unknown metric 'sim'; did you mean 'ssim'?"),
        (("{made}", "--metrics", "frames_per_second"), "is measured while a video is made"),
        (("{made}", "--metrics", ","), "name at least one metric"),
        (("{made}/nowhere", "--metrics", "ssim"), "does not exist"),
        (("{made}/clip0.mkv", "--metrics", "ssim"), "is a file, not a folder"),
        (("{made}", "--reference", "{empty}", "--metrics", "ssim"), "holds no video"),
        (("{made}", "--metrics", "ssim", "--size", "big"), "--size takes HEIGHTxWIDTH"),
        (("{made}", "--metrics", "ssim", "--frames", "0"), "greater than or equal to 1"),
        (("{made}", "--metrics", "ssim", "--fps", "-3"), "greater than 0"),
    ],
)
def test_a_mistake_gets_one_line(
    folders: tuple[Path, Path],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    words: str,
) -> None:
    nothing = tmp_path / "empty"
    nothing.mkdir()
    code, _, err = call(capfd, *(text.format(made=folders[0], empty=nothing) for text in arguments))
    assert code == 2
    assert words in err
    assert len(err.strip().splitlines()) == 1
    assert "Traceback" not in err


def test_the_verb_says_the_same_and_the_table_is_readable(
    folders: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from harness import score

    made, true = folders
    add_bad(made, true)
    facts = score(made, ["ssim"], true, frames=8, output=tmp_path / "kept")
    assert run(["score", str(made), "--reference", str(true), "--metrics", "ssim", "--frames", "8", "-o",
                str(tmp_path / "kept")]) == 0  # fmt: skip
    out = capfd.readouterr().out
    assert f"{facts.metrics['ssim'].value:.3f}"[:4] in out
    assert "not scored" in out
    assert "colour:" in out
    assert "9 of 16 videos scored (9 kept from before)" in out
    with pytest.raises(UsageError, match="did you mean"):
        score(made, ["ssimm"], true)


def test_a_space_that_refuses_a_video_costs_only_its_own_metrics(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made, true = tmp_path / "made", tmp_path / "true"
    for folder, seed in ((made, 1), (true, 2)):
        folder.mkdir()
        for number in range(3):
            side = 33 if number == 0 else 32  # the tokenizer's features need sides divisible by 8
            np.save(folder / f"c{number}.npy", spoiled(np.full((4, side, side, 3), 90, np.uint8), seed + number))
    asked = (made, "--reference", true, "--metrics", "ssim,kvd[tokenizer-crafter]", "-o", tmp_path / "kept")
    code, said, _ = call(capfd, *asked)
    assert code == 0
    assert said["metrics"]["ssim"]["n"] == 3
    assert said["metrics"]["kvd[tokenizer-crafter]"]["n"] == 2
    assert any("c0: no features in tokenizer-crafter" in note for note in said["notes"])


def test_odd_folders(folders: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    made, true = folders
    os.mkfifo(made / "pipe.mp4")
    (made / "more").symlink_to(made)  # a loop
    np.save(made / "alone.npy", moving(4))
    code, said, _ = call(capfd, made, "--reference", true, "--metrics", "ssim", "-o", tmp_path / "kept")
    assert code == 0
    videos = {video["path"]: video for video in said["videos"]}
    assert videos["pipe.mp4"]["error"] == "is not a regular file"
    assert len(videos) == GOOD + 2
    assert any("alone.npy: without a reference" in note for note in said["notes"])
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / LINES).write_text("mine\n")
    code, _, err = call(capfd, made, "--reference", true, "--metrics", "ssim", "-o", foreign, "--fresh")
    assert code == 1
    assert "is no file of ours" in err
    assert (foreign / LINES).read_text() == "mine\n"
    code, said, _ = call(capfd, made, "--reference", true, "--metrics", "ssim", "--start", 6, "-o", tmp_path / "b")
    alone = next(video for video in said["videos"] if video["path"] == "alone.npy")
    assert alone["error"] == "has 4 frames; none is left from frame 6 on (--start)"
    run(["score", str(made), "--reference", str(true), "--metrics", "ssim,fvd", "-o", str(tmp_path / "c")])
    assert max(map(len, capfd.readouterr().out.splitlines())) <= 100 + len(str(tmp_path))
