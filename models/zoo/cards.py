"""The facts of a registered video model (no torch)."""

from __future__ import annotations

from harness.types import Data
from models.ar.shapes import TransformerShape


class VideoModel(Data):
    """An autoregressive video transformer and what it needs around it.

    Attributes:
        name: Registered name.
        summary: One line.
        world: Registered world that gives prompts and true continuations.
        shape: Hyper-parameters.
        prompt_frames: Default number of prompt frames.
        frames: Default number of generated frames; training saw ``prompt_frames + frames``.
        actions_per_frame: Action tokens after each frame.
        tokenizer: File name of the tokenizer's weights in the zoo.
        weights: File name of the transformer's weights in the zoo, or None for random weights.
        random_seed: Seed of the random weights where ``weights`` is None.
    """

    name: str
    summary: str
    world: str
    shape: TransformerShape
    prompt_frames: int
    frames: int
    actions_per_frame: int = 1
    tokenizer: str
    weights: str | None = None
    random_seed: int = 0

    @property
    def speed_only(self) -> bool:
        """True for random weights: nothing can be said of quality."""
        return self.weights is None
