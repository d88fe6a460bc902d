"""Reading and writing the files of a collection; what is damaged, changed or of another version is said in one line."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import from_json

from harness.errors import DiptychError, UsageError
from harness.files import file_sha256, write_atomically
from harness.types import Data
from models.alignment.artefact import (
    COLLECTION,
    PAIRS,
    SCHEMA_VERSION,
    VIDEOS,
    CollectionFile,
    PairFile,
    VideoRow,
)

Kind = TypeVar("Kind", bound=Data)
MAKE_ONE = "Make one: diptych align collect --model NAME --prompts K --videos N --out FOLDER"
GO_ON = "Go on with the same command and --resume."


def as_bytes(facts: Data) -> bytes:
    """JSON of one of the files."""
    return facts.model_dump_json(indent=1).encode() + b"\n"


def write_collection(folder: Path, facts: CollectionFile) -> None:
    """Replace ``collection.json``."""
    write_atomically(folder / COLLECTION, as_bytes(facts))


def read_collection(folder: Path) -> CollectionFile:
    """Read ``collection.json``.

    Raises:
        UsageError: There is no collection in the folder.
        DiptychError: It is damaged, or a newer version wrote it.
    """
    path = folder / COLLECTION
    if not path.is_file():
        raise UsageError(f"there is no collection in {str(folder)!r}: it has no {COLLECTION}. {MAKE_ONE}")
    return _read(path, CollectionFile)


def finished_collection(folder: Path) -> CollectionFile:
    """The same, of a collection that is complete and whose videos are those that were written.

    Raises:
        UsageError: None there.
        DiptychError: Unfinished, damaged or changed.
    """
    found = read_collection(folder)
    if found.status != "finished":
        asked = found.plan.prompts.count
        rows = (folder / VIDEOS).read_bytes().count(b"\n") if (folder / VIDEOS).is_file() else 0
        done = f"{rows // found.plan.videos} of {asked} prompts"
        raise DiptychError(f"the collection in {str(folder)!r} is unfinished: {done} are there. {GO_ON}")
    if found.videos_sha256 is None or not _has_sha256(folder / VIDEOS, found.videos_sha256):
        raise DiptychError(f"{folder / VIDEOS} is missing, or was changed after it was written. Restore the file.")
    return found


def read_rows(folder: Path) -> list[VideoRow]:
    """Every line of ``videos.jsonl`` of a finished collection.

    Raises:
        DiptychError: A line is damaged.
    """
    return [parse_row(line, folder, n) for n, line in enumerate((folder / VIDEOS).read_bytes().splitlines(), start=1)]


def parse_row(line: bytes, folder: Path, number: int) -> VideoRow:
    """One line of ``videos.jsonl``.

    Raises:
        DiptychError: It is damaged.
    """
    try:
        return VideoRow.model_validate_json(line)
    except ValidationError as error:
        raise DiptychError(f"{folder / VIDEOS}, line {number} is damaged: {_first(error)}. Restore the file.") from None


def pair_path(folder: Path, name: str) -> Path:
    """Path of a file of pairs by its name.

    Raises:
        UsageError: A name that no file of pairs can have.
    """
    plain = name.removesuffix(".json")
    if not plain or plain != Path(plain).name or not all(c.isalnum() or c in "._-" for c in plain) or plain[0] == ".":
        raise UsageError(f"{name!r} cannot name a file of pairs: use letters, digits, '-' and '_', such as alpha-0.")
    if plain == COLLECTION.removesuffix(".json"):
        raise UsageError(f"{name!r} is the name of the collection's own file; choose another, such as alpha-0.")
    return folder / f"{plain}.json"


def read_pairs(folder: Path, name: str = PAIRS) -> PairFile:
    """Read a file of pairs.

    Raises:
        UsageError: There is none of that name; names those that are there.
        DiptychError: It is damaged, a newer version's, or was made of another collection.
    """
    path = pair_path(folder, name)
    if not path.is_file():
        there = sorted(p.stem for p in folder.glob("*.json") if p.name != COLLECTION)
        raise UsageError(
            f"the collection in {str(folder)!r} has no pairs {path.stem!r}. There are: {', '.join(there) or 'none'}. "
            f"Make them: diptych align pairs {folder} --out {path.stem}"
        )
    found = _read(path, PairFile)
    if not _has_sha256(folder / COLLECTION, found.collection_sha256):
        raise DiptychError(
            f"{path} was made of another {COLLECTION} than the one beside it. Make the pairs again under another name: "
            f"diptych align pairs {folder} --out NAME"
        )
    return found


def _read(path: Path, kind: type[Kind]) -> Kind:
    try:
        facts = from_json(path.read_bytes())
        version = facts["schema_version"]
        if isinstance(version, int) and version > SCHEMA_VERSION:
            raise DiptychError(
                f"{path} has schema version {version}; this Diptych reads up to {SCHEMA_VERSION}. Install a newer one."
            )
        return kind.model_validate(facts)
    except ValidationError as error:
        raise DiptychError(f"{path} is damaged: {_first(error)}. Restore the file.") from None
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise DiptychError(f"{path} is damaged: {error!r}. Restore the file.") from None


def _has_sha256(path: Path, sha256: str) -> bool:
    return path.is_file() and file_sha256(path) == sha256


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place + ': ' if place else ''}{first['msg']}"
