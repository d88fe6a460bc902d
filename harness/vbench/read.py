"""Reading VBench's result files: the official tool's, one for all dimensions or one for each, or a plain table."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from harness.errors import DiptychError, UsageError
from harness.types import Data
from harness.vbench.dimensions import DIMENSIONS, IMAGE_TO_VIDEO, canonical, dimension_called
from harness.vbench.totals import checked
from harness.vbench.videos import Videos, printable, read_videos

Unit = Literal["fraction", "percent"]
UNITS: tuple[Unit, ...] = ("fraction", "percent")
OWN_RESULTS, OWN_PROMPTS = "_eval_results.json", "_full_info.json"
TOLD_TOTALS = {f"{name}{end}": name for name in ("quality", "semantic", "total") for end in ("", "_score")}


class SourceFile(Data):
    """A file that values were read from.

    Attributes:
        name: Its name, below the folder that was named if one was.
        sha256: Of its bytes.
        bytes: Its size.
        unit: In which unit its values were read.
        dimensions: Which ones it gave, in its order.
    """

    name: str
    sha256: str
    bytes: int
    unit: Unit
    dimensions: tuple[str, ...]


@dataclass(frozen=True)
class Value:
    """A dimension's value in a file.

    Attributes:
        value: The aggregate, a fraction.
        videos: The per-video list.
        source: Name of the file.
    """

    value: float
    videos: Videos
    source: str


@dataclass
class Results:
    """What the files of one model say.

    Attributes:
        label: What to call the model.
        values: Dimension → value.
        files: Where from.
        told: Totals that the files themselves tell, in percent.
        notes: What a reader must know.
    """

    label: str
    values: dict[str, Value] = field(default_factory=dict)
    files: list[SourceFile] = field(default_factory=list)
    told: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_results(
    paths: Sequence[str | Path], *, label: str | None = None, unit: Unit | None = None, numbered: bool = True
) -> Results:
    """Read the result files of one model.

    Args:
        paths: Files; or folders, of which every ``*_eval_results.json`` is read, else every ``*.json`` but VBench's own
            lists of prompts (``*_full_info.json``), else the same one folder down.
        label: What to call the model; made of the first path if None.
        unit: Of plain numbers; by the numbers themselves if None. Official lists are always fractions.
        numbered: False where the number at the end of a video's name is part of its prompt.

    Raises:
        UsageError: No such file, or an unknown dimension.
        DiptychError: A file that is no such result, a value that cannot be, or a dimension with two values.
    """
    if not paths:
        raise UsageError("name at least one result file of VBench. See: diptych import vbench --help")
    found = Results(label_of(Path(paths[0])) if label is None else printable(label) or "results")
    for path in map(Path, paths):
        for file in chosen_files(path):
            name = file.relative_to(path).as_posix() if path.is_dir() else file.name
            _read_file(file, printable(name), unit, found, numbered=numbered)
    found.values = {name: found.values[name] for name in DIMENSIONS if name in found.values}
    return found


def label_of(path: Path) -> str:
    """Return a name for what ``path`` holds: a folder's own, or a file's without VBench's ending."""
    name = path.expanduser().resolve().name
    name = name.removesuffix(OWN_RESULTS) if name.endswith(OWN_RESULTS) else Path(name).stem
    return printable(name) or "results"


def chosen_files(path: Path) -> list[Path]:
    """Return the result files that ``path`` stands for.

    Raises:
        UsageError: There is none.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UsageError(
            f"there is no file or folder {str(path)!r}. VBench writes NAME{OWN_RESULTS} in its output folder."
        )
    for pattern in ("*", "*/*"):
        files = sorted(
            file for file in path.glob(f"{pattern}.json") if file.is_file() and not file.name.startswith(".")
        )
        own = [file for file in files if file.name.endswith(OWN_RESULTS)]
        chosen = own or [file for file in files if not file.name.endswith(OWN_PROMPTS)]
        if chosen:
            return chosen
    raise UsageError(f"folder {str(path)!r} holds no .json file of results. VBench writes NAME{OWN_RESULTS}.")


@dataclass
class _Plain:
    """A number that a file gives of a dimension, before its unit is known."""

    name: str
    number: float
    percent_sign: bool


def _read_file(path: Path, name: str, unit: Unit | None, found: Results, *, numbered: bool) -> None:
    """Add what one file says to ``found``."""
    data, pairs = _parse(path)
    where = f" in {name}"
    plain: list[_Plain] = []
    own: dict[str, Value] = {}
    ignored: list[str] = []
    for key, value in pairs:
        told = TOLD_TOTALS.get(canonical(key))
        number = _number(value)
        if told is not None and number is not None:
            found.told[told] = number.number * (100 if abs(number.number) <= 1 and not number.percent_sign else 1)
        elif told is not None or _is_remark(key, value):
            ignored.append(printable(key))
        elif value is None:
            dimension = dimension_called(key, where)
            found.notes.append(f"{dimension.name}{where} is null: it counts as missing")
        elif isinstance(value, list):
            dimension = dimension_called(key, where)
            _add(own, _official(dimension.name, value, name, numbered=numbered), name, dimension.name)
        elif number is not None:
            number.name = dimension_called(key, where).name
            plain.append(number)
        else:
            dimension = dimension_called(key, where)
            raise DiptychError(
                f"{dimension.name}{where} is {json.dumps(value)[:60]}, neither a number nor [number, [videos]]."
            )
    read_as, values = _in_unit(plain, unit, name)
    for dimension_name, value in values:
        no_videos = Videos({}, {}, reason="the file gives its aggregate alone")
        _add(own, Value(checked(dimension_name, value, where), no_videos, name), name, dimension_name)
    if not own:
        raise DiptychError(
            f"{name} holds no dimension of VBench. Expected: dimension → [number, [videos]], or → number."
        )
    for dimension_name, value in own.items():
        _add(found.values, value, name, dimension_name, found.notes)
        found.notes += [f"{name}: {note}" for note in value.videos.notes]
    if ignored:
        found.notes.append(f"not read{where}: {', '.join(ignored)}")
    digest = hashlib.sha256(data).hexdigest()
    found.files.append(SourceFile(name=name, sha256=digest, bytes=len(data), unit=read_as, dimensions=tuple(own)))


def _parse(path: Path) -> tuple[bytes, list[tuple[str, Any]]]:
    """Return a file's bytes and the pairs of its object, keys that are there twice included."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DiptychError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        found = json.loads(data, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError) as error:
        why = str(error) or "it is nested too deeply"
        raise DiptychError(f"{path} is not JSON ({why}); VBench writes its results as NAME{OWN_RESULTS}.") from error
    if not isinstance(found, _Pairs):
        what = "a list of prompts, which VBench writes beside its results" if _is_prompts(found) else "no JSON object"
        raise DiptychError(f"{path} is {what}; name the file NAME{OWN_RESULTS}.")
    return data, found.pairs


class _Pairs(dict[str, Any]):
    """A JSON object that still knows which keys were said twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


def _is_prompts(found: Any) -> bool:
    return isinstance(found, list) and bool(found) and isinstance(found[0], dict) and "prompt_en" in found[0]


def _is_remark(key: str, value: Any) -> bool:
    """True for what a table says beside its dimensions: a model's name, a date."""
    known = canonical(key) in DIMENSIONS or canonical(key) in IMAGE_TO_VIDEO
    return not known and (value is None or (isinstance(value, str) and _number(value) is None))


def _number(value: Any) -> _Plain | None:
    """Return a plain number, or the text of one with a percent sign; else None."""
    if isinstance(value, str) and value.strip().endswith("%"):
        try:
            return _Plain("", float(value.strip()[:-1]), percent_sign=True)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return _Plain("", float(value), percent_sign=False)
    except OverflowError:
        return _Plain("", math.inf, percent_sign=False)


def _official(name: str, value: list[Any], source: str, *, numbered: bool) -> Value:
    """Read ``[aggregate, videos]``, whose aggregate is always a fraction."""
    if not value:
        raise DiptychError(f"{name} in {source} is an empty list; VBench writes [number, [videos]].")
    number = _number(value[0])
    if number is None or number.percent_sign:
        raise DiptychError(
            f"{name} in {source} begins with {json.dumps(value[0])[:60]}; VBench writes [number, [videos]]."
        )
    aggregate = checked(name, number.number, f" in {source}")
    rows = value[1] if len(value) > 1 else None
    return Value(aggregate, read_videos(name, aggregate, rows, numbered=numbered), source)


def _in_unit(plain: Sequence[_Plain], unit: Unit | None, source: str) -> tuple[Unit, list[tuple[str, float]]]:
    """Return the unit of a file's plain numbers, and the numbers as fractions.

    Without being told: percent if one has a percent sign or is above 1, fractions otherwise. A file with numbers above
    1 and others between 0 and 1 may be either, and is refused.
    """
    above = [p for p in plain if p.percent_sign or p.number > 1]
    below = [p for p in plain if not p.percent_sign and 0 < p.number <= 1]
    if unit is None and above and below and not any(p.percent_sign for p in above):
        one, other = above[0], below[0]
        raise DiptychError(
            f"{source} says {one.name} {one.number:g} and {other.name} {other.number:g}: percent, or fractions? "
            "Say which: --unit percent, or --unit fraction."
        )
    read_as: Unit = unit or ("percent" if above else "fraction")
    factor = {"percent": 0.01, "fraction": 1.0}
    return read_as, [(p.name, p.number * factor["percent" if p.percent_sign else read_as]) for p in plain]


def _add(values: dict[str, Value], new: Value, source: str, name: str, notes: list[str] | None = None) -> None:
    """Add a dimension's value; the same again is said, another one is refused."""
    old = values.get(name)
    if old is None:
        values[name] = new
        return
    if old.value != new.value or (old.videos.values and new.videos.values and old.videos.values != new.videos.values):
        if old.value == new.value:
            what = f"are {new.value:.6g} with other videos"
        else:
            what = f"is {old.value:.6g} in {old.source} and {new.value:.6g}"
        raise DiptychError(
            f"{name} {what} in {source}: which one counts? Name only the files of one model and one run."
        )
    if not old.videos.values:
        values[name] = new
    if notes is not None:
        notes.append(f"{name} is in {old.source} and in {source}, with one value")


def common_unit(files: Sequence[SourceFile]) -> str:
    """Return the unit of all files, or ``"mixed"``."""
    units = {file.unit for file in files}
    return units.pop() if len(units) == 1 else "mixed"


def values_of(results: Results) -> Mapping[str, float]:
    """Return dimension → value, a fraction."""
    return {name: value.value for name, value in results.values.items()}
