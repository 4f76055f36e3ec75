"""Cells of a manifest's rows: what stands in one, as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from graft.errors import InvalidArgument

Row = tuple[str, Mapping[str, Any]]
"""Where a row stands within the manifest, for error texts, and its cells."""

_SHOWN: Final = 120


def text_cell(where: str, cells: Mapping[str, Any], column: str) -> str:
    """Answer a cell that is not blank as text."""
    if column not in cells:
        raise InvalidArgument(
            f"{where}: the column {column!r} is missing. Received: {', '.join(map(repr, cells))}"
        )
    value = unicode_cell(where, column, cells[column])
    if not value.strip():
        raise InvalidArgument(f"{where}, column {column!r}: a text is wanted. Received: {value!r}")
    return value


def unicode_cell(where: str, column: str, value: Any) -> str:
    """Answer a value as text; a whole number is taken as its digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        hint = "; several go into the column 'labels'" if column == "label" else ""
        hint = hint if isinstance(value, list) else ""
        raise InvalidArgument(
            f"{where}, column {column!r}: a text is wanted{hint}. Received: {repr(value)[:_SHOWN]}"
        )
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidArgument(f"{where}, column {column!r} is not Unicode. Received: {value!a}")
    return value
