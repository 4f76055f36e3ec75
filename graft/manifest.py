"""Manifests: a CSV or JSONL file with one labelled example a row.

Columns: `label`, and `path` (relative to the manifest) or `text`. A malformed manifest is an error
that names the row and the column, and nothing of it is used; a file that is missing or bad is only
that row's problem.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from graft.content import Item, Problem, Text, display_path
from graft.errors import InvalidArgument
from graft.examples import Example, ExampleSet, check_label, problem_of_mode, problem_of_name

_Row = tuple[str, Mapping[str, Any]]
"""Where a row stands, for error texts, and its cells."""

_SHOWN: Final = 120


def read_csv(path: Path) -> ExampleSet:
    """Read a CSV file with a header row; tabs separate in a .tsv file."""
    return _collect(path, _csv_rows(path))


def read_jsonl(path: Path) -> ExampleSet:
    """Read a file with one JSON object a line; empty lines are skipped."""
    return _collect(path, _jsonl_rows(path))


def _collect(path: Path, rows: Iterator[_Row]) -> ExampleSet:
    examples = tuple(_example(path.parent, where, cells) for where, cells in rows)
    if not examples:
        shown = display_path(path)
        raise InvalidArgument(f"{shown} has no rows; wanted one an example. Received: {shown!r}")
    return ExampleSet(examples)


def _read_text(path: Path) -> str:
    """Read UTF-8 with or without a byte order mark."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InvalidArgument(
            f"{display_path(path)} line {line} is not UTF-8; save the file as UTF-8."
            f" Received: byte {error.object[error.start]:#04x}"
        ) from error
    except OSError as error:
        raise InvalidArgument(
            f"{display_path(path)} cannot be read: {error.strerror}."
            f" Received: {display_path(path)!r}"
        ) from error


def _csv_rows(path: Path) -> Iterator[_Row]:
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    text = _read_text(path)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    shown = display_path(path)
    header: list[str] | None = None
    number, line = 0, 1
    while True:
        where = f"{shown} row {number} (line {line})" if number else f"{shown} line {line}"
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise InvalidArgument(f"{where} is no CSV: {error}. Received: a broken row") from error
        line = reader.line_num + 1
        if cells is None:
            break
        if not any(cell.strip() for cell in cells):
            continue
        if header is None:
            header = _check_header(where, cells)
        else:
            yield where, _named(where, header, cells)
        number += 1
    if header is None:
        raise InvalidArgument(f"{shown} is empty; wanted the columns path and label. Received: ''")


def _check_header(where: str, cells: list[str]) -> list[str]:
    header = [cell.strip().lower() for cell in cells]
    received = f"Received: the columns {', '.join(repr(cell) for cell in cells)}"[:_SHOWN]
    if "label" not in header:
        hint = "; put commas between the cells" if len(header) == 1 and ";" in header[0] else ""
        raise InvalidArgument(f"{where}: the column 'label' is missing{hint}. {received}")
    for column in ("label", "path", "text"):
        if header.count(column) > 1:
            raise InvalidArgument(f"{where}: the column {column!r} stands twice. {received}")
    if "path" not in header and "text" not in header:
        hint = "; download what 'url' names and give paths" if "url" in header else ""
        raise InvalidArgument(f"{where}: the column 'path' is missing{hint}. {received}")
    return header


def _named(where: str, header: list[str], cells: list[str]) -> Mapping[str, str]:
    if len(cells) != len(header):
        raise InvalidArgument(
            f"{where}: {len(header)} columns were wanted ({', '.join(header)}); put quotes around a"
            f" cell that holds a comma. Received: {len(cells)} columns"
        )
    return dict(zip(header, cells, strict=True))


def _jsonl_rows(path: Path) -> Iterator[_Row]:
    shown = display_path(path)
    for number, line in enumerate(_read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{shown} line {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InvalidArgument(
                f"{where} is no JSON object: {error}. Received: {line[:_SHOWN]!r}"
            ) from error
        if not isinstance(row, dict):
            raise InvalidArgument(f"{where} is no JSON object. Received: {line[:_SHOWN]!r}")
        yield where, row


def _example(folder: Path, where: str, cells: Mapping[str, Any]) -> Example:
    label = check_label(_cell(where, cells, "label"), f"{where}, column 'label'")
    if "path" not in cells and "text" in cells:
        text = _cell(where, cells, "text")
        return Example(text[:_SHOWN], label, Text(text))
    name = _cell(where, cells, "path")
    return Example(name, label, _source(folder / name, name))


def _cell(where: str, cells: Mapping[str, Any], column: str) -> str:
    """Answer a cell as text; a whole number is taken as its digits."""
    if column not in cells:
        raise InvalidArgument(
            f"{where}: the column {column!r} is missing. Received: {', '.join(map(repr, cells))}"
        )
    value = cells[column]
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise InvalidArgument(f"{where}, column {column!r}: a text is wanted. Received: {value!r}")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidArgument(f"{where}, column {column!r} is not Unicode. Received: {value!a}")
    return value


def _source(place: Path, name: str) -> Item | Problem:
    try:
        mode = place.stat().st_mode
    except FileNotFoundError:
        return Problem("NOT_FOUND", f"there is no file {name}. Received: {name!r}")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        return Problem("INVALID_ARGUMENT", f"{name} cannot be read: {why}. Received: {name!r}")
    return problem_of_mode(mode, name) or problem_of_name(name) or place
