"""Schemas of the files that users write."""

from __future__ import annotations

from typing import Any

from harness.errors import unknown

FILES = ("suite",)


def describe_schema(what: str = "suite") -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a file that a user writes.

    Args:
        what: ``"suite"``: the TOML file that ``diptych run`` takes.

    Raises:
        UsageError: There is no such file.
    """
    if what not in FILES:
        raise unknown("schema", what, FILES, "diptych schema --help")
    from harness.suite_format import SuiteFile

    schema = SuiteFile.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
