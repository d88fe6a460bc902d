"""Published numbers, read from a TOML file: none without source and quality mark, and none that contradicts another.

What can be computed is computed again: counts of passes from their formula, speed-ups from rates, repeated rows from
the table that they repeat. A difference that is known is declared in the file, and then has to be there.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field, FiniteFloat, ValidationError, model_validator

from harness.errors import DiptychError
from harness.types import Data
from reports.papers.formulas import evaluate
from reports.papers.published_tables import Conflict, PublishedTable, TableRow
from reports.papers.sourced import QUALITIES as QUALITIES
from reports.papers.sourced import Count, Sourced, Text
from reports.papers.sourced import agrees as agrees


class Claim(Sourced):
    """One number with its unit (``"ratio"`` for ratios) and, where published, its spread."""

    id: Text
    what: Text
    value: FiniteFloat
    spread: FiniteFloat | None = None
    unit: str


class PassCount(Data):
    """Passes on one grid: F frames of h × w tokens at row delay k; the speed-up is that over F·h·w passes."""

    F: Count
    h: Count
    w: Count
    k: Count
    passes: Count
    speed_up: FiniteFloat | None = None


class Formula(Sourced):
    """Passes of a schedule in closed form, as text in ``F``, ``h``, ``w`` and ``k``, with counts that it must give."""

    schedule: Text
    called: Text
    passes: Text
    counts: tuple[PassCount, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _counts_follow(self) -> Formula:
        for count in self.counts:
            found = evaluate(self.passes, {"F": count.F, "h": count.h, "w": count.w, "k": count.k})
            here = f"{self.schedule}, {count.F} frames of {count.h} × {count.w}, k = {count.k}"
            if found != count.passes:
                raise ValueError(f"{here}: {self.passes} gives {found} passes, not {count.passes}")
            if count.speed_up is not None and not agrees(count.speed_up, count.F * count.h * count.w / found):
                raise ValueError(f"{here}: the speed-up {count.speed_up} is not that of {found} passes")
        return self


class PublishedGrid(Sourced):
    """Generated frames of a published model, and the tokens of one."""

    id: Text
    title: Text
    frames: Count
    rows: Count
    columns: Count


class Disagreement(Data):
    """A value that two tables give differently."""

    what: Text
    tables: tuple[Text, Text]
    model: Text
    column: Text


class Absent(Data):
    """What could not be read, or must not be used, and why."""

    what: Text
    why: Text


class Published(Data):
    """Everything published about one paper that may be printed, and what is not available.

    Attributes:
        name: Name of the paper in ``diptych figures``.
        title: Its title.
        arxiv: Its number.
        sources: Where things were read, by key.
        claims: Single numbers of the authors.
        formulas: Passes in closed form.
        grids: Grids of published models.
        tables: Published tables.
        disagreements: Known differences between tables.
        conflicts: Different values of one thing, none known to be right.
        profile: A third party's measurements.
        not_available: What could not be read.
        refused: What must not be used.
    """

    name: Text
    title: Text
    arxiv: Text
    sources: dict[str, Text]
    claims: tuple[Claim, ...] = ()
    formulas: tuple[Formula, ...] = ()
    grids: tuple[PublishedGrid, ...] = ()
    tables: tuple[PublishedTable, ...] = ()
    disagreements: tuple[Disagreement, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    profile: tuple[Claim, ...] = ()
    not_available: tuple[Absent, ...] = Field(min_length=1)
    refused: tuple[Absent, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Published:
        used = set()
        for item in self.sourced():
            used.add(item.source)
            if item.source not in self.sources:
                raise ValueError(f"source {item.source!r} is not among the sources: {', '.join(sorted(self.sources))}")
        if unused := sorted(self.sources.keys() - used):
            raise ValueError(f"nothing was read in {', '.join(unused)}")
        declared = {(frozenset(d.tables), d.model, d.column) for d in self.disagreements}
        found = set(self._differences())
        for tables, model, column in sorted(found ^ declared, key=str):
            problem = "differ and no disagreement says so" if (tables, model, column) in found else "do not differ"
            raise ValueError(f"{column} of {model} in {' and '.join(sorted(tables))} {problem}")
        for conflict in self.conflicts:
            if conflict.cell is not None:
                cell, row = conflict.cell, self.table(conflict.cell.table).row(conflict.cell.model, conflict.cell.mode)
                value = row.values.get(cell.column) if row else None
                if value not in {told.value for told in conflict.values}:
                    raise ValueError(f"{conflict.what}: {cell.table} has {value}, which is none of its values")
        return self

    def _differences(self) -> Iterator[tuple[frozenset[str], str, str]]:
        for table in self.tables:
            if table.repeats is None:
                continue
            other = self.table(table.repeats.table)
            for row in table.rows:
                twin = other.row(row.model, table.repeats.mode)
                for column in sorted(table.columns.keys() & other.columns.keys()) if twin else ():
                    if twin is not None and twin.values[column] != row.values[column]:
                        yield frozenset((table.id, other.id)), row.model, column

    def sourced(self) -> Iterator[Sourced]:
        """Everything that has a source."""
        yield from (*self.claims, *self.formulas, *self.grids, *self.profile)
        for table in self.tables:
            yield table
            yield from table.derived.values()
            yield from (table.of(row) for row in table.rows if row.source is not None)
        for conflict in self.conflicts:
            yield from conflict.values

    def conflict(self, table: PublishedTable, row: TableRow, column: str) -> Conflict | None:
        """The conflict about a cell of a table, or None."""
        return next(
            (
                conflict
                for conflict in self.conflicts
                if (cell := conflict.cell) is not None
                and (cell.table, cell.model, cell.mode, cell.column) == (table.id, row.model, row.mode, column)
            ),
            None,
        )

    def claim(self, name: str) -> Claim:
        """The claim of that id; ValueError if there is none."""
        for claim in self.claims:
            if claim.id == name:
                return claim
        raise ValueError(f"there is no claim {name!r}; there is {', '.join(c.id for c in self.claims)}")

    def table(self, name: str) -> PublishedTable:
        """The table of that id; ValueError if there is none."""
        for table in self.tables:
            if table.id == name:
                return table
        raise ValueError(f"there is no table {name!r}; there is {', '.join(t.id for t in self.tables)}")

    def cite(self, *items: Sourced) -> str:
        """Name the sources of ``items`` with their marks, each once, for a caption."""
        said = dict.fromkeys(f"{item.mark} {self.sources[item.source]}" for item in items)
        return "; ".join(said)


def read_published(path: Path) -> Published:
    """Read and check a file of published numbers.

    Raises:
        DiptychError: The file cannot be read, or says something that cannot be printed; names the first problem.
    """
    try:
        with path.open("rb") as file:
            return Published.model_validate(tomllib.load(file))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise DiptychError(f"{path}: {place + ': ' if place else ''}{first['msg']}{more}") from error
    except (OSError, ValueError) as error:
        raise DiptychError(f"the published numbers in {path} cannot be read: {error}") from error
