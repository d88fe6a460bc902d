"""X3D tells real actions apart; FVD's I3D is computed through any TorchScript file of its signature, by path alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from harness.assets.locate import AbsentError, mirror_folder
from harness.cli.builtin import load_builtin
from harness.errors import DiptychError, UsageError
from harness.features import extract_rows
from harness.videos.read import read_video
from harness.videos.reading import Reading
from models.extractors.i3d import I3DFeatures, i3d
from models.extractors.x3d import Preprocessing, X3DFeatures


@pytest.fixture(scope="module")
def x3d() -> X3DFeatures:
    load_builtin()
    try:
        return X3DFeatures("cpu")
    except AbsentError as error:
        pytest.skip(str(error))


def clip(seed: int = 0, frames: int = 8, side: int = 48) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (frames, side, side, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("file", "action"),
    [
        ("hassony2/v_CricketShot_g04_c01_rgb.gif", "playing cricket"),
        ("mmaction2/demo.mp4", "arm wrestling"),
        ("sam2/05_default_juggle.mp4", "juggling soccer ball"),
        ("decord/flipping_a_pancake.mkv", "flipping pancake"),
    ],
)
def test_real_clips_are_recognised(x3d: X3DFeatures, file: str, action: str) -> None:
    assert sum(parameter.numel() for parameter in x3d.model.parameters()) == 3_780_662
    try:
        folder = mirror_folder("videos")
        classes = json.loads((mirror_folder("video_features") / "kinetics400_classes.json").read_text())
    except AbsentError as error:
        pytest.skip(str(error))
    video = read_video(folder / file, Reading(fps=6)).frames
    assert classes[str(int(x3d.logits([video])[0].argmax()))] == action


def test_features_do_not_depend_on_the_batch(x3d: X3DFeatures) -> None:
    clips = [clip(seed) for seed in range(3)]
    one_by_one = np.stack([x3d(video) for video in clips])
    together = np.stack(list(extract_rows(x3d, clips, batch=3)))
    assert together.shape == (3, 2048)
    assert np.allclose(together, one_by_one, rtol=1e-4, atol=1e-5)
    assert (one_by_one >= 0).all()
    assert np.array_equal(x3d(clips[0]), one_by_one[0])


def test_frames_are_taken_evenly_and_too_few_are_refused() -> None:
    preprocess = Preprocessing()
    assert preprocess.frames_of(31).tolist() == list(range(0, 31, 2))
    assert preprocess.frames_of(5).tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(UsageError, match="at least 4 frames, not 3"):
        preprocess.frames_of(3)
    grey = np.full((4, 20, 40, 3), 0.45 * 255, np.uint8)
    assert preprocess(grey).shape == (3, 4, 160, 160)
    assert preprocess(grey).abs().max() < 0.02


class LikeI3D(nn.Module):
    """The signature of StyleGAN-V's file: features of clips ``[B, 3, T, H, W]`` of 0 to 255."""

    def forward(
        self, x: torch.Tensor, rescale: bool = False, resize: bool = False, return_features: bool = False
    ) -> torch.Tensor:
        if rescale:
            x = x * 2.0 / 255.0 - 1.0
        if not return_features:
            return x.mean(dim=(2, 3, 4)).softmax(1)
        motion = (x[:, :, 1:] - x[:, :, :-1]).abs().mean(dim=(2, 3, 4))
        return torch.cat([x.mean(dim=(2, 3, 4)), motion], 1)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("i3d") / "like_i3d.pt"
    torch.jit.script(LikeI3D()).save(str(path))
    return path


def test_fvd_is_absent_until_a_path_is_given(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.delenv("DIPTYCH_I3D", raising=False)
    with pytest.raises(AbsentError, match=r"DIPTYCH_I3D=/path/to/i3d_torchscript\.pt"):
        i3d("cpu")
    monkeypatch.setenv("DIPTYCH_I3D", str(file.with_name("nowhere.pt")))
    with pytest.raises(UsageError, match="which is no file"):
        i3d("cpu")
    monkeypatch.setenv("DIPTYCH_I3D", str(file))
    extractor = i3d("cpu")
    assert len(extractor.context()["weights_sha256"]) == 64
    fvd = load_builtin().get("metric", "fvd")
    assert fvd.feature_space == "i3d"
    still = [np.repeat(clip(seed, 1), 12, axis=0) for seed in range(6)]
    moving = [clip(seed, 12) for seed in range(6)]
    rows = [np.stack(list(extract_rows(extractor, clips))) for clips in (still, moving)]
    assert rows[0].shape == (6, 6)
    assert np.allclose(rows[0][:, 3:], 0, atol=1e-6)
    assert fvd.distance(rows[1], rows[0]) > 0.1
    assert abs(fvd.distance(rows[1], rows[1])) < 1e-9
    expected = clip(0, 12).astype(np.float64).mean((0, 1, 2)) * 2 / 255 - 1
    assert np.allclose(rows[1][0][:3], expected, atol=1e-5)


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(b"no TorchScript")
    with pytest.raises(DiptychError, match="is not a TorchScript file"):
        I3DFeatures("cpu", tmp_path / "a.pt")
    torch.jit.script(nn.Linear(3, 2)).save(str(tmp_path / "b.pt"))
    with pytest.raises(DiptychError, match="as StyleGAN-V's does"):
        I3DFeatures("cpu", tmp_path / "b.pt")(clip(0, 12))


def test_short_clips_are_refused(file: Path) -> None:
    with pytest.raises(UsageError, match="at least 10 frames, not 9"):
        I3DFeatures("cpu", file)(clip(0, 9))
