"""A seeded walker for Crafter: it wanders with persistence, gathers, hunts, drinks, builds and crafts.

It looks at the simulator's state (not at pixels) and draws every choice from one numpy Generator, so an episode is a
function of its seed. It never sleeps, because sleeping darkens the view, and never steps into lava.
"""

from __future__ import annotations

from typing import Any

import numpy as np

POLICY_VERSION = 1
DIRECTIONS = {"move_left": (-1, 0), "move_right": (1, 0), "move_up": (0, -1), "move_down": (0, 1)}
CREATURES = {"Zombie": 0.85, "Skeleton": 0.85, "Cow": 0.75}
PATIENCE_STEPS = 14
TOOLS = (
    "make_wood_pickaxe",
    "make_wood_sword",
    "make_stone_pickaxe",
    "make_stone_sword",
    "make_iron_pickaxe",
    "make_iron_sword",
)


class Walker:
    """Chooses actions for one episode.

    Args:
        rng: Source of every choice.
        constants: Crafter's ``constants`` module (what collecting, placing and making need).
    """

    def __init__(self, rng: np.random.Generator, constants: Any) -> None:
        self.rng = rng
        self.constants = constants
        self.direction = "move_down"
        self.remaining = 0
        self.goal: tuple[int, int] | None = None
        self.patience = 0

    def act(self, world: Any, player: Any, reach: tuple[int, int]) -> str:
        """Return the name of the next action.

        Args:
            world: Crafter's ``engine.World``.
            player: Crafter's ``objects.Player``.
            reach: How far (x, y) the walker looks for something worth walking to.
        """
        chance = self.rng.random()
        if chance < 0.03:
            return "noop"
        if chance < 0.035:
            return TOOLS[int(self.rng.integers(len(TOOLS)))]
        return self._use(world, player) or self._build(world, player) or self._walk(world, player, reach)

    def _wanted(self, player: Any) -> dict[str, float]:
        """Materials worth gathering now, with the probability of doing so when facing one."""
        has = player.inventory
        wanted = {"tree": 0.75 if has["wood"] < 7 else 0.05, "water": 0.8 if has["drink"] < 7 else 0.06}
        for name in ("stone", "coal", "iron", "diamond"):
            need = self.constants.collect[name]["require"]
            if all(has[item] >= amount for item, amount in need.items()):
                wanted[name] = 0.8 if has[name] < 9 else 0.5
        return wanted

    def _use(self, world: Any, player: Any) -> str | None:
        """Hit or gather what is faced."""
        material, thing = world[(player.pos[0] + player.facing[0], player.pos[1] + player.facing[1])]
        if thing is not None:
            return "do" if self.rng.random() < CREATURES.get(type(thing).__name__, 0.0) else None
        odds = self._wanted(player).get(material, 0.03 if material == "grass" else 0.0)
        return "do" if self.rng.random() < odds else None

    def _build(self, world: Any, player: Any) -> str | None:
        """Craft a missing tool at a table, or place something."""
        has, nearby = player.inventory, world.nearby(player.pos, 1)[0]
        if "table" in nearby:
            for action in TOOLS:
                name = action.removeprefix("make_")
                need = self.constants.make[name]
                ready = all(has[item] >= amount for item, amount in need["uses"].items())
                if not has[name] and ready and all(n in nearby for n in need["nearby"]) and self.rng.random() < 0.7:
                    return action
        material, thing = world[(player.pos[0] + player.facing[0], player.pos[1] + player.facing[1])]
        odds = {
            "table": 0.0 if "table" in nearby or has["wood"] < 4 else 0.25,
            "furnace": 0.3 if "table" in nearby and "furnace" not in nearby else 0.0,
            "plant": 0.1,
            "stone": 0.06 if has["stone"] > 1 else 0.0,
        }
        for name, odd in odds.items():
            need = self.constants.place[name]
            ready = all(has[item] >= amount for item, amount in need["uses"].items())
            if thing is None and material in need["where"] and ready and self.rng.random() < odd:
                return f"place_{name}"
        return None

    def _walk(self, world: Any, player: Any, reach: tuple[int, int]) -> str:
        """Go on in the same direction, towards a goal, or somewhere new."""
        if self.goal is not None:
            self.patience -= 1
            if self.patience > 0 and (step := self._toward(world, player)):
                return step
            self.goal = None
        if self.remaining <= 0:
            self.remaining = 2 + int(self.rng.geometric(0.16))
            if (
                self.rng.random() < 0.45
                and self._choose_goal(world, player, reach)
                and (step := self._toward(world, player))
            ):
                return step
            self.direction = list(DIRECTIONS)[int(self.rng.integers(4))]
        self.remaining -= 1
        bump = not self._open(world, player, self.direction) and self.rng.random() >= 0.1
        if not bump and not self._deadly(world, player, self.direction):
            return self.direction
        free = [name for name in DIRECTIONS if self._open(world, player, name)]
        if not free:
            safe = [name for name in DIRECTIONS if not self._deadly(world, player, name)]
            return safe[int(self.rng.integers(len(safe)))] if safe else "noop"
        self.direction = free[int(self.rng.integers(len(free)))]
        return self.direction

    def _choose_goal(self, world: Any, player: Any, reach: tuple[int, int]) -> bool:
        """Pick the nearest wanted material or (when hungry) cow within reach; False if there is none."""
        wanted = {name for name, odds in self._wanted(player).items() if odds > 0.5}
        best, where = 99, None
        x, y = int(player.pos[0]), int(player.pos[1])
        for dx in range(-reach[0], reach[0] + 1):
            for dy in range(-reach[1], reach[1] + 1):
                distance = abs(dx) + abs(dy)
                if 1 < distance < best:
                    material, thing = world[(x + dx, y + dy)]
                    cow = thing is not None and type(thing).__name__ == "Cow" and player.inventory["food"] < 8
                    if cow or (thing is None and material in wanted):
                        best, where = distance, (x + dx, y + dy)
        self.goal, self.patience = where, PATIENCE_STEPS
        return where is not None

    def _toward(self, world: Any, player: Any) -> str | None:
        """Step along the longer axis to the goal, else the other; None if both are shut or the goal is reached."""
        assert self.goal is not None
        dx, dy = self.goal[0] - int(player.pos[0]), self.goal[1] - int(player.pos[1])
        across = ("move_right" if dx > 0 else "move_left") if dx else None
        along = ("move_down" if dy > 0 else "move_up") if dy else None
        names = (across, along) if abs(dx) >= abs(dy) else (along, across)
        if abs(dx) + abs(dy) <= 1:
            self.goal = None
            return names[0]
        return next((name for name in names if name and self._open(world, player, name)), None)

    def _open(self, world: Any, player: Any, name: str) -> bool:
        dx, dy = DIRECTIONS[name]
        material, thing = world[(player.pos[0] + dx, player.pos[1] + dy)]
        return thing is None and material in self.constants.walkable

    def _deadly(self, world: Any, player: Any, name: str) -> bool:
        dx, dy = DIRECTIONS[name]
        return bool(world[(player.pos[0] + dx, player.pos[1] + dy)][0] == "lava")
