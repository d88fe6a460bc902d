"""The worker process: reads one JSON command per line from stdin, answers each with one JSON line on a pipe of its own.

``build`` → ``context``; ``begin``; ``warm_up`` → ``seconds``; ``run`` → ``record``. What its parts log as ``diptych``
goes ahead of the answer, as lines of their own (``log``); what libraries print goes to stderr. The worker leads a
session of its own, so that Ctrl-C reaches the parent alone, and ends with its parent: a closed stdin ends it at once
with all its children, in the middle of a trial too, so that no orphan keeps the device busy under the next run's
measurements.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import json
import logging
import os
import queue
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, TextIO

from harness.entry import resolve
from harness.errors import DiptychError
from harness.launch.executor import Request
from harness.launch.local import LocalExecutor
from harness.store.records import PlannedTrial, TrialRecord

LOG = logging.getLogger("diptych")
PR_SET_PDEATHSIG = 1


def read_commands(commands: queue.SimpleQueue[str]) -> None:
    """Put what the parent says into ``commands``, and end this process when the parent says no more."""
    for line in sys.stdin:
        commands.put(line)
    os.killpg(os.getpid(), signal.SIGKILL)  # a pool that renders clips would outlive this process alone


class Channel(logging.Handler):
    """Sends JSON lines to the parent; as a handler, whatever is logged."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(logging.INFO)
        self._stream = stream

    def send(self, message: dict[str, Any]) -> None:
        """Send one message."""
        with self.lock or contextlib.nullcontext():  # a part may log from a thread of its own
            self._stream.write(json.dumps(message) + "\n")
            self._stream.flush()

    def emit(self, record: logging.LogRecord) -> None:
        """Send one line of the log."""
        self.send({"log": record.getMessage()})


class Worker:
    """Answers commands, one method each."""

    def __init__(self) -> None:
        self._executor: LocalExecutor | None = None

    @property
    def executor(self) -> LocalExecutor:
        """What runs the trials; there after ``build``."""
        assert self._executor is not None, "the first command must be 'build'"
        return self._executor

    def build(self, request: Any, registry: str) -> dict[str, Any]:
        """Build what the trials need, from the registry that ``module:function`` returns."""
        self._executor = LocalExecutor(Request.model_validate(request), resolve(registry)())
        return {"context": self._executor.context}

    def begin(self, folder: str) -> dict[str, Any]:
        """Say where kept videos go."""
        self.executor.begin(Path(folder))
        return {}

    def warm_up(self, trial: Any) -> dict[str, Any]:
        """Warm up."""
        seconds = self.executor.warm_up(PlannedTrial.model_validate(trial))
        return {"seconds": seconds, "spent": self.executor.spent}

    def run(self, trial: Any, session: int, halves: list[Any]) -> dict[str, Any]:
        """Run one trial."""
        planned = PlannedTrial.model_validate(trial)
        record = self.executor.run(planned, session, [TrialRecord.model_validate(half) for half in halves])
        return {"record": record.model_dump(mode="json"), "spent": self.executor.spent}


def answer(worker: Worker, line: str) -> dict[str, Any]:
    """Carry out one command; what is raised becomes an answer too."""
    command = json.loads(line)
    try:
        reply: dict[str, Any] = getattr(worker, command.pop("do"))(**command)
        return reply
    except DiptychError as error:
        return {"error": str(error), "exit_code": error.exit_code, "traceback": None}
    except Exception as error:  # noqa: BLE001 - the parent decides what a broken component means
        return {"error": f"{type(error).__name__}: {error}", "exit_code": 1, "traceback": traceback.format_exc()}


def die_with(parent: int) -> None:
    """Let the kernel end this process with its parent, also while native code keeps the reading thread waiting."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it was gone before that took effect
        os._exit(1)


def main(pipe: int, parent: int) -> None:
    """Answer until the parent is gone.

    Args:
        pipe: Descriptor that answers go to; standard output is the parent's standard error.
        parent: The parent's process id.
    """
    die_with(parent)
    faulthandler.enable()
    channel = Channel(os.fdopen(pipe, "w"))
    LOG.addHandler(channel)
    LOG.setLevel(logging.INFO)
    commands: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=read_commands, args=(commands,), daemon=True).start()
    worker = Worker()
    while True:
        channel.send(answer(worker, commands.get()))
