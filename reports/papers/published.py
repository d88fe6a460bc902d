"""Published numbers, read from a TOML file: none without source and quality mark, and none that contradicts another.

What can be computed is computed again: counts of passes from their formula, speed-ups from rates, repeated rows from
the table that they repeat. A difference that is known is declared in the file, and then has to be there.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, StringConstraints, ValidationError, model_validator

from harness.errors import DiptychError
from harness.types import Data
from reports.papers.formulas import evaluate

Quality = Literal["P", "code", "sim", "S", "M"]
QUALITIES: dict[Quality, str] = {
    "P": "the authors' own text",
    "code": "the authors' repository",
    "sim": "computed from the authors' code or a formula",
    "S": "a secondary source",
    "M": "from memory, unverified",
}
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Count = Annotated[int, Field(ge=1)]


class Sourced(Data):
    """Something that was read somewhere.

    Attributes:
        source: Key of the file's ``sources``.
        quality: How good that source is; see :data:`QUALITIES`.
    """

    source: Text
    quality: Quality

    @property
    def mark(self) -> str:
        """The quality as it is printed: ``"[S]"``."""
        return f"[{self.quality}]"


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


class TableColumn(Data):
    """What a column of a published table holds."""

    title: Text
    unit: str
    better: Literal["higher", "lower"]


class Derived(Sourced):
    """A column that is not printed there: ``column`` over the same of the row of mode ``over`` of the same model."""

    title: Text
    column: Text
    over: Text


class Repeats(Data):
    """Rows of this table repeat the rows of ``mode`` of another: shared columns of shared models must agree."""

    table: Text
    mode: Text


class TableRow(Data):
    """One row: every declared column has a value."""

    model: Text
    mode: str = ""
    values: dict[str, FiniteFloat]
    derived: dict[str, FiniteFloat] = Field(default_factory=dict)


class PublishedTable(Sourced):
    """A published table; source and quality hold for every value but those of ``derived`` columns."""

    id: Text
    title: Text
    note: str = ""
    columns: dict[str, TableColumn]
    derived: dict[str, Derived] = Field(default_factory=dict)
    repeats: Repeats | None = None
    rows: tuple[TableRow, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _whole(self) -> PublishedTable:
        if len({(row.model, row.mode) for row in self.rows}) < len(self.rows):
            raise ValueError(f"{self.id}: a model and mode has two rows")
        for row in self.rows:
            if row.values.keys() != self.columns.keys() or row.derived.keys() != self.derived.keys():
                raise ValueError(f"{self.id}, {row.model} {row.mode}: the values are not those of the declared columns")
            for name, rule in self.derived.items():
                base = self.row(row.model, rule.over)
                if base is None or not agrees(row.derived[name], row.values[rule.column] / base.values[rule.column]):
                    raise ValueError(
                        f"{self.id}, {row.model} {row.mode}: {name} = {row.derived[name]} is not "
                        f"{rule.column} over that of {rule.over}"
                    )
        return self

    def row(self, model: str, mode: str) -> TableRow | None:
        """The row of a model and mode, or None."""
        return next((row for row in self.rows if (row.model, row.mode) == (model, mode)), None)

    @property
    def models(self) -> tuple[str, ...]:
        """Models in the order of the rows."""
        return tuple(dict.fromkeys(row.model for row in self.rows))


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


def agrees(printed: float, exact: float) -> bool:
    """True if ``exact`` rounds to ``printed`` at the decimals that ``printed`` has."""
    decimals = len(repr(printed).partition(".")[2])
    return abs(printed - exact) <= 0.5 * 10.0**-decimals + 1e-9


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
