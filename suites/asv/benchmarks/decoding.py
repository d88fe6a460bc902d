"""Schedules and engine: compiling tables, and decoding with a transformer too small for arithmetic to matter."""

from __future__ import annotations

from typing import Any

NAMES = ["sequential", "diagonal", "diagonal-st"]


class Compile:
    """Compile a schedule for MineWorld's grid (14 × 24 tokens, 11 actions), 4 frames."""

    param_names = ("schedule",)
    params = (NAMES,)

    def setup(self, schedule: str) -> None:
        """Import, and look the schedule up."""
        from harness.cli.builtin import load_builtin
        from models.decoding.grid import Grid
        from models.decoding.schedule import get_schedule
        from models.decoding.tables import compile_schedule

        load_builtin()
        self.grid, self.schedule, self.compile = Grid(4, 14, 24, actions=11), get_schedule(schedule), compile_schedule

    def time_compile(self, schedule: str) -> None:
        """Seconds to compile."""
        self.compile(self.grid, self.schedule, 2)

    def track_passes(self, schedule: str) -> int:
        """Forward passes: exact."""
        return self.compile(self.grid, self.schedule, 2).passes

    track_passes.unit = "passes"  # type: ignore[attr-defined]


class Decode:
    """Decode 2 frames of 9 × 9 tokens with a random transformer of 2 layers: what the engine adds to each pass."""

    param_names = ("schedule",)
    params = (NAMES,)

    def setup(self, schedule: str) -> None:
        """Build engine and prompt, and decode once."""
        import torch

        from harness.cli.builtin import load_builtin
        from models.ar.shapes import TransformerShape
        from models.ar.transformer import VideoTransformer
        from models.decoding.engine import Engine
        from models.decoding.grid import Grid
        from models.decoding.sampling import Sampler
        from models.decoding.schedule import get_schedule
        from models.decoding.tables import compile_schedule

        load_builtin()
        torch.set_num_threads(1)
        shape = TransformerShape(
            image_vocabulary=64, vocabulary=67, hidden=32, mlp=64, layers=2, heads=4, kv_heads=2, head_dim=8
        )
        model = VideoTransformer(shape).reset(torch.Generator().manual_seed(0)).eval()
        grid = Grid(2, 9, 9, actions=1)
        self.engine: Any = Engine(model, compile_schedule(grid, get_schedule(schedule), 2), Sampler(top_p=0.8))
        self.given = torch.randint(64, (1, grid.slots), generator=torch.Generator().manual_seed(0))
        self.engine.generate(self.given, [0])

    def time_decode(self, schedule: str) -> None:
        """Seconds to decode."""
        self.engine.generate(self.given, [0])

    def track_cache_bytes(self, schedule: str) -> int:
        """Bytes of the cache."""
        cache_bytes: int = self.engine.cache.bytes
        return cache_bytes

    track_cache_bytes.unit = "bytes"  # type: ignore[attr-defined]
