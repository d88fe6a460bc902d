"""Loss curves of a run, as CSV and as a picture."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from harness.files import write_atomically

COLUMNS = ("step", "kind", "name", "value", "learning_rate", "gradient_norm", "seconds")


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

    def train(self, step: int, loss: float, rate: float, norm: float, seconds: float) -> None:
        """Add the loss of one step."""
        self.rows.append([step, "train", "loss", f"{loss:.6g}", f"{rate:.6g}", f"{norm:.4g}", f"{seconds:.4g}"])

    def validation(self, step: int, results: dict[str, float]) -> None:
        """Add a validation after ``step`` steps."""
        self.rows.extend([step, "validation", name, f"{value:.6g}", "", "", ""] for name, value in results.items())

    def flush(self) -> None:
        """Write the file."""
        lines = [",".join(COLUMNS), *(",".join(str(v) for v in row) for row in self.rows)]
        write_atomically(self.path, ("\n".join(lines) + "\n").encode())

    def plot(self) -> None:
        """Draw ``curves.png``: training loss (running mean) and every validation number over steps."""
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot

        names = sorted({row[2] for row in self.rows if row[1] == "validation"})
        figure, axes = pyplot.subplots(1, 1 + len(names), figsize=(4.5 * (1 + len(names)), 3.2), squeeze=False)
        train = [(int(r[0]), float(r[3])) for r in self.rows if r[1] == "train"]
        window = max(1, len(train) // 100)
        smooth = [sum(v for _, v in train[i : i + window]) / window for i in range(0, len(train) - window + 1, window)]
        axes[0][0].plot([train[i][0] for i in range(0, len(train) - window + 1, window)], smooth)
        axes[0][0].set(title="training loss", xlabel="step")
        for axis, name in zip(axes[0][1:], names, strict=True):
            points = [(int(r[0]), float(r[3])) for r in self.rows if r[1] == "validation" and r[2] == name]
            axis.plot(*zip(*points, strict=True), marker=".")
            axis.set(title=f"validation {name}", xlabel="step")
        figure.tight_layout()
        figure.savefig(self.path.with_suffix(".png"), dpi=80, metadata={"Software": ""})
        pyplot.close(figure)
