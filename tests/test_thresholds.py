"""The threshold of speed rests on the committed run of suite null, and says so with its numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import stats

from harness.cli.builtin import load_builtin
from harness.stats.findings import threshold
from harness.store.run_store import RunStore

ROOT = Path(__file__).resolve().parent.parent
SPEEDS = ("frames_per_second", "tokens_per_second", "frame_latency_seconds")


def test_what_suite_null_saw_is_smaller_than_the_threshold_and_quoted() -> None:
    (run,) = (ROOT / "results" / "baselines" / "null").glob("*-small-*")
    logs: dict[str, dict[str, float]] = {}
    for record in RunStore.open(run).records():
        logs.setdefault(record.block.case, {})[record.arm] = np.log(record.values["frames_per_second"])
    both = np.array([(c["same-seed"] + c["shifted-seed"]) / 2 - c["sequential"] for c in logs.values()])
    low, high = np.expm1(stats.t.interval(0.95, len(both) - 1, both.mean(), stats.sem(both)))
    suite = load_builtin().get("suite", "decoding")
    tau = threshold(suite, "frames_per_second")
    assert -np.log1p(tau) < np.log1p(low) < np.log1p(high) < np.log1p(tau)
    (why,) = [t.why for t in suite.thresholds if t.metric == "frames_per_second"]
    assert f"{100 * np.expm1(both.mean()):.1f} % [{100 * low:+.1f}, {100 * high:+.1f}], {len(both)} clips" in why


def test_speed_has_one_threshold_whatever_it_is_counted_in() -> None:
    for name in ("decoding", "null", "decoding-fidelity"):
        suite = load_builtin().get("suite", name)
        assert {threshold(suite, metric) for metric in SPEEDS} - {None} == {0.01}
