"""A suite as a TOML file: read, laid over the suite that it extends, and checked against what is registered.

Everything that is wrong is told at once, with its place in the file. What comes out is a :class:`harness.types.Suite`
like any other: a run's manifest keeps all of it, and resuming needs the file no more.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.cases import clip_cases
from harness.declaration import judging_problems, naming_problems
from harness.errors import DiptychError, UsageError
from harness.problems import Problem, ProblemsError, problems_of
from harness.registry import REGISTRY, Registry
from harness.suite_format import ArmTable, CasesTable, ScaleTable, SuiteFile
from harness.types import Arm, Case, Scale, Suite, Threshold

SUFFIX = ".toml"
DEFAULT_MAKER = "decoding"
NEEDED = (
    "question",
    "arms",
    "baseline",
    "scales",
    "metrics",
    "primary_speed",
    "primary_quality",
    "margin",
    "margin_why",
)
"""What a file must say that extends no suite."""


def is_path(suite: str | os.PathLike[str]) -> bool:
    """True if a suite is meant as a file: a path object, a name with a folder in it, or one that ends in .toml."""
    return not isinstance(suite, str) or suite.endswith(SUFFIX) or os.sep in suite or "/" in suite


def read_suite(path: Path, registry: Registry = REGISTRY) -> Suite:
    """Read a suite's file.

    Args:
        path: The file.
        registry: Where the names in it are looked up.

    Raises:
        UsageError: No such file, not TOML, or a declaration with problems: all of them are told.
    """
    said = _parse(path)
    try:
        file = SuiteFile.model_validate(said)
    except ValidationError as error:
        raise ProblemsError(str(path), problems_of(error, SuiteFile)) from error
    try:
        base = None if file.extends is None else registry.get("suite", file.extends)
        registry.list("suite")
    except UsageError as error:
        raise ProblemsError(str(path), [Problem(("extends",), str(error))]) from error
    missing = [] if base else [key for key in NEEDED if getattr(file, key) is None]
    if missing:
        what = f'{", ".join(missing)}: missing; say it, or take it from another suite, such as extends = "decoding".'
        raise ProblemsError(str(path), [Problem((), what)])
    problems: list[Problem] = []
    if any(entry.name == file.name for entry in registry.list("suite")):
        problems.append(
            Problem(("name",), f"{file.name!r} is a registered suite; choose another, runs are kept by it.")
        )
    suite = _suite(file, base, registry)
    problems += naming_problems(suite, registry, _origins(file))
    problems += judging_problems(suite, {entry.name: entry.load() for entry in registry.list("metric")})
    if problems:
        raise ProblemsError(str(path), problems)
    return suite


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        near = difflib.get_close_matches(path.name, [p.name for p in path.parent.glob(f"*{SUFFIX}")], n=1, cutoff=0.5)
        meant = f"; did you mean {str(path.parent / near[0])!r}?" if near else "."
        raise UsageError(f"there is no file {str(path)!r}{meant} Registered suites: diptych list suites") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}. See: diptych schema suite") from error
    except OSError as error:
        raise UsageError(f"the suite {str(path)!r} cannot be read: {error.strerror or error}.") from error


def _suite(file: SuiteFile, base: Suite | None, registry: Registry) -> Suite:
    """Lay the file over the suite that it extends."""
    kept: dict[str, Any] = {} if base is None else {key: getattr(base, key) for key in type(base).model_fields}
    plain = ("question", "baseline", "primary_speed", "primary_quality", "margin", "margin_why", "placebo")
    kept |= {key: getattr(file, key) for key in plain if getattr(file, key) is not None}
    kept |= {"name": file.name, "version": file.version}
    kept["primary_speed"] = kept["primary_speed"] or None
    if file.arms is not None:
        of_base = {} if base is None else {arm.name: arm for arm in base.arms}
        kept["arms"] = tuple(_arm(table, of_base.get(table.name)) for table in file.arms)
    if file.scales is not None:
        kept["scales"] = {name: _scale(name, table, registry) for name, table in file.scales.items()}
    if file.metrics is not None:
        kept["metrics"] = tuple(file.metrics)
    if file.negative_control is not None:
        kept["negative_control"] = str(file.negative_control) if file.negative_control else None
    own = tuple(Threshold(metric=t.metric, tau=t.tau, why=t.why) for t in file.thresholds or ())
    judged = {*kept["metrics"], kept["primary_speed"], kept["primary_quality"]} - {None}
    replaced = {threshold.metric for threshold in own}
    taken = tuple(t for t in kept.get("thresholds", ()) if t.metric in judged - replaced)
    arms = {arm.name for arm in kept["arms"]}
    expected = tuple(
        e for e in kept.get("expectations", ()) if e.metric in judged and {e.arm, e.worse_than} - {None} <= arms
    )
    kept |= {key: tuple(m for m in kept.get(key, ()) if m in judged) for key in ("win_rate_of", "held_out")}
    kept["methods"] = tuple(m for m in kept.get("methods", ()) if any(a.startswith(f"{m}-s") for a in arms))
    if kept.get("training_score") not in judged:
        kept["training_score"] = None
    return Suite(**{**kept, "thresholds": (*taken, *own), "expectations": expected})


def _arm(table: ArmTable, base: Arm | None) -> Arm:
    start = base or Arm(name=table.name, maker=DEFAULT_MAKER)
    said = {key: value for key in ArmTable.model_fields if (value := getattr(table, key)) is not None}
    return start.model_copy(update=said)


def _scale(name: str, table: ScaleTable, registry: Registry) -> Scale:
    cases = [Case(**case.model_dump()) for case in table.cases]
    for many in table.cases_of:
        cases += _cases(many, registry)
    rest = {key: getattr(table, key) for key in ("repetitions", "warmups", "repeats", "repeat_seconds")}
    return Scale(name=name, cases=tuple(cases), **rest)


def _cases(table: CasesTable, registry: Registry) -> tuple[Case, ...]:
    """The cases of a table; what the model's card says of its world and weights is taken from there."""
    if not table.model:
        stratum = table.group or "cases"
        numbers = range(table.first, table.first + table.clips)
        return tuple(
            Case(
                name=f"{stratum}/{index:04d}",
                group=stratum,
                model="",
                params={"index": index, **table.params},
                speed_only=table.speed_only,
            )
            for index in numbers
        )
    try:
        card = registry.get("model", table.model)
    except DiptychError:
        card = None  # told later, with its place
    speed_only = table.speed_only or bool(getattr(card, "speed_only", False))
    world = getattr(card, "world", None)
    return clip_cases(
        table.model,
        table.clips,
        split=table.split,
        first=table.first,
        group=table.group or (table.model if speed_only or world is None else str(world)),
        speed_only=speed_only,
        **table.params,
    )


def _origins(file: SuiteFile) -> dict[tuple[str, int], tuple[str | int, ...]]:
    """Where each case of each scale stands in the file."""
    places: dict[tuple[str, int], tuple[str | int, ...]] = {}
    for name, table in (file.scales or {}).items():
        counts = [("cases", i, 1) for i in range(len(table.cases))]
        counts += [("cases_of", i, many.clips) for i, many in enumerate(table.cases_of)]
        spots = [("scales", name, key, i) for key, i, count in counts for _ in range(count)]
        places |= {(name, number): spot for number, spot in enumerate(spots)}
    return places
