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
RESTART_SECONDS = 600.0
"""Least time that a further worker is given to build what the first one has built."""
GRACE_SECONDS = 30.0
BOOT = (
    "import json, sys; boot = json.loads(sys.argv[1]); sys.path[:] = boot['path']; "
    "from harness.launch.worker import main; main(boot['pipe'], boot['parent'])"
)
LOG = logging.getLogger("diptych")
OOM_EVENTS = Path("/sys/fs/cgroup/memory.events")


class WorkerLostError(Exception):
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
        self.process = 1
        self.loss = ""
        self._request, self._registry, self._timeout, self._events = request, registry, timeout_seconds, events
        self._folder: Path | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._answers = -1
        self._unread = b""
        # rendering clips for the first time may take hours; for another worker they are there
        self.context: dict[str, Any] = self._start(None)

    def begin(self, folder: Path) -> None:
        """See :meth:`harness.launch.executor.Executor.begin`."""
        self._folder = folder
        self._ask({"do": "begin", "folder": str(folder)}, None)

    def warm_up(self, trial: PlannedTrial) -> list[float] | None:
        """See :meth:`harness.launch.executor.Executor.warm_up`."""
        self._make_ready()
        try:
            reply = self._ask({"do": "warm_up", "trial": trial.model_dump(mode="json")}, self._timeout)
        except WorkerLostError as lost:
            self._lose(f"{lost.kind}: {lost}")
            return None
        if reply["spent"]:
            self._lose("an error that left the device unusable, in a warm-up")
        seconds: list[float] | None = reply["seconds"]
        return seconds

    def run(self, trial: PlannedTrial, session: int, halves: Sequence[TrialRecord]) -> TrialRecord:
        """See :meth:`harness.launch.executor.Executor.run`."""
        self._make_ready()
        command = {
            "do": "run",
            "trial": trial.model_dump(mode="json"),
            "session": session,
            # the halves are there to be matched by: their features are long, and are not asked for
            "halves": [half.model_copy(update={"features": {}}).model_dump(mode="json") for half in halves],
        }
        try:
            reply = self._ask(command, self._timeout)
        except WorkerLostError as lost:
            self._lose(f"{lost.kind}: {lost}")
            return failed(trial, session, lost.kind, str(lost))
        record = TrialRecord.model_validate(reply["record"])
        if reply["spent"]:
            self._lose(f"{record.error.type}: {record.error.message}" if record.error else "the device is unusable")
        return record

    def close(self) -> None:
        """Stop the worker at once, whatever it does."""
        if self._child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)  # it leads a group: a pool that renders clips goes with it
        with contextlib.suppress(subprocess.TimeoutExpired):  # a driver may hold on to the dead
            self._child.wait(GRACE_SECONDS)
        assert self._child.stdin is not None
        with contextlib.suppress(OSError):  # what was not yet written is of no use to a dead worker
            self._child.stdin.close()
        os.close(self._answers)
        self._child = None

    def _lose(self, why: str) -> None:
        """Give a process up; the next one is started when it is needed, after this one's trial has its record."""
        self.close()
        self.process += 1
        self.loss = why

    def _make_ready(self) -> None:
        if self._child is not None:
            return
        found = self._start(max(self._timeout, RESTART_SECONDS))
        if found != self.context:
            self.close()
            raise DiptychError(
                "the machine or the weights changed during the run: a new worker process finds another context. "
                "Resume it to see what differs: diptych resume RUN"
            )

    def _start(self, timeout_seconds: float | None) -> dict[str, Any]:
        """Start a process, let it build, and return its context."""
        self._unread = b""
        self._answers, theirs = os.pipe()
        boot = {"path": sys.path, "pipe": theirs, "parent": os.getpid()}
        try:
            self._child = subprocess.Popen(
                [sys.executable, "-c", BOOT, json.dumps(boot)],
                stdin=subprocess.PIPE,
                stdout=2,  # what libraries print is no answer
                pass_fds=(theirs,),
                start_new_session=True,
            )
        finally:
            os.close(theirs)
        try:
            request = self._request.model_dump(mode="json")
            reply = self._ask({"do": "build", "request": request, "registry": self._registry}, timeout_seconds)
            if self._folder is not None:
                self._ask({"do": "begin", "folder": str(self._folder)}, timeout_seconds)
        except WorkerLostError as lost:
            self.close()
            raise DiptychError(f"the worker process could not be made ready: {lost}") from None
        except BaseException:
            self.close()
            raise
        context: dict[str, Any] = reply["context"]
        return context

    def _ask(self, command: dict[str, Any], timeout_seconds: float | None) -> dict[str, Any]:
        """Give the worker a command and wait for its answer.

        Raises:
            WorkerLostError: It died, or took longer than ``timeout_seconds``.
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
        reply: dict[str, Any] = json.loads(self._line(deadline, timeout_seconds, kills))
        while "log" in reply:
            LOG.info(reply["log"])
            reply = json.loads(self._line(deadline, timeout_seconds, kills))
        if "error" in reply:
            if reply["traceback"]:
                doing = "was built" if command["do"] == "build" else "was asked to " + command["do"].replace("_", " ")
                raise DiptychError(
                    f"a component failed while it {doing}: {reply['error']}. See: diptych doctor, or --debug"
                ) from RemoteError(reply["traceback"])
            raise (UsageError if reply["exit_code"] == UsageError.exit_code else DiptychError)(reply["error"])
        return reply

    def _line(self, deadline: float | None, timeout_seconds: float | None, kills: int | None) -> bytes:
        while b"\n" not in self._unread:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select([self._answers], [], [], left)[0]:
                raise WorkerLostError(
                    "Timeout",
                    f"it took longer than {timeout_seconds:g} s, and its worker process was stopped. "
                    "To allow more: --trial-timeout SECONDS",
                )
            read = os.read(self._answers, 1 << 16)
            if not read:
                self._mourn(kills)
            self._unread += read
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _mourn(self, kills: int | None) -> NoReturn:
        """Find out what the worker died of."""
        assert self._child is not None
        try:
            code = self._child.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            raise WorkerLostError("Crashed", "the worker process of this trial answers no more") from None
        now = oom_kills(self._events)
        if code == -signal.SIGKILL and kills is not None and now is not None and now > kills:
            raise WorkerLostError("OutOfMemory", "the kernel killed the worker process of this trial: memory ran out")
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        why = f"the worker process {how} in this trial: out of memory, or crashed in native code"
        raise WorkerLostError("Crashed", why)
