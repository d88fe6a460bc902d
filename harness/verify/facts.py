"""What a verification finds, as data."""

from __future__ import annotations

from pydantic import Field

from harness.types import Data


class Problem(Data):
    """Something that is not as it was when the run was made.

    Attributes:
        what: Kind: ``"manifest"``, ``"line"``, ``"plan"``, ``"duplicate"``, ``"session"``, ``"pair"``, ``"value"``,
            ``"video"``, ``"key"``, ``"declaration"``, ``"patch"``, ``"summary"``, ``"weights"``, ``"context"``,
            ``"rerun"`` or ``"speed"``.
        where: The file with its line, the trial, the weight file or the arm.
        why: What was expected and what is there, in one sentence.
    """

    what: str
    where: str
    why: str


class Skipped(Data):
    """Something that could not be looked at, which is no problem in itself.

    Attributes:
        what: Kind, as of :class:`Problem`.
        why: The reason.
    """

    what: str
    why: str


class SpeedCheck(Data):
    """The speed-up of an arm in the blocks that were run again, against the recorded one of the same blocks.

    Attributes:
        group: Stratum of cases.
        arm: The arm.
        blocks: How many.
        recorded: Geometric mean of arm / baseline in the record.
        rerun: The same in the rerun.
        deviation: ``|log(rerun / recorded)|``.
        allowed: How large it may be (:func:`harness.verify.rerun.allowed_deviation`).
        ok: Whether it is no larger.
        disturbed: True if most of the rerun's trials are flagged (other processes, heat, clocks) and few of the
            record's: then a speed-up that has moved says nothing about the run, and is not judged.
    """

    group: str
    arm: str
    blocks: int
    recorded: float
    rerun: float
    deviation: float
    allowed: float
    ok: bool
    disturbed: bool = False


class Rerun(Data):
    """What running blocks again showed.

    Attributes:
        blocks: ``case, repetition`` of each.
        trials: How many trials were run.
        equal: How many of them gave the recorded hashes, counts, quality values and features bit for bit.
        speed: Speed-ups, arm by arm.
    """

    blocks: tuple[str, ...]
    trials: int
    equal: int
    speed: tuple[SpeedCheck, ...] = ()


class Verification(Data):
    """Whether a run is what it says.

    Attributes:
        ok: True if there is no problem.
        problems: All of them.
        run_id: The run.
        path: Its folder.
        schema_version: Version of its manifest on disk, or None where that cannot be read.
        checked: Kind → how many were looked at.
        skipped: What could not be looked at.
        rerun: What running blocks again showed, if that was asked for and possible.
    """

    ok: bool
    problems: tuple[Problem, ...]
    run_id: str
    path: str
    schema_version: int | None
    checked: dict[str, int] = Field(default_factory=dict)
    skipped: tuple[Skipped, ...] = ()
    rerun: Rerun | None = None


class Notes:
    """Collects what checks find.

    Attributes:
        problems: What is wrong.
        skipped: What could not be looked at.
        checked: Kind → how many were looked at.
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.skipped: list[Skipped] = []
        self.checked: dict[str, int] = {}

    def problem(self, what: str, where: str, why: str) -> None:
        """Add a problem."""
        self.problems.append(Problem(what=what, where=where, why=why))

    def skip(self, what: str, why: str) -> None:
        """Say that something could not be looked at."""
        self.skipped.append(Skipped(what=what, why=why))

    def count(self, what: str, number: int = 1) -> None:
        """Say that ``number`` more were looked at."""
        self.checked[what] = self.checked.get(what, 0) + number
