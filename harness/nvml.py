"""What the driver tells of a card: clocks, throttling, who else computes on it, energy. Absent where it tells nothing.

NVIDIA's management library comes with the driver; ``nvidia-ml-py`` binds it (``pip install 'diptych[gpu]'``). A fact
that a card or a container does not tell is None. These paths need a GPU; here they are tested against a stand-in.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

THROTTLES = {
    0x04: "power cap",
    0x08: "hardware slowdown",
    0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "power brake",
}
"""Bits of NVML's clock event reasons that make a card slower than asked for; idleness and set clocks are none."""

CLOCK_TOLERANCE = 0.05
"""Fraction by which the clock of two measured calls may differ before it is said."""

SHORTEST_ENERGY_SECONDS = 0.5
"""The energy counter moves in steps of up to 0.1 s: over shorter windows it says nothing."""


@dataclass(frozen=True)
class GpuReading:
    """One card at one moment; None is what it does not tell.

    Attributes:
        sm_clock_megahertz: Clock of its processors.
        memory_clock_megahertz: Clock of its memory.
        temperature_celsius: Of the processor.
        power_watts: Drawn now.
        throttles: Why it runs slower than asked for, in words.
        processes: Process ids that compute on it; in a container they may be the host's.
        energy_joules: Taken since the driver was loaded.
    """

    sm_clock_megahertz: int | None = None
    memory_clock_megahertz: int | None = None
    temperature_celsius: int | None = None
    power_watts: float | None = None
    throttles: tuple[str, ...] = ()
    processes: tuple[int, ...] | None = None
    energy_joules: float | None = None


class Card:
    """One card, as the driver knows it."""

    def __init__(self, uuid: str) -> None:
        """Open the card with ``uuid``, as torch gives it: NVML counts cards in another order than CUDA.

        Raises:
            ImportError: ``nvidia-ml-py`` is not installed.
            pynvml.NVMLError: No driver, or no such card.
        """
        import pynvml

        self._nvml: Any = pynvml
        pynvml.nvmlInit()
        self._handle = pynvml.nvmlDeviceGetHandleByUUID(uuid if uuid.startswith("GPU-") else f"GPU-{uuid}")

    def context(self) -> dict[str, Any]:
        """Driver, power limit and highest clocks: what does not change from trial to trial."""
        nvml = self._nvml
        card = self._handle
        power = self._tell(lambda: nvml.nvmlDeviceGetEnforcedPowerLimit(card))
        return {
            "driver": self._tell(lambda: str(nvml.nvmlSystemGetDriverVersion())),
            "power_limit_watts": None if power is None else power / 1000,
            "max_sm_clock_megahertz": self._tell(lambda: nvml.nvmlDeviceGetMaxClockInfo(card, nvml.NVML_CLOCK_SM)),
            "max_memory_clock_megahertz": self._tell(lambda: nvml.nvmlDeviceGetMaxClockInfo(card, nvml.NVML_CLOCK_MEM)),
        }

    def read(self) -> GpuReading:
        """Read the card now."""
        nvml, card = self._nvml, self._handle
        reasons = self._tell(lambda: nvml.nvmlDeviceGetCurrentClocksThrottleReasons(card)) or 0
        power = self._tell(lambda: nvml.nvmlDeviceGetPowerUsage(card))
        energy = self._tell(lambda: nvml.nvmlDeviceGetTotalEnergyConsumption(card))
        return GpuReading(
            sm_clock_megahertz=self._tell(lambda: nvml.nvmlDeviceGetClockInfo(card, nvml.NVML_CLOCK_SM)),
            memory_clock_megahertz=self._tell(lambda: nvml.nvmlDeviceGetClockInfo(card, nvml.NVML_CLOCK_MEM)),
            temperature_celsius=self._tell(lambda: nvml.nvmlDeviceGetTemperature(card, nvml.NVML_TEMPERATURE_GPU)),
            power_watts=None if power is None else power / 1000,
            throttles=tuple(words for bit, words in THROTTLES.items() if reasons & bit),
            processes=self._tell(
                lambda: tuple(process.pid for process in nvml.nvmlDeviceGetComputeRunningProcesses(card))
            ),
            energy_joules=None if energy is None else energy / 1000,
        )

    def _tell(self, ask: Callable[[], T]) -> T | None:
        try:
            return ask()
        except self._nvml.NVMLError:  # not supported by this card, or not permitted in this container
            return None


@functools.cache
def open_card(device: str) -> Card | str:
    """Return the card behind a device name (``"cuda:0"``), or the reason why the driver tells nothing of it."""
    if not device.startswith("cuda"):
        return "only NVIDIA cards have counters that are read"
    import torch

    uuid = str(getattr(torch.cuda.get_device_properties(device), "uuid", ""))
    return open_uuid(uuid)


def open_uuid(uuid: str) -> Card | str:
    """Return the card with ``uuid``, or the reason why the driver tells nothing of it."""
    try:
        import pynvml
    except ImportError:
        return "nvidia-ml-py is not installed (pip install 'diptych[gpu]')"
    try:
        return Card(uuid)
    except pynvml.NVMLError as error:
        return str(error)


def others(processes: tuple[int, ...] | None, own: int | None = None) -> int:
    """Count who else computes on a card.

    A container sees the host's process ids, and so not its own: one process that is not known is then taken for it.
    """
    found = set(processes or ())
    ours = os.getpid() if own is None else own
    return max(0, len(found - {ours}) - (ours not in found))


def flags_between(before: GpuReading, after: GpuReading, usual_clock_megahertz: int | None) -> list[str]:
    """Say what was amiss with a card while a call was measured.

    Args:
        before: Read before it.
        after: Read right after it, while the clocks are still up.
        usual_clock_megahertz: Clock of the processors after an earlier measured call, or None.
    """
    flags = []
    if before.throttles or after.throttles:
        flags.append("throttled")
    clock = after.sm_clock_megahertz
    if clock and usual_clock_megahertz and abs(clock / usual_clock_megahertz - 1) > CLOCK_TOLERANCE:
        flags.append("clock-changed")
    if max(others(before.processes), others(after.processes)) > 0:
        flags.append("foreign-process")
    return flags


def energy_between(
    before: GpuReading, after: GpuReading, seconds: float, calls: int
) -> tuple[float | None, str | None]:
    """Return the joules of one of ``calls`` calls that took ``seconds`` together; or None and the reason."""
    if before.energy_joules is None or after.energy_joules is None:
        return None, "the card has no energy counter"
    if seconds < SHORTEST_ENERGY_SECONDS:
        return None, f"{seconds:.2g} s are too short for the energy counter; at least {SHORTEST_ENERGY_SECONDS} s"
    return (after.energy_joules - before.energy_joules) / calls, None
