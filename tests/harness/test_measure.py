"""A measured call: durations, memory, energy and flags; the card is a stand-in for the driver's library."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from harness import measure as module
from harness.measure import measure, time_once, unsteady
from harness.metrics.bound import bound_fraction
from harness.metrics.energy import energy_joules_per_frame
from harness.nvml import Card, GpuReading, energy_between, flags_between, open_uuid, others
from harness.store.records import FLAGS
from harness.types import Made, Repeats


class FakeNvml:
    """Answers like ``pynvml``; an answer that is an exception is raised."""

    NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_TEMPERATURE_GPU = 1, 2, 0

    class NVMLError(Exception):
        pass

    def __init__(self, **answers: Any) -> None:
        self.answers = {
            "nvmlDeviceGetHandleByUUID": "card",
            "nvmlSystemGetDriverVersion": "580.1",
            "nvmlDeviceGetEnforcedPowerLimit": 700_000,
            "nvmlDeviceGetMaxClockInfo": 1980,
            "nvmlDeviceGetClockInfo": 1755,
            "nvmlDeviceGetTemperature": 61,
            "nvmlDeviceGetPowerUsage": 412_000,
            "nvmlDeviceGetCurrentClocksThrottleReasons": 0x1,
            "nvmlDeviceGetComputeRunningProcesses": [],
            "nvmlDeviceGetTotalEnergyConsumption": 5_000_000,
            "nvmlInit": None,
            **answers,
        }

    def __getattr__(self, name: str) -> Any:
        def answer(*_: Any) -> Any:
            found = self.answers[name]
            if isinstance(found, Exception):
                raise found
            return found

        if name not in self.answers:
            raise AttributeError(name)
        return answer


def card(monkeypatch: pytest.MonkeyPatch, **answers: Any) -> Card:
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(**answers))  # type: ignore[arg-type]
    found = open_uuid("GPU-1")
    assert isinstance(found, Card)
    return found


def test_a_card_is_read_in_units_and_words(monkeypatch: pytest.MonkeyPatch) -> None:
    processes = [SimpleNamespace(pid=7), SimpleNamespace(pid=9)]
    found = card(
        monkeypatch,
        nvmlDeviceGetCurrentClocksThrottleReasons=0x4 | 0x40 | 0x1,
        nvmlDeviceGetComputeRunningProcesses=processes,
    ).read()
    assert found == GpuReading(
        sm_clock_megahertz=1755,
        memory_clock_megahertz=1755,
        temperature_celsius=61,
        power_watts=412.0,
        throttles=("power cap", "hardware thermal slowdown"),
        processes=(7, 9),
        energy_joules=5000.0,
    )


def test_what_a_card_does_not_tell_is_absent_and_hides_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = FakeNvml.NVMLError("Not Supported")
    silent = {name: refusal for name in FakeNvml().answers if name.startswith("nvmlDeviceGet") and "Handle" not in name}
    assert card(monkeypatch, **silent).read() == GpuReading()
    assert card(monkeypatch, nvmlDeviceGetTotalEnergyConsumption=refusal).read().sm_clock_megahertz == 1755
    assert card(monkeypatch, nvmlDeviceGetEnforcedPowerLimit=refusal).context() == {
        "driver": "580.1",
        "power_limit_watts": None,
        "max_sm_clock_megahertz": 1980,
        "max_memory_clock_megahertz": 1980,
    }
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(nvmlInit=FakeNvml.NVMLError("no driver")))  # type: ignore[arg-type]
    assert open_uuid("GPU-1") == "no driver"


@pytest.mark.parametrize(
    ("processes", "count"),
    [(None, 0), ((), 0), ((5,), 0), ((5, 6), 1), ((8,), 0), ((8, 9), 1), ((5, 5), 0)],
)
def test_others_on_the_card_are_counted_also_where_a_container_hides_our_own_number(
    processes: tuple[int, ...] | None, count: int
) -> None:
    assert others(processes, own=5) == count


@pytest.mark.parametrize(
    ("before", "after", "usual", "expected"),
    [
        (GpuReading(), GpuReading(), None, []),
        (GpuReading(throttles=("power cap",)), GpuReading(), None, ["throttled"]),
        (GpuReading(), GpuReading(throttles=("power brake",)), None, ["throttled"]),
        (GpuReading(sm_clock_megahertz=300), GpuReading(sm_clock_megahertz=1755), 1755, []),
        (GpuReading(), GpuReading(sm_clock_megahertz=1600), 1755, ["clock-changed"]),
        (GpuReading(processes=(1, 2)), GpuReading(processes=(1,)), None, ["foreign-process"]),
    ],
)
def test_what_is_amiss_with_a_card_is_said(
    before: GpuReading, after: GpuReading, usual: int | None, expected: list[str]
) -> None:
    assert flags_between(before, after, usual) == expected
    assert set(expected) <= FLAGS.keys()


def test_energy_is_that_of_one_call_or_absent_with_a_reason() -> None:
    assert energy_between(GpuReading(energy_joules=100.0), GpuReading(energy_joules=400.0), 2.0, 3) == (100.0, None)
    value, reason = energy_between(GpuReading(energy_joules=100.0), GpuReading(energy_joules=101.0), 0.1, 1)
    assert value is None
    assert reason is not None
    assert "too short" in reason
    assert energy_between(GpuReading(), GpuReading(), 9.0, 1)[0] is None


@pytest.mark.parametrize(
    ("seconds", "answer"),
    [
        ([1.0] * 5 + [9.0] * 0, False),
        ([1.0, 1.0, 1.0, 1.0, 1.0, 1.0], False),
        ([2.0, 2.0, 1.5, 1.4, 1.0, 1.0], True),
        ([1.0, 1.0, 1.1, 1.2, 1.3, 1.3], True),
        ([1.0, 9.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0], False),
        ([2.0, 1.0], False),
    ],
)
def test_a_trend_within_a_trial_is_told_from_a_single_slow_call(seconds: list[float], answer: bool) -> None:
    assert unsteady(seconds) is answer


def test_repeats_end_on_count_and_on_time(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    assert len(measure(lambda: calls.append(1), repeats=Repeats(count=4)).seconds) == 4
    slow = measure(lambda: __import__("time").sleep(0.02), repeats=Repeats(count=50, limit_seconds=0.05))
    assert 1 <= len(slow.seconds) < 50
    assert slow.energy_joules is None
    assert slow.peak_memory_bytes
    assert slow.info["peak_memory_method"]


def test_a_card_s_state_is_kept_with_the_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = card(monkeypatch, nvmlDeviceGetCurrentClocksThrottleReasons=0x4)
    monkeypatch.setattr(module, "open_card", lambda device: fake)
    monkeypatch.setattr(module, "_usual_clock", {})
    found = measure(lambda: 5)
    assert found.result == 5
    assert found.flags == ["throttled"]
    assert found.info["gpu"]["sm_clock_megahertz"] == 1755
    assert found.info["gpu"]["throttles"] == ["power cap"]
    assert "too short" in found.info["energy_reason"]
    assert module._usual_clock == {"cpu": 1755}


def test_what_is_no_sample_does_not_count_as_the_trial_before(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = iter([1980, 1980, 990, 990])
    fake = card(monkeypatch)
    monkeypatch.setattr(fake, "read", lambda: GpuReading(sm_clock_megahertz=next(clocks)))
    monkeypatch.setattr(module, "open_card", lambda device: fake)
    monkeypatch.setattr(module, "_usual_clock", {})
    assert measure(lambda: None).flags == []
    assert time_once(lambda: None) > 0
    assert measure(lambda: None).flags == ["clock-changed"]


def made(**more: Any) -> Made:
    facts: dict[str, Any] = {
        "video": None,
        "reference": None,
        "prompt": None,
        "seconds": [2.0, 4.0, 9.0],
        "first_call_seconds": None,
        "prefill_seconds": None,
        "peak_memory_bytes": None,
        "counts": {"frames": 8},
        "values": {},
        "hashes": {},
    }
    return Made(**{**facts, **more})


def test_energy_and_the_fraction_of_the_bound_by_hand() -> None:
    assert energy_joules_per_frame(made(energy_joules=24.0)) == 3.0
    assert energy_joules_per_frame(made()) is None
    assert energy_joules_per_frame(made(energy_joules=24.0, counts={})) is None
    assert bound_fraction(made(info={"bound_seconds": 1.0})) == 0.25
    assert bound_fraction(made()) is None
