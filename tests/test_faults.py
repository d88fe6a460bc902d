"""Planted faults: each one, put into a copy of the code, must turn at least one test red.

A fault replaces one piece of text, which must occur exactly once; the named tests then run against the copy. A fault
that nothing notices is a hole in the tests.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Fault:
    """One planted mistake."""

    name: str
    file: str
    old: str
    new: str
    tests: str


ALIGNMENT = "tests/models/alignment"
DECODING = "tests/models/decoding"
FAULTS = (
    Fault(
        "a plug-in takes one of our names",
        "harness/registry.py",
        "if self.own(entry) and not self.own(old):",
        "if not self.own(entry) and self.own(old):",
        "tests/cli/test_plugins.py",
    ),
    Fault(
        "a broken law is reported as kept",
        "harness/conformance/laws.py",
        "facts.append(LawFact(name=law.name, ok=False, detail=str(error)))",
        "facts.append(LawFact(name=law.name, ok=True, detail=str(error)))",
        "tests/conformance/test_laws.py",
    ),
    Fault(
        "thresholds of the extended suite win over the file's",
        "harness/suite_file.py",
        "if t.metric in judged - replaced)",
        "if t.metric in judged)",
        "tests/harness/test_suite_file.py",
    ),
    Fault(
        "a pair's errors are compared by column, as the released code does",
        "models/alignment/loss.py",
        "return squared.flatten(1).mean(1)",
        "return squared.flatten(1, -2).mean(1)",
        f"{ALIGNMENT}/test_loss.py",
    ),
    Fault(
        "preferences pull the wrong way",
        "models/alignment/loss.py",
        "return 0.5 * beta * errors.margin",
        "return -0.5 * beta * errors.margin",
        f"{ALIGNMENT}/test_loss.py",
    ),
    Fault(
        "winner and loser meet noise of their own",
        "models/alignment/draws.py",
        "loser_noise=noise if options.shared_noise else normal(LOSER_NOISE),",
        "loser_noise=normal(LOSER_NOISE),",
        f"{ALIGNMENT}/test_draws.py",
    ),
    Fault(
        "flow goes from noise to data",
        "models/diffusion/objectives.py",
        "return noise - latents",
        "return latents - noise",
        "tests/models/diffusion/test_objectives.py",
    ),
    Fault(
        "a score that regressed does not count against an improvement",
        "harness/stats/methods.py",
        'if finding.verdict == "regressed")',
        'if finding.verdict == "improved")',
        "tests/harness/test_stats_methods.py",
    ),
    Fault(
        "off-by-one mask",
        "models/decoding/visibility.py",
        "causal = key_slot <= query_slot",
        "causal = key_slot < query_slot",
        f"{DECODING}/test_visibility.py",
    ),
    Fault(
        "overwritten entries stay visible for a pass",
        "models/decoding/visibility.py",
        "(query_pass < key_overwritten)",
        "(query_pass <= key_overwritten)",
        f"{DECODING}/test_visibility.py",
    ),
    Fault(
        "placeholders visible to everybody",
        "models/decoding/visibility.py",
        "(~key_provisional | own)",
        "(~key_provisional | own | True)",
        f"{DECODING}/test_visibility.py",
    ),
    Fault(
        "dropped refresh",
        "models/decoding/tables.py",
        "and (refresh or slot not in stood_in)",
        "and slot not in stood_in",
        f"{DECODING}/test_schedules.py",
    ),
    Fault(
        "wrong position id",
        "models/decoding/steps.py",
        "cos=cos[slots],",
        "cos=cos[torch.from_numpy(entries.source[part].copy()).to(device)],",
        f"{DECODING}/test_engine.py",
    ),
    Fault(
        "cache not cleared",
        "models/decoding/engine.py",
        "        self.values.zero_()\n",
        "",
        f"{DECODING}/test_engine.py",
    ),
    Fault(
        "noise keyed by lane",
        "models/decoding/noise.py",
        "key = mix(torch.tensor(seeds, dtype=torch.int64))[:, None]",
        "key = mix(torch.tensor(seeds, dtype=torch.int64) + torch.arange(len(seeds)))[:, None]",
        f"{DECODING}/test_engine.py",
    ),
    Fault(
        "noise not keyed by row",
        "models/decoding/noise.py",
        "for axis in (frame, row, column):",
        "for axis in (frame, column):",
        f"{DECODING}/test_sampling.py",
    ),
    Fault(
        "noise hash blind to values",
        "models/decoding/noise.py",
        "return (bits * (counters | 1)).sum(dim=-1)",
        "return (counters | 1).sum(dim=-1).expand(bits.shape[:-1])",
        f"{DECODING}/test_sampling.py",
    ),
    Fault(
        "top-p drops the token that crosses the mass",
        "models/decoding/sampling.py",
        "above = ordered.cumsum(dim=-1) - ordered",
        "above = ordered.cumsum(dim=-1)",
        f"{DECODING}/test_sampling.py",
    ),
    Fault(
        "row delay off by one",
        "models/decoding/schedules/diagonal.py",
        "+ k * row + column",
        "+ (k + 1) * row + column",
        f"{DECODING}/test_schedules.py",
    ),
    Fault(
        "true continuation leaks into the noise",
        "models/decoding/engine.py",
        "noise_source.position_keys(list(seeds), grid, self.device)",
        "noise_source.position_keys([s + int(given.sum()) for s in seeds], grid, self.device)",
        f"{DECODING}/test_engine.py",
    ),
    Fault(
        "training sees stand-ins for ever",
        "models/decoding/training_view.py",
        "            gone[None, :stop],\n",
        "            gone[None, :stop] + 10**6,\n",
        f"{DECODING}/test_training_view.py",
    ),
    Fault(
        "the released decoder begins rows from what is true",
        "models/decoding/compat.py",
        "return token % grid.columns == 0 and token % grid.frame_tokens != 0",
        "return False",
        f"{DECODING}/test_compat.py",
    ),
    Fault(
        "unwritten slots are hidden",
        "models/decoding/tables.py",
        "        if not self.unwritten:",
        "        if True:",
        f"{DECODING}/test_compat.py",
    ),
    Fault(
        "frames are handed out a pass early",
        "models/decoding/milestones.py",
        "complete[pass_].append(frame)",
        "complete[max(0, pass_ - 1)].append(frame)",
        f"{DECODING}/test_stream.py",
    ),
    Fault(
        "graphs are captured in a stream of whichever card is current",
        "models/decoding/graphs.py",
        "with torch.cuda.graph(graph, pool=pool, stream=side):",
        "with torch.cuda.graph(graph, pool=pool):",
        f"{DECODING}/test_graphs.py",
    ),
    Fault(
        "the peak leaves out what graphs hold",
        "models/decoding/graphs.py",
        "peak_bytes + facts.pool_bytes",
        "peak_bytes",
        f"{DECODING}/test_graphs.py",
    ),
    Fault(
        "keys beyond the last whole part are not attended to",
        "models/ar/attention.py",
        "if even < seen:",
        "if even > seen:",
        "tests/models/test_attention.py",
    ),
    Fault(
        "padded passes sort before they write",
        "models/decoding/engine.py",
        "unsorted_writes if self.pad else nullcontext",
        "nullcontext",
        f"{DECODING}/test_graphs.py",
    ),
    Fault(
        "actions that come late are looked for in the prompt",
        "models/decoding/engine.py",
        "unread = self._late if late_actions else self._drawn",
        "unread = self._drawn",
        f"{DECODING}/test_stream.py",
    ),
    Fault(
        "a stream goes on in a cache that another generation used",
        "models/decoding/engine.py",
        "if self.cache.turn != turn:",
        "if self.cache.turn < turn:",
        f"{DECODING}/test_stream.py",
    ),
    Fault(
        "passes of fixed shape are not counted",
        "models/decoding/graphs.py",
        "        self._at.add_(1)\n",
        "",
        f"{DECODING}/test_engine.py",
    ),
    Fault(
        "adapters of other weights are taken",
        "models/ar/adapters.py",
        'if header["adapters_of"] != base_sha256:',
        "if False:",
        "tests/models/test_diagonal_finetune.py",
    ),
    Fault(
        "the cache has no trash slot",
        "models/decoding/cache.py",
        "slots + 1, shape.head_dim)",
        "slots, shape.head_dim)",
        f"{DECODING}/test_engine.py",
    ),
    Fault(
        "swapped arms",
        "harness/stats/paired.py",
        "return np.log(pairs.candidate) - np.log(pairs.baseline)",
        "return np.log(pairs.baseline) - np.log(pairs.candidate)",
        "tests/harness/test_stats_paired.py",
    ),
    Fault(
        "unshared noise: the trial's number enters its seed",
        "harness/plan.py",
        "trial_seed = (base + shifts[arm]) % SEED_RANGE",
        "trial_seed = (base + shifts[arm] + len(trials)) % SEED_RANGE",
        "tests/harness/test_plan.py",
    ),
    Fault(
        "an arm is judged by its survivors",
        "harness/analyse.py",
        "gone.share > LOST_SHARE",
        "gone.share > 1",
        "tests/harness/test_analyse_left_out.py",
    ),
    Fault(
        "durations of two processes are paired",
        "harness/stats/pairing.py",
        "if metric.machine and arms[arm].session",
        "if not metric.machine and arms[arm].session",
        "tests/harness/test_analyse_left_out.py",
    ),
    Fault(
        "runs with different prompts are compared",
        "harness/stats/pairing.py",
        'names = ["prompt", "reference"]',
        'names = ["reference"]',
        "tests/harness/test_compare_runs.py",
    ),
    Fault(
        "actions of the frame before",
        "models/worlds/crafter.py",
        "recorded.append((environment.render(), action,",
        "recorded.append((environment.render(), (recorded or [(0, action)])[-1][1],",
        "tests/models/test_worlds.py",
    ),
    Fault(
        "trials of a new worker process are not told apart",
        "harness/launch/drive.py",
        "        self._restarted()\n",
        "",
        "tests/harness/test_launch.py",
    ),
    Fault(
        "a worker outlives its run",
        "harness/launch/worker.py",
        "    os.killpg(os.getpid(), signal.SIGKILL)",
        "    return",
        "tests/harness/test_launch.py",
    ),
    Fault(
        "warm-ups stop while they still become faster",
        "harness/launch/drive.py",
        "seconds[-1] >= (1 - STEADY) * seconds[-2]",
        "seconds[-1] > 0",
        "tests/harness/test_launch.py",
    ),
    Fault(
        "a record's checksum is not looked at",
        "harness/store/lines.py",
        "if checksum(text) != found.group(1):",
        "if checksum(text) == b'':",
        "tests/faults/test_odd_data.py",
    ),
    Fault(
        "a throttled card is not told",
        "harness/nvml.py",
        "if before.throttles or after.throttles:",
        "if before.throttles and after.throttles:",
        "tests/harness/test_measure.py",
    ),
    Fault(
        "direction ignored",
        "harness/stats/verdict.py",
        'return (low, high) if estimate.direction == "higher" else (-high, -low)',
        "return (low, high)",
        "tests/harness/test_stats_verdict.py",
    ),
    Fault(
        "unpaired: an arm's values meet the baseline's of other blocks",
        "harness/stats/pairing.py",
        "old.append(reference)",
        "old.insert(0, reference)",
        "tests/harness/test_benches_simulated.py",
    ),
    Fault(
        "all trials of one arm, then all of the other",
        "harness/plan.py",
        "trials=tuple(trials),",
        "trials=tuple(sorted(trials, key=lambda trial: trial.arm)),",
        "tests/harness/test_benches_simulated.py",
    ),
    Fault(
        "a one-sided quantile for a two-sided interval",
        "harness/stats/paired.py",
        "0.5 * (1.0 + confidence)",
        "confidence",
        "tests/harness/test_benches_simulated.py",
    ),
    Fault(
        "a family's intervals are not widened",
        "harness/stats/family.py",
        "return float(np.clip(found, level, 1 - (1 - level) / members))",
        "return level",
        "tests/harness/test_stats_against_scipy.py",
    ),
    Fault(
        "a missing dimension of VBench counts as 0",
        "harness/vbench/totals.py",
        "if any(name not in normal for name in names):",
        "if not normal:",
        "tests/harness/test_vbench_totals.py",
    ),
    Fault(
        "percents are read as fractions",
        "harness/vbench/read.py",
        'read_as: Unit = unit or ("percent" if above else "fraction")',
        'read_as: Unit = unit or "fraction"',
        "tests/harness/test_vbench_read.py",
    ),
    Fault(
        "imported videos of a prompt are paired out of order",
        "harness/vbench/videos.py",
        "int(found[1]) if found else 0",
        "hash(path) % 10**9",
        "tests/harness/test_vbench_runs.py",
    ),
    Fault(
        "videos that one model lacks are dropped in silence",
        "harness/vbench/matching.py",
        "tuple(sorted(keys)))",
        "tuple(sorted(k for k in keys if all(any(k in v for v in s.values()) for s in sides))))",
        "tests/harness/test_vbench_runs.py",
    ),
    Fault(
        "a missing part of OmniScore counts as 0",
        "harness/metrics/omniscore/presets.py",
        "if missing:",
        "if len(missing) == len(known):",
        "tests/harness/test_omniscore.py",
    ),
    Fault(
        "parts of OmniScore weigh alike",
        "harness/metrics/omniscore/presets.py",
        "return sum(part.weight * scaled[part.metric] for part in parts) / sum(part.weight for part in parts)",
        "return sum(scaled[part.metric] for part in parts) / len(parts)",
        "tests/harness/test_omniscore.py",
    ),
    Fault(
        "a dimension of which less is better is read the wrong way round",
        "harness/metrics/omniscore/validity.py",
        'sign = 1.0 if direction == "higher" else -1.0',
        "sign = 1.0",
        "tests/harness/test_omniscore.py",
    ),
    Fault(
        "a dimension enters a reward without seeing its own fault",
        "harness/metrics/omniscore/calibrate.py",
        "kept = tuple(part for part in whole.parts if part.metric not in why or part.metric in stays)",
        "kept = whole.parts",
        "tests/harness/test_omniscore.py",
    ),
    Fault(
        "the variance between prompts counts as variance inside them",
        "harness/metrics/omniscore/validity.py",
        "of.setdefault(prompt, []).append(parts)",
        'of.setdefault("", []).append(parts)',
        "tests/harness/test_omniscore.py",
    ),
    Fault(
        "what was computed of one clip is given for another",
        "harness/shared.py",
        "if digest != self._clip:",
        "if not self._found:",
        "tests/models/test_scorers.py",
    ),
    Fault(
        "the subject is what moves with the camera",
        "models/scorers/consistency.py",
        "alone = np.sqrt(((flows - common)",
        "alone = np.sqrt(((flows - 0 * common)",
        "tests/models/test_scorers.py",
    ),
    Fault(
        "a prompt's values are kept for another prompt",
        "harness/scoring/rows.py",
        "hashlib.sha256(prompt.encode()).hexdigest()",
        'hashlib.sha256(b"").hexdigest()',
        "tests/cli/test_score_alone.py",
    ),
    Fault(
        "a plan forgets the threshold",
        "harness/power.py",
        "distance = far - near if",
        "distance = far if",
        "tests/harness/test_power.py",
    ),
    Fault(
        "0.29 falls into the bin below its own",
        "harness/histogram.py",
        "np.rint(values * 1e6).astype(np.int64) // 10_000",
        "np.floor(values / 0.01).astype(np.int64)",
        "tests/models/test_weights.py",
    ),
    Fault(
        "the weights lose the root",
        "models/alignment/weights.py",
        "return np.sqrt(found) if root else found",
        "return found",
        "tests/models/test_weights.py",
    ),
    Fault(
        "an effective sample size without the square",
        "models/alignment/weights.py",
        "shares.sum() ** 2 / np.square(shares).sum()",
        "shares.sum() / np.square(shares).sum()",
        "tests/models/test_weights.py",
    ),
    Fault(
        "equal scores become a pair",
        "models/alignment/pairs.py",
        "elif ranked[first].score == ranked[second].score:",
        "elif False:",
        "tests/models/test_pairs.py",
    ),
    Fault(
        "equal scores are ranked as they come",
        "models/alignment/pairs.py",
        "key=lambda v: (-(v.score or 0.0), v.video)",
        "key=lambda v: -(v.score or 0.0)",
        "tests/models/test_pairs.py",
    ),
    Fault(
        "the random loser may be a second best",
        "models/alignment/pairs.py",
        "generator.integers(ties, last + 1)",
        "generator.integers(1, last + 1)",
        "tests/models/test_pairs.py",
    ),
    Fault(
        "a total is not computed again",
        "reports/papers/published_tables.py",
        "if self.total is not None and (problem := self.total.problem(row.values)):",
        "if False and self.total is not None and (problem := self.total.problem(row.values)):",
        "tests/reports/test_published.py",
    ),
    Fault(
        "the range of subsets counts one video too many",
        "reports/papers/score_analysis.py",
        "math.comb(total - 1 - i, n - 1)",
        "math.comb(total - i, n - 1)",
        "tests/reports/papers/test_videodpo.py",
    ),
)


@pytest.mark.full
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_planted_fault_turns_a_test_red(fault: Fault, tmp_path: Path) -> None:
    for name in ("harness", "models", "suites", "reports", "tests", "pyproject.toml"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / name)
    target = tmp_path / fault.file
    text = target.read_text()
    assert text.count(fault.old) == 1, f"{fault.file} no longer holds the text that fault {fault.name!r} replaces"
    target.write_text(text.replace(fault.old, fault.new))
    run = subprocess.run(
        [sys.executable, "-m", "pytest", fault.tests, "-x", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    failed = [line for line in run.stdout.splitlines() if line.startswith("FAILED")]
    assert run.returncode == 1, f"no test noticed: {fault.name}\n{run.stdout[-2000:]}{run.stderr[-500:]}"
    assert failed, run.stdout[-2000:]
    print(f"{fault.name}: {failed[0]}")
