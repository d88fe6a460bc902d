"""Simulated experiments through the real analysis: how often they say what they should not, and what they should."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from harness.analyse import analyse
from harness.benches.simulated import Machine, simulate_run
from harness.seeds import derived_seed
from harness.stats.verdict import verdict
from harness.types import Finding, Metric, Suite

Experiment = list[Finding]


def simulate_experiments(
    suite: Suite, metrics: Mapping[str, Metric], machine: Machine, count: int, seed: int
) -> list[Experiment]:
    """Simulate runs and analyse each as a real one.

    Args:
        suite: A :func:`harness.benches.simulated.trimmed` suite.
        metrics: At least its metrics, by name.
        machine: What is simulated.
        count: Experiments.
        seed: Base of their seeds.

    Returns:
        The primary findings of each, judged by the suite's thresholds.
    """
    found = []
    for number in range(count):
        own = derived_seed(seed, f"{suite.name} {machine.noise} {number}")
        analysis = analyse(suite, simulate_run(suite, machine, own), metrics, seed=own)
        found.append([finding for finding in analysis.findings if finding.primary])
    return found


def word(finding: Finding, metrics: Mapping[str, Metric], tau: float | None) -> str:
    """Return a finding's own verdict, or the one it would have had with threshold ``tau``."""
    return finding.verdict if tau is None else verdict(finding.estimate, tau, metrics[finding.metric].scale)


def judged_rate(experiments: Sequence[Experiment], metrics: Mapping[str, Metric], tau: float | None = None) -> float:
    """Return the share of experiments in which any primary finding reads improved or regressed.

    Args:
        experiments: Of arms against themselves.
        metrics: By name.
        tau: A threshold for all metrics instead of the suite's, or None.
    """
    spoke = [any(word(f, metrics, tau) in ("improved", "regressed") for f in found) for found in experiments]
    return sum(spoke) / len(spoke)


def detected_rate(
    experiments: Iterable[Experiment], metrics: Mapping[str, Metric], arm: str, metric: str, tau: float | None = None
) -> float:
    """Return the share of experiments in which ``arm`` reads regressed in ``metric``.

    Args:
        experiments: In which that arm is worse.
        metrics: By name.
        arm: The arm.
        metric: The metric.
        tau: A threshold instead of the suite's, or None.
    """
    words = [word(f, metrics, tau) for found in experiments for f in found if (f.arm, f.metric) == (arm, metric)]
    return words.count("regressed") / len(words)
