"""The seeded walker that plays ViZDoom: it holds on to what it does, and turns away from what stops it."""

from __future__ import annotations

import numpy as np

POLICY_VERSION = 1
WEIGHTS = {"noop": 1, "forward": 5, "backward": 1, "turn_left": 4, "turn_right": 4, "strafe_left": 2, "strafe_right": 2}
"""How often the walker takes up an action, relative to each other."""


class Walker:
    """Chooses actions for one episode, each held for a while.

    Args:
        rng: Source of every choice.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.action = "forward"
        self.remaining = 0
        self.place: tuple[float, float] | None = None

    def act(self, x: float, y: float) -> str:
        """Return the next action, from where the player stands now."""
        stuck = self.action in ("forward", "backward") and self.place == (x, y)
        self.place = (x, y)
        if self.rng.random() < 0.06:
            return "attack"
        if stuck:
            self.action = "turn_left" if self.rng.random() < 0.5 else "turn_right"
            self.remaining = 4 + int(self.rng.integers(8))
        if self.remaining <= 0:
            names = list(WEIGHTS)
            odds = np.array([WEIGHTS[name] for name in names], float)
            self.action = names[int(self.rng.choice(len(names), p=odds / odds.sum()))]
            self.remaining = 2 + int(self.rng.geometric(0.15))
        self.remaining -= 1
        return self.action
