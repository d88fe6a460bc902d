"""Read what ``asv publish`` found: ``python -m suites.asv.regressions HTML…`` prints each regression in a line.

asv shows them on a page that needs scripts from the network; the file behind it needs nothing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Regression:
    """One upward step of one series.

    Attributes:
        entry: Benchmark with its parameters, such as ``"decoding.crafter-9x9.small.1_minus_ssim('diagonal-k2')"``.
        commit: The first commit that was worse.
        after: The last commit that was not, where commits without results lie between them; else None.
        old: Value before.
        new: Best value since.
    """

    entry: str
    commit: str
    after: str | None
    old: float
    new: float

    def __str__(self) -> str:
        """One line: what, by how much, since when."""
        change = f" ({(self.new - self.old) / self.old:+.1%})" if self.old else ""
        since = f"commit {self.commit[:8]}" if self.after is None else f"{self.after[:8]}..{self.commit[:8]}"
        return f"{self.entry}: {self.old:.4g} -> {self.new:.4g}{change}, {since}"


def read_regressions(html: Path) -> list[Regression]:
    """Return the regressions in a published folder, in asv's order.

    Args:
        html: What ``asv publish`` filled: it holds ``index.json`` and ``regressions.json``.
    """
    hashes = json.loads((html / "index.json").read_text())["revision_to_hash"]
    found = []
    for entry, _path, _params, _index, _last, _best, jumps in json.loads((html / "regressions.json").read_text())[
        "regressions"
    ]:
        for after, first, old, new in jumps:
            commit = hashes[str(first)]
            found.append(Regression(entry, commit, None if after is None else hashes[str(after)], old, new))
    return found


def main(folders: Sequence[str]) -> None:
    """Print the regressions of each published folder."""
    for folder in folders:
        found = read_regressions(Path(folder))
        print(f"{Path(folder) / 'index.html'}: {len(found)} regression{'' if len(found) == 1 else 's'}")
        for regression in found:
            print(f"  {regression}")


if __name__ == "__main__":
    main(sys.argv[1:])
