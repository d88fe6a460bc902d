"""Trials in a worker process, which may die or hang without taking the run along.

The kernel's out-of-memory killer, a crash in native code and an endless loop leave no exception behind. The parent sees
the worker's end, or its silence, records the trial as failed, and starts another worker for the rest.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from harness.errors import DiptychError, UsageError
from harness.launch.executor import Request
from harness.store.records import PlannedTrial, TrialRecord
from harness.trial import failed

DEFAULT_TIMEOUT_SECONDS = 3600.0
BOOT = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from harness.launch.worker import main; main()"
LOG = logging.getLogger("diptych")
OOM_EVENTS = Path("/sys/fs/cgroup/memory.events")


class WorkerLost(Exception):  # noqa: N818 - no error of a user's, and never shown
    """The worker died, or was stopped because it took too long.

    Attributes:
        kind: ``"OutOfMemory"``, ``"Crashed"`` or ``"Timeout"``.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class RemoteError(Exception):
    """The worker's traceback, shown as the cause of what the parent raises."""

    def __str__(self) -> str:
        return f"in the worker process:\n{self.args[0]}"


def oom_kills(events: Path = OOM_EVENTS) -> int | None:
    """Return how many processes of this control group the kernel has killed for memory, or None if it does not say."""
    try:
        for line in events.read_text().splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    except (OSError, ValueError):
        pass
    return None


class SupervisedExecutor:
    """Runs trials in a worker process; see :class:`harness.launch.executor.Executor`."""

    def __init__(
        self,
        request: Request,
        registry: str,
        *,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        events: Path = OOM_EVENTS,
    ) -> None:
        """Start the worker and let it build what the trials need.

        Args:
            request: What is run.
            registry: ``"module:function"`` that returns the filled registry in the worker.
            timeout_seconds: Longest time for one trial, and for one warm-up.
            events: The control group's memory events; tests inject a file.

        Raises:
            DiptychError: A component is unknown or cannot be built, or an arm cannot run a case.
        """
        self.process = 0
        self.context: dict[str, Any] = {}
        self._request, self._registry, self._timeout, self._events = request, registry, timeout_seconds, events
        self._folder: Path | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._unread = b""
        self._start()

    def begin(self, folder: Path) -> None:
        """See :meth:`harness.launch.executor.Executor.begin`."""
        self._folder = folder
        self._ask({"do": "begin", "folder": str(folder)})

    def warm_up(self, trial: PlannedTrial) -> list[float] | None:
        """See :meth:`harness.launch.executor.Executor.warm_up`."""
        try:
            reply = self._ask({"do": "warm_up", "trial": trial.model_dump(mode="json")}, self._timeout)
        except WorkerLost:
            self._start()
            return None
        seconds: list[float] | None = reply["seconds"]
        return seconds

    def run(self, trial: PlannedTrial, session: int, halves: Sequence[TrialRecord]) -> TrialRecord:
        """See :meth:`harness.launch.executor.Executor.run`."""
        command = {
            "do": "run",
            "trial": trial.model_dump(mode="json"),
            "session": session,
            # the halves are there to be matched by: their features are long, and are not asked for
            "halves": [half.model_copy(update={"features": {}}).model_dump(mode="json") for half in halves],
        }
        try:
            return TrialRecord.model_validate(self._ask(command, self._timeout)["record"])
        except WorkerLost as lost:
            record = failed(trial, session, lost.kind, str(lost))
        self._start()
        return record

    def close(self) -> None:
        """Stop the worker at once, whatever it does."""
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGKILL)  # it leads a group: a pool that renders clips goes with it
            self._child.wait()
            for pipe in (self._child.stdin, self._child.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):  # what was not yet written is of no use to a dead worker
                        pipe.close()
            self._child = None

    def _start(self) -> None:
        self.close()
        self.process += 1
        self._unread = b""
        command = [sys.executable, "-c", BOOT, json.dumps(sys.path)]
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        try:
            request = self._request.model_dump(mode="json")
            reply = self._ask({"do": "build", "request": request, "registry": self._registry})
            found: dict[str, Any] = reply["context"]
            if self.process == 1:
                self.context = found
            elif found != self.context:
                raise DiptychError(
                    "the machine or the weights changed during the run: a new worker process finds another context. "
                    "Resume it to see what differs: diptych resume RUN"
                )
            if self._folder is not None:
                self._ask({"do": "begin", "folder": str(self._folder)})
        except WorkerLost as lost:
            self.close()
            raise DiptychError(f"the worker process could not be made ready: {lost}") from None
        except BaseException:
            self.close()
            raise

    def _ask(self, command: dict[str, Any], timeout_seconds: float | None = None) -> dict[str, Any]:
        """Give the worker a command and wait for its answer.

        Raises:
            WorkerLost: It died, or took longer than ``timeout_seconds``.
            DiptychError: It says that something cannot be done.
        """
        child = self._child
        assert child is not None
        assert child.stdin is not None
        kills = oom_kills(self._events)
        try:
            child.stdin.write(json.dumps(command).encode() + b"\n")
            child.stdin.flush()
        except BrokenPipeError:
            self._mourn(kills)
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        reply: dict[str, Any] = json.loads(self._line(child, deadline, timeout_seconds, kills))
        while "log" in reply:
            LOG.info(reply["log"])
            reply = json.loads(self._line(child, deadline, timeout_seconds, kills))
        if "error" in reply:
            if reply["traceback"]:
                raise DiptychError(
                    f"a component failed while it was built: {reply['error']}. See: diptych doctor, or --debug"
                ) from RemoteError(reply["traceback"])
            raise (UsageError if reply["exit_code"] == UsageError.exit_code else DiptychError)(reply["error"])
        return reply

    def _line(
        self, child: subprocess.Popen[bytes], deadline: float | None, timeout_seconds: float | None, kills: int | None
    ) -> bytes:
        assert child.stdout is not None
        handle = child.stdout.fileno()
        while b"\n" not in self._unread:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select([handle], [], [], left)[0]:
                self.close()
                raise WorkerLost(
                    "Timeout",
                    f"the trial took longer than {timeout_seconds:g} s, and its worker process was stopped. "
                    "To allow more: --trial-timeout SECONDS",
                )
            read = os.read(handle, 1 << 16)
            if not read:
                self._mourn(kills)
            self._unread += read
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _mourn(self, kills: int | None) -> NoReturn:
        """Find out what the worker died of."""
        assert self._child is not None
        code = self._child.wait()
        now = oom_kills(self._events)
        if code == -signal.SIGKILL and kills is not None and now is not None and now > kills:
            raise WorkerLost("OutOfMemory", "the kernel killed the worker process of this trial: memory ran out")
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        raise WorkerLost("Crashed", f"the worker process {how} in this trial: out of memory, or crashed in native code")
