"""The verbs of the command line as typed functions: what a program calls instead of parsing JSON.

Every function fills the registry with this distribution's components first, reaches the other rooms lazily, and
raises :class:`harness.errors.DiptychError` for what a user can cause.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli.builtin import load_builtin, reach
from harness.cli.facts import PlanFacts, ReportFacts, RunFacts, TrialCounts, complete_pairs
from harness.errors import DiptychError, UsageError
from harness.store.records import Manifest, TrialRecord
from harness.types import Metric, Suite

if TYPE_CHECKING:
    from harness.analyse import Analysis, Comparison
    from harness.benches.rows import BenchFacts

DEFAULT_SCALE = "smoke"


def describe_schedule(
    name: str, frames: int, rows: int, columns: int, k: int = 1, actions: int = 0, prompt_frames: int = 1
) -> dict[str, Any]:
    """Return the counts and the steps of a schedule on a grid.

    Args:
        name: Registered schedule.
        frames: Generated frames, the prompt excluded.
        rows: Token rows of a frame.
        columns: Token columns of a frame.
        k: Row delay in tokens, ≥ 1.
        actions: Action tokens per frame.
        prompt_frames: Frames given as prompt.

    Returns:
        ``name, frames, rows, columns, k, k_effective, tokens, passes, max_width, max_inputs, action_lookahead_passes,
        steps``; ``steps[p]`` lists the ``[frame, row, column]`` predicted in pass p.

    Raises:
        UsageError: Unknown schedule, or a number that no grid can have.
    """
    load_builtin()
    describe: Any = reach("models.decoding.describe:describe_schedule")
    facts: dict[str, Any] = describe(name, frames, rows, columns, k=k, actions=actions, prompt_frames=prompt_frames)
    return facts


def get_suite(suite: Suite | str | Path) -> Suite:
    """Return a suite: itself, a registered one by its name, or the one that a TOML file declares.

    Args:
        suite: The suite, its name, or a path (a ``Path``, or a text that ends in ``.toml`` or names a folder).

    Raises:
        UsageError: Unknown; names the nearest one. Or a file with problems: all of them are told.
    """
    registry = load_builtin()
    if isinstance(suite, Suite):
        return suite
    from harness.suite_file import is_path, read_suite

    if is_path(suite):
        return read_suite(Path(suite).expanduser(), registry)
    found: Suite = registry.get("suite", str(suite))
    return found


def plan_suite(
    suite: Suite | str | Path,
    scale: str = DEFAULT_SCALE,
    *,
    seed: int = 0,
    arms: Sequence[str] | None = None,
    resume: str | Path | None = None,
    results: str | Path | None = None,
) -> PlanFacts:
    """Say what a run of a suite would do, without doing it.

    Args:
        suite: As for :func:`get_suite`.
        scale: Scale name.
        seed: Seed of the run, ≥ 0.
        arms: Only these arms; None for all.
        resume: A run (path or unique prefix) whose plan is looked at instead, its finished trials counted as reused.
        results: Where runs are kept.

    Raises:
        UsageError: Unknown suite, scale or arm, or a negative seed.
    """
    from harness.declaration import check_declaration
    from harness.plan import make_plan

    declared = get_suite(suite)
    check_declaration(declared, load_builtin())
    done = 0
    if resume is None:
        plan = make_plan(declared, scale, seed, arms)
    else:
        _, manifest, records, _ = open_run(resume, results)
        if manifest.suite.name != declared.name:
            raise DiptychError(f"run {manifest.run_id} is one of suite {manifest.suite.name!r}, not {declared.name!r}.")
        plan, declared = manifest.plan, manifest.suite
        done = len({record.index for record in records if record.status == "finished"})
    chosen = set(plan.arms)
    return PlanFacts(
        suite=plan.suite,
        version=plan.version,
        scale=plan.scale,
        arms=tuple(arm.name for arm in declared.arms if arm.name in chosen),
        baseline=declared.baseline,
        blocks=len(plan.blocks),
        trials=len(plan.trials),
        order_seed=plan.order_seed,
        reuse=done,
        run=len(plan.trials) - done,
    )


def show_run(run: str | Path, results: str | Path | None = None) -> RunFacts:
    """Return what a run found, computed from its records.

    Args:
        run: Path of a run's folder, or a unique prefix of its id.
        results: Where runs are kept.

    Raises:
        DiptychError: No such run, more than one, or files that cannot be read.
    """
    path, manifest, records, problems = open_run(run, results)
    return run_facts(path, manifest, records, problems)


def open_run(run: str | Path, results: str | Path | None) -> tuple[Path, Manifest, list[TrialRecord], list[str]]:
    """Return folder, manifest, records (one per trial) and problems of a run."""
    from harness.store.locate import find_run, results_root
    from harness.store.run_store import RunStore

    path = find_run(run, results_root(results))
    store = RunStore.open(path)
    records = store.records()
    return path, store.manifest, records, [str(problem) for problem in store.problems]


def load_metrics() -> dict[str, Metric]:
    """Return every registered metric by name."""
    return {entry.name: entry.load() for entry in load_builtin().list("metric")}


def run_facts(
    path: Path,
    manifest: Manifest,
    records: Sequence[TrialRecord],
    problems: Sequence[str],
    found: Analysis | None = None,
) -> RunFacts:
    """Say what the records of a run show, from ``found`` or by analysing them now."""
    suite = manifest.suite
    if found is None:
        from harness.analyse import analyse

        found = analyse(manifest.as_run, records, load_metrics(), absent=manifest.absent_metrics)
    return RunFacts(
        run_id=manifest.run_id,
        path=str(path.resolve()),
        suite=suite.name,
        version=suite.version,
        schema_version=manifest.schema_version,
        scale=manifest.plan.scale,
        context=manifest.context,
        comparability_key=manifest.comparability_key,
        trials=TrialCounts(
            planned=len(manifest.plan.trials),
            finished=found.finished,
            failed=found.failed,
            unpaired=found.unpaired,
            complete_pairs=complete_pairs(records, suite.baseline),
        ),
        findings=tuple(found.findings),
        conclusions=tuple(found.conclusions),
        conclusion=found.conclusion,
        expected=tuple(found.expected),
        win_rates=tuple(found.win_rates),
        methods=tuple(found.methods),
        method_conclusions=tuple(found.method_conclusions),
        notes=tuple(found.notes),
        problems=tuple(problems),
    )


def write_report(
    runs: Sequence[str | Path], output: Path | None = None, results: str | Path | None = None
) -> ReportFacts:
    """Write one self-contained HTML page of one or more runs.

    Args:
        runs: Paths, or unique prefixes of run ids.
        output: The file to write; None names it after suite and run in the working directory.
        results: Where runs are kept.

    Raises:
        DiptychError: A run cannot be read, or the file not be written.
    """
    from harness.store.locate import find_run, results_root

    root = results_root(results)
    folders = [find_run(run, root) for run in runs]
    write: Any = reach("reports.report:write_report")
    written = write(folders, output, metrics=load_metrics())
    return ReportFacts(path=Path(written.path).resolve(), bytes=written.bytes, runs=tuple(written.runs))


SHOWN_DIFFERENCES = 6


def compare_runs(
    reference: str | Path,
    candidate: str | Path,
    *,
    metric: str | None = None,
    across_contexts: bool = False,
    results: str | Path | None = None,
) -> Comparison:
    """Compare a candidate run with a reference run: the same arms, paired block by block.

    Args:
        reference: Run A, a path or a unique prefix of its id.
        candidate: Run B.
        metric: Only this metric.
        across_contexts: Compare although facts that can change the numbers differ.
        results: Where runs are kept.

    Raises:
        DiptychError: The runs asked different questions, or their contexts differ and that was not allowed.
    """
    from harness.analyse import compare_runs as compare

    sides = [open_run(run, results) for run in (reference, candidate)]
    (old, new) = [(manifest, records) for _, manifest, records, _ in sides]
    comparison = compare(old, new, load_metrics(), only=None if metric is None else [metric])
    differences = comparison.context_differences
    if differences and not across_contexts:
        shown = [f"{d.key} ({d.reference} against {d.candidate})" for d in differences[:SHOWN_DIFFERENCES]]
        more = len(differences) - len(shown)
        raise DiptychError(
            f"runs {comparison.reference} and {comparison.candidate} were made in different contexts: "
            f"{', '.join(shown)}{f' and {more} more' if more else ''}. To compare all the same: --across-contexts"
        )
    return comparison


def run_bench(
    name: str, *, quick: bool = False, seed: int = 0, tell: Callable[[str], None] = lambda _: None
) -> BenchFacts:
    """Measure Diptych itself.

    Args:
        name: A registered benchmark, such as ``"statistics"``.
        quick: Smaller sizes, for a look.
        seed: Seed of what is simulated, ≥ 0.
        tell: Told what is being done.

    Raises:
        UsageError: Unknown benchmark, or a negative seed.
    """
    from harness.benches.rows import Bench, BenchFacts
    from harness.provenance import bench_context

    if seed < 0:
        raise UsageError(f"the seed must be an integer of at least 0, not {seed}. Try: --seed 0")
    bench: Bench = load_builtin().get("bench", name)
    return BenchFacts(name=name, rows=tuple(bench(quick=quick, seed=seed, tell=tell)), context=bench_context())


REGRESSED, INCONCLUSIVE = 3, 4


def gate_code(comparison: Comparison) -> int:
    """Return the exit code of a gate: 3 if a primary finding regressed, 4 if nothing may be concluded, else 0.

    Nothing may be concluded if a primary finding is inconclusive, if there is none, or if the candidate lacks what the
    reference finished: an arm that crashed is not an arm that did well. Exploratory findings never gate.
    """
    verdicts = [finding.verdict for finding in comparison.findings if finding.primary]
    if "regressed" in verdicts:
        return REGRESSED
    lacking = any(item.blocks_gate for item in comparison.unmatched)
    return INCONCLUSIVE if lacking or "inconclusive" in verdicts or not verdicts else 0
