"""From a suite to the list of its trials: blocks in order, arms inside a block balanced and randomised.

The order of arms is a Williams design under a random labelling. Of ``n`` arms, a cycle is ``2n`` blocks of one group:
the rows of a Latin square built on the zigzag ``0, 1, n-1, 2, n-2, …``, each followed by its mirror image. Over a whole
cycle every arm stands at every place exactly twice, and every arm directly follows every other arm exactly twice, so
neither place nor predecessor favours an arm. Labels and rows are drawn afresh for every cycle of every group.
(E. J. Williams, Experimental designs balanced for the estimation of residual effects of treatments, 1949.)
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from harness.errors import DiptychError, UsageError, unknown
from harness.seeds import block_seed, derived_seed
from harness.store.records import BlockKey, Plan, PlannedTrial
from harness.types import Arm, Scale, Suite

__all__ = ["BlockKey", "Plan", "PlannedTrial", "arm_order", "chosen_arms", "chosen_scale", "make_plan"]

SEED_RANGE = 2**63


def chosen_scale(suite: Suite, scale: str) -> Scale:
    """Return the scale called ``scale`` of ``suite``.

    Raises:
        UsageError: There is no such scale.
        DiptychError: The scale declares no case, a case twice, or fewer than one repetition or repeat.
    """
    if scale not in suite.scales:
        raise unknown("scale", scale, suite.scales, f"diptych plan {suite.name}")
    found = suite.scales[scale]
    where = f"scale {scale!r} of suite {suite.name!r}"
    names = [case.name for case in found.cases]
    if not names:
        raise DiptychError(f"{where} has no case; declare at least one in its suite file.")
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        raise DiptychError(f"{where} names case {twice[0]!r} twice; cases must be unique.")
    if found.repetitions < 1 or found.repeats < 1 or found.warmups < 0:
        raise DiptychError(f"{where} needs repetitions ≥ 1, repeats ≥ 1 and warmups ≥ 0.")
    if found.repeat_seconds is not None and not 0 < found.repeat_seconds < math.inf:
        raise DiptychError(f"{where} needs repeat_seconds > 0, or none for no limit.")
    return found


def chosen_arms(suite: Suite, arms: Sequence[str] | None) -> tuple[Arm, ...]:
    """Return the arms to run, in the suite's order: all of them, or those named.

    Raises:
        UsageError: An unknown arm, an arm named twice, no baseline, or nothing to pair it with.
        DiptychError: The suite's own baseline is not one of its arms.
    """
    names = [arm.name for arm in suite.arms]
    if suite.baseline not in names:
        raise DiptychError(
            f"suite {suite.name!r} declares baseline {suite.baseline!r}, which is none of its arms: {', '.join(names)}."
        )
    wanted = names if arms is None else list(arms)
    for name in wanted:
        if name not in names:
            raise unknown("arm", name, names, f"diptych plan {suite.name}")
        if wanted.count(name) > 1:
            raise UsageError(f"arm {name!r} is named twice; name each arm once.")
    if suite.baseline not in wanted:
        raise UsageError(
            f"the arms must include the baseline {suite.baseline!r} of suite {suite.name!r}: every other arm is judged "
            f"against it. Asked for: {', '.join(wanted) or 'none'}."
        )
    if len(wanted) < 2:
        others = ", ".join(name for name in names if name != suite.baseline)
        raise UsageError(
            f"the baseline {suite.baseline!r} alone makes no pair; add at least one of: {others or 'no other arm'}."
        )
    return tuple(arm for arm in suite.arms if arm.name in wanted)


def arm_order(arms: Sequence[str], group: str, number: int, order_seed: int) -> tuple[str, ...]:
    """Return the order of ``arms`` in one block.

    Args:
        arms: Arm names; their order does not matter.
        group: Group of the block.
        number: How many blocks of this group come before it.
        order_seed: Seed of the order.

    Returns:
        A permutation of ``arms``.
    """
    n = len(arms)
    cycle, place = divmod(number, 2 * n)
    row, mirrored = divmod(place, 2)

    def shuffled(items: Sequence[str], purpose: str) -> list[str]:
        # Sorting by hashed keys is a random permutation that no library's generator can change.
        return sorted(items, key=lambda item: derived_seed(order_seed, f"{group}\x00{cycle}\x00{purpose}\x00{item}"))

    labels = shuffled(sorted(arms), "label")
    shift = int(shuffled([str(i) for i in range(n)], "row")[row])
    zigzag = [(i + 1) // 2 if i % 2 else (n - i // 2) % n for i in range(n)]
    order = tuple(labels[(z + shift) % n] for z in zigzag)
    return order[::-1] if mirrored else order


def make_plan(suite: Suite, scale: str, seed: int, arms: Sequence[str] | None = None) -> Plan:
    """Plan every trial of a run.

    Blocks are cases × repetitions in the suite's order, all repetitions of a case together. The seed of a block comes
    from the run's seed, suite, case and repetition, and never from the arm; an arm's ``seed_shift`` is added to it.

    Args:
        suite: The suite.
        scale: Name of one of its scales.
        seed: The run's seed, ≥ 0.
        arms: Names of the arms to run, or None for all. The choice changes no seed.

    Returns:
        The plan.

    Raises:
        UsageError: Unknown scale or arm, no baseline among the arms, or a negative seed.
        DiptychError: The suite's declaration cannot be run.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise UsageError(f"the seed must be an integer of at least 0, not {seed!r}. Try: --seed 0")
    chosen = chosen_arms(suite, arms)
    settings = chosen_scale(suite, scale)
    order_seed = derived_seed(seed, "order")
    shifts = {arm.name: arm.seed_shift for arm in chosen}
    trials: list[PlannedTrial] = []
    blocks_of: dict[str, int] = {}
    for case in settings.cases:
        for repetition in range(settings.repetitions):
            block = BlockKey(group=case.group, case=case.name, repetition=repetition)
            number = blocks_of.get(case.group, 0)
            blocks_of[case.group] = number + 1
            base = block_seed(seed, suite.name, case.name, repetition)
            for arm in arm_order(list(shifts), case.group, number, order_seed):
                trial_seed = (base + shifts[arm]) % SEED_RANGE
                trials.append(PlannedTrial(index=len(trials), block=block, arm=arm, seed=trial_seed))
    return Plan(
        suite=suite.name,
        version=suite.version,
        scale=scale,
        seed=seed,
        order_seed=order_seed,
        trials=tuple(trials),
    )
