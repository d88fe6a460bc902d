"""Clips to feature rows through the I3D that FVD is defined by, from StyleGAN-V's TorchScript file.

Unterthiner et al. 2018 (arXiv 1812.01717) take the logits of an I3D trained on Kinetics-400; Skorokhodov et al. 2022
(StyleGAN-V, arXiv 2112.14683) carried that network over to TorchScript and found equal distances up to 1e-6 (their
fvd-comparison). TorchScript is code: the file is run only where its path was given (:data:`PATH_VARIABLE`), whatever
lies in a cache, and its hash goes into the context of every run.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harness.assets.locate import AbsentError
from harness.device import parse_device
from harness.errors import DiptychError, UsageError
from harness.files import file_sha256

PATH_VARIABLE = "DIPTYCH_I3D"
SOURCE = "https://www.dropbox.com/s/ge9e5ujwgetktms/i3d_torchscript.pt"
LEAST_FRAMES = 10
"""Fewest frames of a clip: the network halves time three times and then pools pairs."""
KEYWORDS = {"rescale": True, "resize": True, "return_features": True}
"""Pixels of 0 to 255 become -1 to 1, frames 224 × 224, and what comes out are the 400 logits; all inside the file."""


def i3d_path() -> Path:
    """Return the file that the user points to.

    Raises:
        AbsentError: None is pointed to.
        UsageError: There is no such file.
    """
    named = os.environ.get(PATH_VARIABLE, "")
    if not named:
        raise AbsentError(
            f"the I3D of FVD is TorchScript, that is code, and runs only where its path is given: "
            f"{PATH_VARIABLE}=/path/to/i3d_torchscript.pt (from {SOURCE})"
        )
    path = Path(named).expanduser()
    if not path.is_file():
        raise UsageError(f"{PATH_VARIABLE} names {named!r}, which is no file. Correct it, or unset it.")
    return path


class I3DFeatures:
    """A :class:`harness.protocols.BatchedExtractor`.

    Args:
        device: Torch device.
        path: The TorchScript file.

    Raises:
        UsageError: No such device.
        DiptychError: The file is no TorchScript.
    """

    def __init__(self, device: str, path: Path) -> None:
        self._device = str(parse_device(device))
        self._sha256 = file_sha256(path)
        try:
            self._network = torch.jit.load(str(path), map_location=self._device).eval()
        except (RuntimeError, ValueError) as error:
            why = str(error).strip().split("\n")[0]
            raise DiptychError(f"{path} is not a TorchScript file ({why}). It comes from {SOURCE}") from error

    def __call__(self, video: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Map uint8 ``[T ≥ 10, H, W, 3]`` to float64 ``[400]``."""
        row: NDArray[np.float64] = self.rows([video])[0]
        return row

    @torch.inference_mode()
    def rows(self, videos: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
        """Map clips of one shape to float64 ``[clips, 400]``."""
        for video in videos:
            if video.dtype != np.uint8 or video.ndim != 4 or video.shape[-1] != 3:
                raise UsageError(
                    f"fvd reads uint8 clips [frames, height, width, 3], not {video.dtype} {list(video.shape)}."
                )
            if len(video) < LEAST_FRAMES:
                raise UsageError(f"fvd needs clips of at least {LEAST_FRAMES} frames, not {len(video)}.")
        clips = torch.from_numpy(np.stack(videos)).to(self._device).permute(0, 4, 1, 2, 3).float()
        try:
            found = self._network(clips.contiguous(), **KEYWORDS)
        except RuntimeError as error:
            if "out of memory" in str(error):
                raise
            lines = [line for line in str(error).strip().split("\n") if line.strip()]
            raise DiptychError(
                f"the file in {PATH_VARIABLE} does not take clips of {list(clips.shape)} with "
                f"{', '.join(KEYWORDS)} as StyleGAN-V's does: {lines[-1]}"
            ) from error
        if found.ndim != 2 or len(found) != len(videos):
            raise DiptychError(
                f"the file in {PATH_VARIABLE} gives {list(found.shape)} for {len(videos)} clips; "
                "StyleGAN-V's gives [clips, features]"
            )
        rows: NDArray[np.float64] = found.double().cpu().numpy()
        return rows

    def context(self) -> dict[str, Any]:
        """The file behind the features, and what becomes of a clip before."""
        return {
            "weights_sha256": self._sha256,
            "frames": f"all of a clip, at least {LEAST_FRAMES}",
            "pixels": "0 to 255 as float32 [clips, 3, frames, height, width]",
            "keywords": KEYWORDS,
        }


def i3d(device: str) -> I3DFeatures:
    """The extractor ``i3d``."""
    parse_device(device)
    return I3DFeatures(device, i3d_path())
