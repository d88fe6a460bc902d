"""From trial records to pairs: by block key, halves without a partner counted and left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.stats.paired import Pairs, make_pairs
from harness.store.records import TrialRecord
from harness.types import Metric

Block = tuple[str, str, int]
Table = Mapping[Block, Mapping[str, TrialRecord]]


def block_of(record: TrialRecord) -> Block:
    """Return (group, case, repetition) of a record."""
    return record.block.group, record.block.case, record.block.repetition


def latest(records: Iterable[TrialRecord]) -> list[TrialRecord]:
    """Return one record per block and arm: a finished one before a failed one, then the one started last.

    A resumed run may hold a failed record and a later finished one of the same trial. The result is sorted, so that the
    order of ``records`` changes nothing.
    """
    chosen: dict[tuple[Block, str], TrialRecord] = {}
    for record in records:
        key = (block_of(record), record.arm)
        old = chosen.get(key)
        rank = (record.status == "finished", record.started_at, record.index)
        if old is None or rank > (old.status == "finished", old.started_at, old.index):
            chosen[key] = record
    return [chosen[key] for key in sorted(chosen)]


def tabulate(records: Iterable[TrialRecord]) -> dict[Block, dict[str, TrialRecord]]:
    """Return the finished trials as block → arm → record, blocks sorted."""
    table: dict[Block, dict[str, TrialRecord]] = {}
    for record in latest(records):
        if record.status == "finished":
            table.setdefault(block_of(record), {})[record.arm] = record
    return table


def shared_hashes(*, same_seed: bool, deterministic: bool) -> list[str]:
    """Name the hashes that two trials of a block must share: one prompt, one truth, and at equal seeds one noise.

    Args:
        same_seed: Both have one seed.
        deterministic: One of them says that it consumes no noise (``info["deterministic"]``).
    """
    names = ["prompt", "reference"]
    return [*names, "noise"] if same_seed and not deterministic else names


def mismatch(one: TrialRecord, other: TrialRecord) -> str | None:
    """Say why two trials of a block are no pair, or None: which of :func:`shared_hashes` differ."""
    deterministic = bool(one.info.get("deterministic") or other.info.get("deterministic"))
    names = shared_hashes(same_seed=one.seed == other.seed, deterministic=deterministic)
    differing = [name for name in names if one.hashes.get(name) != other.hashes.get(name)]
    return " and ".join(differing) if differing else None


def without_mismatches(table: Table, baseline: str) -> tuple[dict[Block, dict[str, TrialRecord]], list[str]]:
    """Leave out trials that would be no pair with their baseline, and say so.

    Such are trials of another context, which a run that went on across contexts has; and trials whose hashes are not
    their baseline's: the run itself refuses those, this finds records that were changed since.
    """
    kept: dict[Block, dict[str, TrialRecord]] = {}
    notes = []
    apart: Counter[tuple[str, str]] = Counter()
    for block, halves in table.items():
        first = halves.get(baseline)
        for arm, record in halves.items():
            why = None if first is None else mismatch(first, record)
            if first is not None and first.context_differences != record.context_differences:
                apart[block[0], arm] += 1
            elif why is None:
                kept.setdefault(block, {})[arm] = record
            else:
                notes.append(f"trial {record.index} ({block[1]}, {arm}) is left out: its {why} is not {baseline}'s")
    notes += [
        f"{group}: pairs of {arm} whose halves were made in different contexts: {n}; they are left out of everything"
        for (group, arm), n in apart.items()
    ]
    return kept, notes


def count_unpaired(table: Table, baseline: str) -> int:
    """Count finished trials that enter no comparison: arms without their baseline, baselines without any arm.

    A half of another context than its baseline's has no partner.
    """
    unpaired = 0
    for halves in table.values():
        first = halves.get(baseline)
        arms = [record for arm, record in halves.items() if arm != baseline]
        if first is None:
            unpaired += len(arms)
            continue
        here = [record for record in arms if record.context_differences == first.context_differences]
        unpaired += len(arms) - len(here) + all(mismatch(first, record) for record in here)
    return unpaired


@dataclass(frozen=True)
class Lost:
    """Pairs of an arm that failed trials have cost.

    Attributes:
        pairs: Blocks that both arms tried and at least one of them failed.
        of: Blocks that both arms tried.
        reasons: Type of error → number of failed trials, the commonest first.
    """

    pairs: int
    of: int
    reasons: dict[str, int]

    @property
    def share(self) -> float:
        """Fraction of the tried pairs that was lost."""
        return self.pairs / self.of if self.of else 0.0


def lost_pairs(trials: Iterable[TrialRecord], group: str, arm: str, baseline: str) -> Lost:
    """Count what failed trials have cost a comparison: what is left are the survivors, which may be the easy cases.

    Args:
        trials: One record per block and arm (:func:`latest`).
        group: Stratum of cases.
        arm: The arm judged.
        baseline: What it is judged against.
    """
    halves: dict[Block, dict[str, TrialRecord]] = {}
    for record in trials:
        if record.block.group == group and record.arm in (arm, baseline):
            halves.setdefault(block_of(record), {})[record.arm] = record
    tried = [list(pair.values()) for pair in halves.values() if len(pair) == 2]
    reasons = Counter(r.error.type if r.error else "unknown" for pair in tried for r in pair if r.status == "failed")
    lost = sum(any(record.status == "failed" for record in pair) for pair in tried)
    return Lost(lost, len(tried), dict(reasons.most_common()))


@dataclass(frozen=True)
class LeftOut:
    """Complete blocks that a metric could not use.

    Attributes:
        missing: The metric is None in either half (for one that another tool told: in one of the two).
        split: The halves were measured by different processes, and the metric is one of the machine's.
    """

    missing: int
    split: int


def pair_values(table: Table, group: str, metric: Metric, arm: str, baseline: str) -> tuple[Pairs, LeftOut]:
    """Pair the values of ``metric`` of two arms over the blocks of ``group``; and count what was left out.

    A metric of the videos of one case (``within``) has a pair a case: of the repetitions that both arms have.
    """
    if metric.within is not None:
        return pair_cases(table, group, metric, arm, baseline), LeftOut(0, 0)
    new: list[float] = []
    old: list[float] = []
    cases: list[str] = []
    missing = split = 0
    for (name, case, _), arms in table.items():
        if name != group or arm not in arms or baseline not in arms:
            continue
        candidate, reference = arms[arm].values.get(metric.name), arms[baseline].values.get(metric.name)
        if candidate is None and reference is None and metric.told:
            continue  # the other tool does not judge this case by it
        if candidate is None or reference is None:
            missing += 1
            continue
        if metric.machine and arms[arm].session != arms[baseline].session:
            split += 1
            continue
        new.append(candidate)
        old.append(reference)
        cases.append(case)
    return make_pairs(new, old, cases), LeftOut(missing, split)


def pair_cases(table: Table, group: str, metric: Metric, arm: str, baseline: str) -> Pairs:
    """Pair what ``metric.within`` says of each case's videos; a case with fewer than two in both arms has no pair."""
    assert metric.within is not None
    rows: dict[str, list[tuple[list[float], list[float]]]] = {}
    for (name, case, _), halves in table.items():
        if name == group and arm in halves and baseline in halves:
            ours, theirs = (halves[which].features.get(str(metric.feature_space)) for which in (arm, baseline))
            if ours is not None and theirs is not None and ours.generated and theirs.generated:
                rows.setdefault(case, []).append((ours.generated, theirs.generated))
    cases = [case for case, pairs in rows.items() if len(pairs) > 1]
    new, old = ([metric.within(np.array([pair[half] for pair in rows[case]])) for case in cases] for half in (0, 1))
    return make_pairs(new, old, cases)


def feature_blocks(table: Table, group: str, space: str, arms: Iterable[str]) -> tuple[Block, ...]:
    """Return the blocks in which all ``arms`` finished with features and a reference in ``space``, sorted."""
    wanted = list(arms)
    found = []
    for block, halves in table.items():
        rows = [halves[arm].features.get(space) if arm in halves else None for arm in wanted]
        if block[0] == group and all(row is not None and row.generated and row.reference for row in rows):
            found.append(block)
    return tuple(sorted(found))


def feature_rows(
    table: Table, blocks: Iterable[Block], space: str, arm: str
) -> tuple[NDArray[np.float64], list[str], NDArray[np.float64], list[str]]:
    """Return generated rows and reference rows of ``arm``, each with its cases.

    Repetitions of a case share their true continuation, which enters the reference once: a duplicate would count as
    two independent clips.
    """
    generated: list[list[float]] = []
    cases: list[str] = []
    reference: dict[tuple[str, tuple[float, ...]], None] = {}
    for block in blocks:
        row = table[block][arm].features[space]
        generated.append(row.generated)
        cases.append(block[1])
        reference.setdefault((block[1], tuple(row.reference)))
    return (
        np.array(generated, dtype=np.float64),
        cases,
        np.array([row for _, row in reference], dtype=np.float64),
        [case for case, _ in reference],
    )
