"""The report: from a run's folder to one HTML page."""

from __future__ import annotations

import tempfile
from pathlib import Path


class Report:
    """A run of 40 trials without videos."""

    def setup(self) -> None:
        """Write the run, and its page once: the first drawing looks for fonts."""
        from harness.cli.verbs import load_metrics
        from harness.store.run_store import RunStore
        from reports.report import write_report

        from .invented import invented_run

        self.folder = tempfile.TemporaryDirectory(prefix="diptych-asv-")
        self.page = Path(self.folder.name) / "page.html"
        manifest, records = invented_run(8)
        with RunStore.create(Path(self.folder.name), manifest) as store:
            for record in records:
                store.append(record)
        self.path, self.metrics, self.write = store.path, load_metrics(), write_report
        self.time_report()

    def teardown(self) -> None:
        """Remove it."""
        self.folder.cleanup()

    def time_report(self) -> None:
        """Seconds to write the page."""
        self.write([self.path], self.page, metrics=self.metrics)

    def track_page_bytes(self) -> int:
        """Bytes of the page."""
        return self.page.stat().st_size

    track_page_bytes.unit = "bytes"  # type: ignore[attr-defined]
