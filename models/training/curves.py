"""Loss curves of a run, as CSV and as a picture."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.files import write_atomically

COLUMNS = ("step", "kind", "name", "value", "learning_rate", "gradient_norm", "seconds")
COLUMNS_DRAWN = 6


class Curves:
    """Rows of ``curves.csv`` in ``out``.

    Args:
        out: The run's folder.
        keep_through: Rows of later steps are dropped: a resumed run makes them again.
    """

    def __init__(self, out: Path, keep_through: int) -> None:
        self.path = out / "curves.csv"
        self.rows: list[list[Any]] = []
        if keep_through and self.path.exists():
            with self.path.open(newline="") as file:
                rows = list(csv.reader(file))[1:]
            # a train row's step counts from 0, a validation row's is the number of steps done
            self.rows = [r for r in rows if int(r[0]) < keep_through + (r[1] == "validation")]

    def train(
        self, step: int, loss: float, rate: float, norm: float, seconds: float, logged: Mapping[str, float]
    ) -> None:
        """Add the loss of one step, and what was logged with it."""
        self.rows.append([step, "train", "loss", f"{loss:.6g}", f"{rate:.6g}", f"{norm:.4g}", f"{seconds:.4g}"])
        self.rows.extend([step, "train", name, f"{value:.6g}", "", "", ""] for name, value in logged.items())

    def validation(self, step: int, results: dict[str, float]) -> None:
        """Add a validation after ``step`` steps."""
        self.rows.extend([step, "validation", name, f"{value:.6g}", "", "", ""] for name, value in results.items())

    def flush(self) -> None:
        """Write the file."""
        lines = [",".join(COLUMNS), *(",".join(str(v) for v in row) for row in self.rows)]
        write_atomically(self.path, ("\n".join(lines) + "\n").encode())

    def plot(self) -> None:
        """Draw ``curves.png``: every training number (running mean) and every validation number over steps."""
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot

        names = [("train", name) for name in dict.fromkeys(row[2] for row in self.rows if row[1] == "train")]
        names = names or [("train", "loss")]
        names += [("validation", name) for name in sorted({row[2] for row in self.rows if row[1] == "validation"})]
        columns = min(len(names), COLUMNS_DRAWN)
        rows = -(-len(names) // columns)
        figure, axes = pyplot.subplots(rows, columns, figsize=(4.5 * columns, 3.2 * rows), squeeze=False)
        for axis, (kind, name) in zip(axes.flat, names, strict=False):
            points = [(int(r[0]), float(r[3])) for r in self.rows if r[1] == kind and r[2] == name]
            if kind == "train":
                window = max(1, len(points) // 100)
                starts = range(0, len(points) - window + 1, window)
                means = [sum(v for _, v in points[i : i + window]) / window for i in starts]
                axis.plot([points[i][0] for i in starts], means)
                axis.set(title=f"training {name}", xlabel="step")
            else:
                axis.plot(*zip(*points, strict=True), marker=".")
                axis.set(title=f"validation {name}", xlabel="step")
        for axis in axes.flat[len(names) :]:
            axis.set_axis_off()
        figure.tight_layout()
        figure.savefig(self.path.with_suffix(".png"), dpi=80, metadata={"Software": ""})
        pyplot.close(figure)
