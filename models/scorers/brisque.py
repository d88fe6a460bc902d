"""BRISQUE: how unnatural the local contrasts of a frame are, by a support vector regression on 36 numbers.

Mittal, Moorthy and Bovik, No-reference image quality assessment in the spatial domain, IEEE TIP 21(12), 2012. The
regression is LIVE's, as the package brisque 0.2.0 carries it (Apache-2.0); its file is a libsvm text model, which is
read here, so that neither libsvm nor OpenCV has to be installed. The ranges by which the 36 numbers are scaled are
those of the authors' release.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.assets.locate import asset_path
from harness.device import parse_device
from harness.errors import DiptychError, NoValueError
from harness.files import file_sha256
from models.scorers.pixels import check_clip

ASSET = "brisque-live"
LUMA = np.array([0.2125, 0.7154, 0.0721])
RADIUS = 3
SIGMA_PIXELS = 7 / 6
CONTRAST_FLOOR = 1 / 255
SHAPES = np.arange(0.2, 10.001, 0.001)
"""Shape parameters of the generalised Gaussian that a fit may have."""
SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""Neighbours whose products are looked at: right, below, and the two diagonals."""
LOWEST = np.array(
    [0.336999, 0.019667, 0.23, -0.125959, 0.000167, 0.000616, 0.231, -0.125873, 0.000165, 0.0006, 0.241, -0.128814,
     0.000179, 0.000386, 0.243, -0.13308, 0.000182, 0.000421, 0.436998, 0.016929, 0.247, -0.200231, 0.000104, 0.000834,
     0.257, -0.200017, 0.000112, 0.000876, 0.257, -0.155072, 0.000112, 0.000356, 0.258, -0.154374, 0.000117, 0.000351]
)  # fmt: skip
HIGHEST = np.array(
    [9.999411, 0.807472, 1.644021, 0.202917, 0.712384, 0.468672, 1.644021, 0.169548, 0.713132, 0.467896, 1.553016,
     0.101368, 0.687324, 0.533087, 1.554016, 0.101, 0.689177, 0.533133, 3.639918, 0.800955, 1.096995, 0.175286,
     0.755547, 0.39927, 1.095995, 0.155928, 0.751488, 0.402398, 1.041992, 0.093209, 0.623516, 0.532925, 1.042992,
     0.093714, 0.621958, 0.534484]
)  # fmt: skip


@dataclass(frozen=True)
class Regression:
    """A support vector regression with a Gaussian kernel.

    Attributes:
        coefficients: Of the support vectors, ``[n]``.
        vectors: ``[n, 36]``.
        gamma: Of the kernel ``exp(-gamma |x - y|²)``.
        rho: Subtracted from the sum.
    """

    coefficients: NDArray[np.float64]
    vectors: NDArray[np.float64]
    gamma: float
    rho: float

    def __call__(self, row: NDArray[np.float64]) -> float:
        """The value at a row ``[36]``."""
        kernel = np.exp(-self.gamma * ((self.vectors - row) ** 2).sum(1))
        return float(self.coefficients @ kernel - self.rho)


def read_regression(path: Path) -> Regression:
    """Read a libsvm text model of an epsilon-SVR with a Gaussian kernel.

    Raises:
        DiptychError: The file is something else.
    """
    try:
        head, _, body = path.read_text("ascii").partition("\nSV\n")
        facts = dict(line.split(" ", 1) for line in head.splitlines())
        if (facts["svm_type"], facts["kernel_type"]) != ("epsilon_svr", "rbf"):
            raise ValueError(f"it is {facts['svm_type']} with a {facts['kernel_type']} kernel")
        lines = [line.split() for line in body.splitlines() if line.strip()]
        vectors = np.zeros((len(lines), len(LOWEST)))
        for number, line in enumerate(lines):
            for entry in line[1:]:
                place, value = entry.split(":")
                vectors[number, int(place) - 1] = float(value)
        weights = np.array([float(line[0]) for line in lines])
        return Regression(weights, vectors, float(facts["gamma"]), float(facts["rho"]))
    except (ValueError, KeyError, IndexError, UnicodeDecodeError) as error:
        raise DiptychError(f"{path} is no support vector regression of BRISQUE: {error}.") from error


def contrasts(grey: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take local mean and deviation (a Gaussian of 7 × 7 pixels) out of an image ``[H, W]`` in [0, 1]."""
    from scipy.ndimage import correlate1d

    taps = np.exp(-(np.arange(-RADIUS, RADIUS + 1) ** 2) / (2 * SIGMA_PIXELS**2))
    taps /= taps.sum()

    def smooth(image: NDArray[np.float64]) -> NDArray[np.float64]:
        rows: NDArray[np.float64] = correlate1d(image, taps, axis=0, mode="constant")
        both: NDArray[np.float64] = correlate1d(rows, taps, axis=1, mode="constant")
        return both

    mean = smooth(grey)
    deviation = np.sqrt(np.abs(smooth(grey**2) - mean**2))
    return (grey - mean) / (deviation + CONTRAST_FLOOR)


def fit(values: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Fit an asymmetric generalised Gaussian by moments: shape, mean, variance on the left and on the right.

    Raises:
        NoValueError: Values lie on one side of 0 only, or are all 0: there is nothing to fit.
    """
    left, right = values[values < 0], values[values >= 0]
    if left.size == 0 or not right.any():
        raise NoValueError("it has no contrast: BRISQUE has nothing to fit")
    left_variance, right_variance = float((left**2).mean()), float((right**2).mean())
    gamma = np.sqrt(left_variance / right_variance)
    ratio = float(np.abs(values).mean() ** 2 / (values**2).mean())
    wanted = ratio * (gamma**3 + 1) * (gamma + 1) / (gamma**2 + 1) ** 2
    ratios, means, scales = _shapes()
    at = int(np.searchsorted(ratios, wanted).clip(0, len(SHAPES) - 1))
    mean = (np.sqrt(right_variance) - np.sqrt(left_variance)) * scales[at] * means[at]
    return float(SHAPES[at]), float(mean), left_variance, right_variance


@cache
def _shapes() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    from scipy.special import gamma

    one, two, three = gamma(1 / SHAPES), gamma(2 / SHAPES), gamma(3 / SHAPES)
    return two**2 / (one * three), two / one, np.sqrt(one / three)


def features(grey: NDArray[np.float64]) -> NDArray[np.float64]:
    """The 18 numbers of one size of an image ``[H, W]`` in [0, 1]."""
    found = contrasts(grey)
    shape, _, left, right = fit(found)
    row = [shape, (left + right) / 2]
    for down, across in SHIFTS:
        height, width = found.shape
        here = found[: height - down, max(0, -across) : width - max(0, across)]
        there = found[down:, max(0, across) : width + min(0, across)]
        row += fit(here * there)
    return np.array(row)


def halved(grey: NDArray[np.float64]) -> NDArray[np.float64]:
    """Half the size by cubic interpolation (a = -0.75) between the middle pixels, without antialiasing."""
    taps = np.array([-0.09375, 0.59375, 0.59375, -0.09375])
    for _ in range(2):
        wide = np.pad(grey, ((1, 2), (0, 0)), mode="edge")
        count = round(len(grey) / 2)
        grey = sum(tap * wide[place : place + 2 * count : 2][:count] for place, tap in enumerate(taps)).T
    return grey


class Brisque:
    """A :class:`harness.protocols.Scorer`: BRISQUE of every frame, around 0 (natural) to 100 (distorted).

    Raises:
        UsageError: No such device.
        AbsentError: The regression's file is not on this machine.
    """

    least_side = 16
    first = 0
    every = 1

    def __init__(self, device: str = "cpu") -> None:
        parse_device(device)  # the arithmetic is numpy's, whatever the device
        path = asset_path(ASSET)
        self._regression = read_regression(path)
        self._sha256 = file_sha256(path)

    def __call__(self, video: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Map uint8 ``[T, H, W, 3]`` to float64 ``[T]``, lower is better.

        Raises:
            NoValueError: A frame without contrast; says which.
        """
        check_clip(video, "BRISQUE", least_side=self.least_side)
        values = []
        for number, frame in enumerate(video):
            try:
                values.append(self._value(frame @ LUMA / 255))
            except NoValueError as error:
                raise NoValueError(f"frame {number}: {error}") from error
        return np.array(values)

    def _value(self, grey: NDArray[np.float64]) -> float:
        row = np.concatenate([features(grey), features(halved(grey))])
        return self._regression(-1 + 2 * (row - LOWEST) / (HIGHEST - LOWEST))

    def context(self) -> dict[str, Any]:
        """The weights behind the values."""
        return {"weights_sha256": self._sha256}
