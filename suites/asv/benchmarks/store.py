"""The store: appending durably, and loading."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

CASES = 60


class Store:
    """A run of 300 trials on disk."""

    def setup(self) -> None:
        """Write the run."""
        from harness.store.run_store import RunStore

        from .invented import invented_run

        self.folder = tempfile.TemporaryDirectory(prefix="diptych-asv-")
        manifest, self.records = invented_run(CASES)
        self.open = RunStore.open
        self.path = Path(self.folder.name) / manifest.suite.name / manifest.run_id
        with RunStore.create(Path(self.folder.name), manifest) as store:
            for record in self.records:
                store.append(record)
        other: Any = manifest.model_copy(update={"run_id": "appended"})
        self.writer = RunStore.create(Path(self.folder.name), other)

    def teardown(self) -> None:
        """Remove it."""
        self.writer.close()
        self.folder.cleanup()

    def time_append(self) -> None:
        """Seconds to append 10 records, each synced to disk."""
        for record in self.records[:10]:
            self.writer.append(record)

    def time_load(self) -> None:
        """Seconds to open a run and read its 300 records."""
        self.open(self.path).records()

    def track_bytes_per_trial(self) -> float:
        """Bytes of ``trials.jsonl`` for each trial."""
        return (self.path / "trials.jsonl").stat().st_size / len(self.records)

    track_bytes_per_trial.unit = "bytes"  # type: ignore[attr-defined]
