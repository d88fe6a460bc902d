"""Groups of actions that are scored together: data, one table per game (no torch).

MineWorld (arXiv 2504.08388) scores its keyboard in groups, a few exclusive keys each (forward/back, left/right) and
single keys (use, attack, jump, drop); holding none of a group's keys is no class of its own. The same here: an action
that is in no group is the absence of all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.errors import UsageError

Groups = Mapping[str, tuple[str, ...]]

CRAFTER_GROUPS: Groups = {
    "move": ("move_left", "move_right", "move_up", "move_down"),
    "act": (
        "do", "place_stone", "place_table", "place_furnace", "place_plant", "make_wood_pickaxe", "make_stone_pickaxe",
        "make_iron_pickaxe", "make_wood_sword", "make_stone_sword", "make_iron_sword",
    ),
    "sleep": ("sleep",),
}  # fmt: skip
"""To walk; to change something; to sleep (which the worlds' walker never does).

Placing and making are 2.5 % of all commands. As a group of their own they would be a third of the mean over groups and
hang on a handful of transitions: with five of them in 64 clips, the interval of a difference of two arms covered 69 %
where 95 % was asked for. With ``do``, and so with 15 % of all commands, it covers 95 %. ``noop`` is in no group.
"""

VIZDOOM_GROUPS: Groups = {
    "walk": ("forward", "backward"),
    "strafe": ("strafe_left", "strafe_right"),
    "turn": ("turn_left", "turn_right"),
    "attack": ("attack",),
}
"""The keyboard's groups; ``noop`` is in none. Doom's inertia blurs them: a walker slides on after the key is let go."""


def group_index(actions: Sequence[str], groups: Groups) -> list[int]:
    """Position in ``groups`` of every action, -1 for those in none.

    Raises:
        UsageError: A group names an action that there is not, or two groups share one.
    """
    index = [-1] * len(actions)
    for position, (name, members) in enumerate(groups.items()):
        for member in members:
            if member not in actions:
                raise UsageError(f"group {name!r} names {member!r}, which is no action: {', '.join(actions)}.")
            place = list(actions).index(member)
            if index[place] != -1:
                raise UsageError(f"the action {member!r} is in two groups.")
            index[place] = position
    return index
