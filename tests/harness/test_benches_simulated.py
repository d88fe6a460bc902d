"""300 seeded experiments through the whole path: what may not be said is not said, what must be seen is seen.

Every bound is a binomial quantile that a sound harness leaves once in a thousand seeds, and each has a planted fault
beside it that does leave it.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.analyse import analyse
from harness.benches.experiments import detected_rate, judged_rate, simulate_experiments
from harness.benches.simulated import REPEATS, Machine, simulate_run, trimmed
from harness.cli.builtin import load_builtin
from harness.stats.noise import NOISES, draw_noise
from harness.stats.paired import paired_log_ratio
from harness.types import Repeats, Threshold

RUNS = 300
PAIRS = 40
NAMES = ("frames_per_second", "ssim")
ARM = "same-seed"


@pytest.fixture(scope="module")
def metrics():
    return {name: load_builtin().get("metric", name) for name in NAMES}


@pytest.fixture(scope="module")
def pair():
    """Suite null with one arm beside its baseline: nothing is resampled, so that 300 runs take a second or two."""
    suite = trimmed(load_builtin().get("suite", "null"), PAIRS)
    return suite.model_copy(update={"arms": tuple(arm for arm in suite.arms if arm.name != "shifted-seed")})


def most(rate):
    """What a count of ``rate`` exceeds once in a thousand times."""
    return stats.binom.ppf(0.999, RUNS, rate) / RUNS


def least(rate):
    return stats.binom.ppf(0.001, RUNS, rate) / RUNS


@pytest.mark.parametrize("noise", NOISES)
def test_an_arm_against_itself_is_rarely_judged(pair, metrics, noise):
    found = simulate_experiments(pair, metrics, Machine(noise=noise), RUNS, seed=0)
    rate = judged_rate(found, metrics, tau=0.0)
    assert rate <= most(0.05)
    assert judged_rate(found, metrics) <= 0.05
    if noise == "independent":  # balanced orders only help where noise is remembered
        assert rate >= least(0.05)


def test_a_slow_down_of_three_percent_is_seen_in_forty_pairs_of_two_percent_noise(pair, metrics):
    found = simulate_experiments(pair, metrics, Machine(slower={ARM: 1.03}), RUNS, seed=0)
    assert detected_rate(found, metrics, ARM, "frames_per_second") >= 0.9
    # the threshold that was shipped before could not see it by definition
    assert detected_rate(found, metrics, ARM, "frames_per_second", tau=0.05) == 0


@pytest.mark.full
@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("name", ["null", "decoding"])
def test_whole_families_that_do_not_differ_are_rarely_judged(metrics, name, noise):
    suite = trimmed(load_builtin().get("suite", name), PAIRS)
    found = simulate_experiments(suite, metrics, Machine(noise=noise), RUNS, seed=0)
    assert judged_rate(found, metrics, tau=0.0) <= most(0.05)
    assert judged_rate(found, metrics) <= 0.05


# planted faults


def test_arms_that_are_not_interleaved_are_judged_for_the_drift_between_them(pair, metrics):
    apart = Machine(noise="drift", order=lambda trials: sorted(trials, key=lambda trial: trial.arm))
    found = simulate_experiments(pair, metrics, apart, 60, seed=0)
    assert judged_rate(found, metrics, tau=0.0) > 10 * 0.05
    assert judged_rate(found, metrics) > 10 * 0.05  # no threshold of a percent saves it


def test_stopping_when_the_difference_shows_is_judged_too_often(pair):
    """Looking after every block from the tenth on, and stopping at the first interval without zero."""
    stopped = 0
    for seed in range(RUNS):
        speeds = by_arm(simulate_run(pair, Machine(), seed))
        for blocks in range(10, PAIRS + 1):
            found = paired_log_ratio(*(values[:blocks] for values in speeds), [str(i) for i in range(blocks)])
            if not found.low <= 1 <= found.high:
                stopped += 1
                break
    assert stopped / RUNS > most(0.05)


def test_an_unpaired_analysis_does_not_see_the_slow_down(pair):
    seen = 0
    for seed in range(RUNS):
        arm, baseline = by_arm(simulate_run(pair, Machine(slower={ARM: 1.03}), seed))
        interval = stats.ttest_ind(np.log(arm), np.log(baseline), equal_var=False).confidence_interval(0.95)
        seen += interval.high < 0
    assert seen / RUNS < 0.2


def test_a_quantile_of_ninety_percent_is_judged_too_often(pair, metrics):
    runs = (by_arm(simulate_run(pair, Machine(), seed)) for seed in range(RUNS))
    names = [str(i) for i in range(PAIRS)]
    found = [paired_log_ratio(*speeds, names, level=0.90) for speeds in runs]
    assert sum(not e.low <= 1 <= e.high for e in found) / RUNS > most(0.05)


def by_arm(records):
    """Speeds of the arm and of its baseline, in the order of blocks."""
    return [
        np.array([r.values["frames_per_second"] for r in sorted(records, key=lambda r: r.block.case) if r.arm == arm])
        for arm in (ARM, "sequential")
    ]


# the simulation itself


def test_trials_stop_at_the_count_and_at_the_time(pair):
    records = simulate_run(pair, Machine(), 1)
    lengths = {len(record.seconds) for record in records}
    assert max(lengths) == REPEATS.count
    assert min(lengths) < REPEATS.count
    for record in records:
        early = sum(record.seconds[:-1])
        assert early < REPEATS.limit_seconds
        assert len(record.seconds) == REPEATS.count or sum(record.seconds) >= REPEATS.limit_seconds
        assert record.values["frames_per_second"] == pytest.approx(6 / np.median(record.seconds))
    once = simulate_run(pair, Machine(repeats=Repeats(count=1)), 1)
    assert {len(record.seconds) for record in once} == {1}


def test_trials_run_in_the_plans_order_and_are_reproducible(pair, metrics):
    records = simulate_run(pair, Machine(), 1)
    assert records == simulate_run(pair, Machine(), 1)
    assert [record.index for record in records] == list(range(2 * PAIRS))
    firsts = [record.arm for record in records[::2]]
    assert firsts.count(ARM) == PAIRS / 2
    one, other = (analyse(pair, simulate_run(pair, Machine(), seed), metrics) for seed in (1, 2))
    assert one.findings != other.findings
    assert one.notes == []


def test_equal_seeds_have_equal_quality_and_others_another():
    suite = trimmed(load_builtin().get("suite", "null"), 6)
    quality = {}
    for record in simulate_run(suite, Machine(), 0):
        quality.setdefault(record.block.case, {})[record.arm] = record.values["ssim"]
    assert all(arms["sequential"] == arms["same-seed"] != arms["shifted-seed"] for arms in quality.values())


def test_quality_of_arms_that_differ_is_shared_in_part_and_every_one_counts_in_the_family(metrics):
    suite = trimmed(load_builtin().get("suite", "decoding"), PAIRS)
    quality = {arm.name: [] for arm in suite.arms}
    for record in sorted(simulate_run(suite, Machine(), 0), key=lambda record: record.block.case):
        quality[record.arm].append(record.values["ssim"])
    seen = np.corrcoef(list(quality.values()))[np.triu_indices(len(quality), 1)]
    assert all(seen > 0.7)
    assert all(seen < 0.99)
    (found,) = simulate_experiments(suite, metrics, Machine(), 1, seed=0)
    assert len(found) == 2 * (len(suite.arms) - 1)
    assert all(f.estimate.low < f.estimate.high for f in found)


def test_a_threshold_given_afterwards_judges_as_a_declared_one_does(pair, metrics):
    declared = pair.model_copy(update={"thresholds": (Threshold(metric="frames_per_second", tau=0.0),)})
    machine = Machine(slower={ARM: 1.005})
    given, own = (simulate_experiments(suite, metrics, machine, 20, seed=0) for suite in (pair, declared))
    arguments = (metrics, ARM, "frames_per_second")
    assert 0 < detected_rate(given, *arguments, tau=0.0) == detected_rate(own, *arguments) < 1


def test_noise_is_remembered_as_its_name_says():
    drawn = {
        kind: np.array([draw_noise(kind, 200, 0.02, np.random.default_rng(seed)) for seed in range(400)])
        for kind in NOISES
    }

    def neighbours(values):
        return np.mean([np.corrcoef(run[:-1], run[1:])[0, 1] for run in values])

    assert drawn["independent"].std() == pytest.approx(0.02, rel=0.02)
    assert abs(neighbours(drawn["independent"])) < 0.02
    assert drawn["ar1"].std() == pytest.approx(0.02, rel=0.1)
    assert drawn["ar1"][:, 0].std() == pytest.approx(drawn["ar1"][:, -1].std(), rel=0.15)
    assert np.corrcoef(drawn["ar1"][:, :-1].ravel(), drawn["ar1"][:, 1:].ravel())[0, 1] == pytest.approx(0.9, abs=0.02)
    ends = drawn["drift"][:, -1] - drawn["drift"][:, 0]
    # a trend and a walk of five standard deviations each, and the noise of two trials
    assert ends.std() == pytest.approx(0.02 * np.sqrt(5**2 + 5**2 + 2), rel=0.1)
    assert drawn["drift"].mean() == pytest.approx(0, abs=0.01)
