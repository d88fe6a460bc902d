"""Progress of a run: what its parts log is shown while it runs, and not after."""

import logging

from harness.cli.progress import RunProgress


def test_what_a_run_s_parts_log_is_shown_on_stderr_while_it_runs(capsys):
    log = logging.getLogger("diptych")
    with RunProgress():
        log.info("clips of crafter-9x9, test: %d of %d", 3, 10)
    log.info("nobody listens any more")
    captured = capsys.readouterr()
    assert captured.err == "clips of crafter-9x9, test: 3 of 10\n"
    assert captured.out == ""
