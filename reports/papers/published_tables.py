"""Published tables: which values are there, and which of them can be computed again."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, FiniteFloat, model_validator

from harness.types import Data
from reports.papers.sourced import Quality, Sourced, Text, agrees


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


class Total(Data):
    """The column ``column`` is VBench's total, (4 Q + S) / 5, of two others; all are printed with two decimals."""

    column: Text
    quality: Text
    semantic: Text

    def problem(self, values: dict[str, float]) -> str | None:
        """Why a row's total is not that of its parts; None if it is, or if the row has not all three."""
        if not {self.column, self.quality, self.semantic} <= values.keys():
            return None
        exact = (4 * values[self.quality] + values[self.semantic]) / 5
        # Each of the three is rounded to 0.01: half of that for the total, and 4/5 and 1/5 of half for its parts.
        if abs(values[self.column] - exact) <= 0.01 + 1e-9:
            return None
        return f"{self.column} = {values[self.column]} is not (4·{self.quality} + {self.semantic}) / 5 = {exact:.3f}"


class TableRow(Data):
    """One row: every declared column has a value, but for the optional ones.

    Attributes:
        model: What the row is about.
        mode: Which of its rows.
        values: By column.
        derived: By derived column.
        computed: Columns of ``values`` that are not printed there: the table's total, computed from its parts.
        source: Where this row was read, if elsewhere than the table.
        quality: How good that source is.
    """

    model: Text
    mode: str = ""
    values: dict[str, FiniteFloat]
    derived: dict[str, FiniteFloat] = Field(default_factory=dict)
    computed: tuple[Text, ...] = ()
    source: Text | None = None
    quality: Quality | None = None

    @model_validator(mode="after")
    def _both_or_neither(self) -> TableRow:
        if (self.source is None) != (self.quality is None):
            raise ValueError(f"{self.model} {self.mode}: a row with a source of its own needs its quality, too")
        return self


class PublishedTable(Sourced):
    """A published table; source and quality hold for every value but those of ``derived`` columns and of own rows.

    Attributes:
        id: Its key.
        title: As printed.
        note: What a reader must know.
        columns: What each column holds.
        optional: Columns that a row may leave out.
        derived: Columns that are computed.
        repeats: Rows of another table that this one repeats.
        total: The column that is a total of others.
        rows: In the order of the table.
    """

    id: Text
    title: Text
    note: str = ""
    columns: dict[str, TableColumn]
    optional: tuple[Text, ...] = ()
    derived: dict[str, Derived] = Field(default_factory=dict)
    repeats: Repeats | None = None
    total: Total | None = None
    rows: tuple[TableRow, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _whole(self) -> PublishedTable:
        if len({(row.model, row.mode) for row in self.rows}) < len(self.rows):
            raise ValueError(f"{self.id}: a model and mode has two rows")
        for row in self.rows:
            here = f"{self.id}, {row.model} {row.mode}"
            lacking = (self.columns.keys() - row.values.keys()) - set(self.optional)
            if lacking or row.values.keys() - self.columns.keys() or row.derived.keys() != self.derived.keys():
                raise ValueError(f"{here}: the values are not those of the declared columns")
            for name, rule in self.derived.items():
                base = self.row(row.model, rule.over)
                if base is None or not agrees(row.derived[name], row.values[rule.column] / base.values[rule.column]):
                    raise ValueError(
                        f"{here}: {name} = {row.derived[name]} is not {rule.column} over that of {rule.over}"
                    )
            if self.total is not None and (problem := self.total.problem(row.values)):
                raise ValueError(f"{here}: {problem}")
            parts = {self.total.column, self.total.quality, self.total.semantic} if self.total else set()
            if row.computed and not (
                row.computed == (self.total and self.total.column,) and parts <= row.values.keys()
            ):
                raise ValueError(f"{here}: {', '.join(row.computed)} cannot be computed from what the row has")
        return self

    def row(self, model: str, mode: str = "") -> TableRow | None:
        """The row of a model and mode, or None."""
        return next((row for row in self.rows if (row.model, row.mode) == (model, mode)), None)

    def of(self, row: TableRow) -> Sourced:
        """Where a row was read."""
        return Sourced(source=row.source or self.source, quality=row.quality or self.quality)

    @property
    def models(self) -> tuple[str, ...]:
        """Models in the order of the rows."""
        return tuple(dict.fromkeys(row.model for row in self.rows))


class Told(Sourced):
    """One of several values that are told for the same thing, and how it is told."""

    value: FiniteFloat
    how: Text


class Cell(Data):
    """A cell of a table."""

    table: Text
    model: Text
    mode: str = ""
    column: Text


class Conflict(Data):
    """Different values of one thing, from sources of which none is known to be right; printed as they are.

    Attributes:
        what: The thing.
        unit: Of the values.
        cell: The cell of a table that has one of the values, if one does.
        values: Two at least, not all equal.
    """

    what: Text
    unit: str
    cell: Cell | None = None
    values: tuple[Told, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _differ(self) -> Conflict:
        if len({told.value for told in self.values}) == 1:
            raise ValueError(f"{self.what}: all values are {self.values[0].value}, which is no conflict")
        return self
