"""Statistics and the export: judging a run, a family of intervals, a jackknife."""

from __future__ import annotations

CASES = 64


class Judge:
    """A run of 5 arms on 64 cases."""

    def setup(self) -> None:
        """Invent the run, and judge it once."""
        from harness.analyse import analyse
        from harness.cli.verbs import load_metrics
        from harness.export.asv import build
        from harness.export.select import StoredRun

        from .invented import invented_run

        manifest, self.records = invented_run(CASES)
        info = {"code": {"commit": "0" * 40, "dirty": False}}
        self.run = StoredRun(manifest.model_copy(update={"info": info}), self.records)
        self.suite, self.metrics = manifest.suite, load_metrics()
        self.analyse, self.build = analyse, build
        self.analyse(self.suite, self.records, self.metrics)

    def time_analyse(self) -> None:
        """Seconds from records to conclusions."""
        self.analyse(self.suite, self.records, self.metrics)

    def time_export_asv(self) -> None:
        """Seconds from records to asv's documents."""
        self.build([self.run], self.metrics, {})


class Intervals:
    """Simultaneous intervals of 10 members over 64 cases, and a Fréchet distance's jackknife in 32 dimensions."""

    def setup(self) -> None:
        """Draw the numbers."""
        import numpy as np

        from harness.stats.family import Member, simultaneous
        from harness.stats.frechet import frechet_distance
        from harness.stats.jackknife import leave_groups_out
        from harness.stats.paired import make_pairs

        self.generator = np.random.default_rng
        draw = self.generator(0)
        self.cases = [f"{index:04d}" for index in range(CASES)]
        self.members = [
            Member(make_pairs(draw.normal(size=CASES), draw.normal(size=CASES), self.cases), "difference", "", "lower")
            for _ in range(10)
        ]
        self.rows = draw.normal(size=(2, CASES, 32))
        self.simultaneous, self.leave_groups_out, self.distance = simultaneous, leave_groups_out, frechet_distance

    def time_max_t_family(self) -> None:
        """Seconds for a family of 10, 9999 resamples."""
        self.simultaneous(self.members, generator=self.generator(0))

    def time_frechet_jackknife(self) -> None:
        """Seconds for 32 distances with a group left out."""
        self.leave_groups_out(self.distance, self.rows[0], self.cases, self.rows[1], self.cases)
