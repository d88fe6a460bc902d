"""``diptych score``: a folder against a folder, whatever is in them; what was computed is never computed again."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.cli.main import run
from harness.errors import StoppedError, UsageError
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
    code, _, err = call(capfd, *asked, "--frames", 4)
    assert code == 1
    assert "holds scores of other folders or of another reading" in err


def test_metrics_may_be_asked_for_one_after_another(
    folders: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made, true = folders
    frechet, kvd = "frechet[tokenizer-crafter]", "kvd[tokenizer-crafter]"

    def ask(metrics: str, place: str = "kept") -> Any:
        return call(capfd, made, "--reference", true, "--metrics", metrics, "-o", tmp_path / place)[1]

    assert ask("psnr")["reused"] == 0
    both = ask(f"psnr,{frechet}")
    size = (tmp_path / "kept" / LINES).stat().st_size
    again = ask(f"{kvd},psnr")  # another distance of the same features
    assert again["reused"] == 2 * GOOD
    assert (tmp_path / "kept" / LINES).stat().st_size == size
    assert again["metrics"]["psnr"] == both["metrics"]["psnr"]
    assert again["metrics"][kvd] == ask(kvd, "alone")["metrics"][kvd]
    assert set(again["videos"][0]["scores"]) == set(again["videos"][0]["frame_scores"]) == {"psnr"}
    assert ask("ssim")["metrics"] == ask("ssim", "other")["metrics"]


def test_a_value_of_other_code_or_weights_is_computed_again(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness import score
    from harness.scoring import depends

    made, true = folders
    score(made, ["psnr"], true, output=tmp_path / "kept")
    with monkeypatch.context() as patch:
        patch.setattr(depends, "__version__", "another")
        assert score(made, ["psnr"], true, output=tmp_path / "kept").reused == 0
        assert score(made, ["psnr"], true, output=tmp_path / "kept").reused == GOOD


def test_a_disk_that_fails_ends_it_with_one_line(
    folders: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.scoring import kept

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(kept.os, "fsync", full)
    monkeypatch.setattr(kept, "write_atomically", lambda path, data: None)
    code, said, err = call(capfd, folders[0], "--reference", folders[1], "--metrics", "psnr", "-o", tmp_path / "kept")
    assert (code, said) == (1, None)
    assert "the scores cannot be written to" in err
    assert "No space left on device. What is there is kept" in err


def test_an_altered_line_is_noticed(
    folders: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made, true = folders
    asked = (made, "--reference", true, "--metrics", "psnr", "-o", tmp_path / "kept")
    _, first, _ = call(capfd, *asked)
    file = tmp_path / "kept" / LINES
    text = file.read_text()
    at = text.index('"scores":{"psnr":') + len('"scores":{"psnr":') + 1
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


def test_a_lossy_copy_scores_lower_and_is_said_to_be_lossy(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    made, true = tmp_path / "made", tmp_path / "true"
    made.mkdir()
    true.mkdir()
    for name in ("exact", "coded"):
        encode(moving(8), true / f"{name}.mkv")
    encode(moving(8), made / "exact.mkv")
    write(made / "coded.mp4", moving(8), crf="30")
    _, said, _ = call(capfd, made, "--reference", true, "--metrics", "psnr", "-o", tmp_path / "kept")
    scores = {video["path"]: video["scores"]["psnr"] for video in said["videos"]}
    assert scores["exact.mkv"] == 100.0
    assert 15 < scores["coded.mp4"] < 45
    assert "1 of 2 videos lossy (h264): scored is what was decoded" in said["notes"]
    assert said["metrics"]["psnr"]["reason"] == "2 videos: an interval needs at least 6"


def test_a_pair_with_a_half_that_is_broken_is_left_out_of_both_sets(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made, true = tmp_path / "made", tmp_path / "true"
    made.mkdir()
    true.mkdir()
    draw = np.random.default_rng(0)
    for number in range(36):
        frames = draw.integers(0, 255, (2, 16, 16, 3), dtype=np.uint8)
        np.save(true / f"{number}.npy", frames)
        np.save(made / f"{number}.npy", spoiled(frames, number))
    broken(made / "0.npy")
    broken(true / "1.npy")
    name = "kvd[tokenizer-crafter]"
    _, said, _ = call(capfd, made, "--reference", true, "--metrics", name, "-o", tmp_path / "kept")
    found = said["metrics"][name]
    assert found["low"] < found["value"] < found["high"]
    assert found["n"] == 34
    assert "joint jackknife over 34 groups of cases; 2 pairs left out with one half unread" in found["method"]
    assert list(said["reference_errors"]) == ["1.npy"]


def test_sets_need_no_pairs_of_one_length(
    folders: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made, true = folders
    encode(moving(5), true / "clip0.mkv")
    asked = ("--metrics", "psnr,kvd[tokenizer-crafter]", "-o", tmp_path / "kept")
    _, said, _ = call(capfd, made, "--reference", true, *asked)
    assert said["metrics"]["kvd[tokenizer-crafter]"]["n"] == GOOD
    assert said["metrics"]["psnr"]["n"] == GOOD - 1
    video = next(video for video in said["videos"] if video["path"] == "clip0.mkv")
    assert video["error"] is None
    assert video["reasons"]["psnr"].startswith("is 8 frames of 48x64 and its reference 5 frames of 48x64")


def test_what_one_metric_cannot_do_another_may(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    made, true = tmp_path / "made", tmp_path / "true"
    made.mkdir()
    true.mkdir()
    for folder in (made, true):
        np.save(folder / "tiny.npy", moving(4, 4, 4))
    np.save(made / "alone.npy", moving(4))
    np.save(true / "other.npy", moving(4))
    (made / "notes.txt").write_text("not a video")
    code, said, _ = call(capfd, made, "--reference", true, "--metrics", "psnr,ssim,fvd", "-o", tmp_path / "kept")
    assert code == 0
    videos = {video["path"]: video for video in said["videos"]}
    assert videos["tiny.npy"]["scores"] == {"psnr": 100.0, "ssim": None}
    assert videos["tiny.npy"]["reasons"]["ssim"] == "ssim has no value for 4 frames of 4x4"
    assert said["metrics"]["ssim"]["value"] is None
    assert "ssim has no value for 4 frames of 4x4" in said["metrics"]["ssim"]["reason"]
    assert "DIPTYCH_I3D" in said["metrics"]["fvd"]["reason"]
    assert videos["alone.npy"]["error"] == "has no reference: the reference folder holds no video called 'alone'"
    assert "1 of 2 reference videos belong to no video: other.npy" in said["notes"]
    assert "1 file was not looked at, with suffixes that are not those of videos" in said["notes"]


def test_two_rates_are_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    made, true = tmp_path / "made", tmp_path / "true"
    made.mkdir()
    true.mkdir()
    write(made / "a.mkv", moving(4), codec="ffv1", pixels="bgr0", times=[0, 5, 10, 15], rate=20)
    write(true / "a.mkv", moving(4), codec="ffv1", pixels="bgr0")
    asked = (made, "--reference", true, "--metrics", "psnr")
    _, said, _ = call(capfd, *asked, "-o", tmp_path / "kept")
    note = "1 of 1 videos at another rate than their reference, compared frame by frame: a.mkv (20 against 10 fps)"
    assert any(text.startswith(note) for text in said["notes"])
    _, said, _ = call(capfd, *asked, "-o", tmp_path / "resampled", "--fps", 10, "--frames", 2)
    assert not any("another rate" in text for text in said["notes"])
    assert said["metrics"]["psnr"]["value"] < 100


def test_the_reference_folder_may_lie_inside(
    folders: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made, true = folders
    inside = true.rename(made / "true")
    _, said, _ = call(capfd, made, "--reference", inside, "--metrics", "psnr", "-o", tmp_path / "kept")
    assert [video["path"] for video in said["videos"]] == [f"clip{number}.mkv" for number in range(GOOD)]


def test_stopping_keeps_what_was_scored(folders: tuple[Path, Path], tmp_path: Path) -> None:
    from harness import score

    made, true = folders

    def stop(done: int, total: int, name: str) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(StoppedError, match=r"the scores of 3 videos are kept in .* The same command goes on there"):
        score(made, ["psnr"], true, output=tmp_path / "kept", tell=stop)
    facts = score(made, ["psnr"], true, output=tmp_path / "kept")
    assert facts.reused == 3
    assert facts.metrics == score(made, ["psnr"], true, output=tmp_path / "whole").metrics


@pytest.mark.full
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_process_that_is_ended_leaves_what_it_scored(tmp_path: Path, number: signal.Signals) -> None:
    made, true = tmp_path / "made", tmp_path / "true"
    made.mkdir()
    true.mkdir()
    for clip in range(8):
        frames = np.random.default_rng(clip).integers(0, 255, (40, 128, 128, 3), dtype=np.uint8)
        np.save(true / f"{clip}.npy", frames)
        np.save(made / f"{clip}.npy", spoiled(frames, clip))
    command = [sys.executable, "-m", "harness.cli.main", "score", str(made), "--reference", str(true), "--json"]
    command += ["--metrics", "psnr,ssim", "-o", str(tmp_path / "kept")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("3/8"):
                break
        process.send_signal(number)
        out, err = process.communicate()
    assert out == ""
    assert process.returncode == (-number if number == signal.SIGKILL else 130)
    assert number == signal.SIGKILL or "The same command goes on there." in err
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    said = json.loads(again.stdout.splitlines()[-1])
    assert said["reused"] >= 3
    assert said["metrics"]["ssim"]["n"] == 8


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
        (("{made}", "--metrics", "frames_per_second"), "it is measured while one is made. Valid: aesthetic_quality["),
        (("{made}", "--metrics", "token_accuracy"), "it needs tokens or actions"),
        (("{made}", "--metrics", "action_f1[idm-crafter]"), "it needs tokens or actions"),
        (("{made}", "--metrics", ","), "name at least one metric"),
        (("{made}/nowhere", "--metrics", "ssim"), "does not exist"),
        (("{made}/clip0.mkv", "--metrics", "ssim"), "is a file, not a folder"),
        (("{made}", "--reference", "{empty}", "--metrics", "ssim"), "holds no video"),
        (("{made}", "--metrics", "ssim", "--size", "big"), "--size takes HEIGHTxWIDTH"),
        (("{made}", "--metrics", "ssim", "--frames", "0"), "greater than or equal to 1"),
        (("{made}", "--metrics", "ssim", "--size", "0x16"), "--size takes sides of 1 to 8192 pixels"),
        (("{made}", "--metrics", "ssim", "--fps", "-3"), "greater than 0"),
        (("{made}", "--metrics", "ssim", "--fps", "inf"), "--fps: input should be"),
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
    assert "7 videos: 8 frames of 48x64, 10 fps, ffv1 bgr0, lossless; colour: rgb" in out
    assert "bt601 (assumed), limited range (assumed)" in " ".join(out.split())
    assert "9 of 16 videos scored (10 kept from before)" in out
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
    first = said["videos"][0]
    assert first["error"] is None
    assert "sides divisible by 8" in first["reasons"]["tokenizer-crafter"]


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
    assert videos["alone.npy"]["error"] == "has no reference: the reference folder holds no video called 'alone'"
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
