"""Manifests: a CSV or JSONL file with one labelled example a row.

Columns: `path` (relative to the manifest) or `url`, `text`, or one of the two and `text`, and
`label` or `labels`. In a row that has an image and a text both are one example; where either is
blank the other is. Several labels have bars between them in a CSV file and are a list in JSONL;
nothing means none. A malformed manifest is an error that names the row and the column, and nothing
of it is used; a file that is missing or a text that is blank is only that row's problem. With the
columns x, y, w and h a row is a box: see graft.annotations.rows.
"""

from __future__ import annotations

import csv
import io
import json
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from graft.annotations.rows import SIDES, has_boxes, read_rows
from graft.cells import Row, text_cell, unicode_cell
from graft.content import (
    MAX_TEXT_BYTES,
    Item,
    Joint,
    Problem,
    Text,
    Url,
    decode_utf8,
    display_path,
    file_error,
    is_text,
    too_large,
)
from graft.download import check_url
from graft.errors import InvalidArgument
from graft.examples import Example, ExampleSet, check_label, source_of

MAX_CELL_CHARACTERS: Final = 64 << 20
"""Of one cell of a CSV file; what a text may have is far less, and told of its row alone."""
LABEL_SEPARATOR: Final = "|"
SOURCES: Final = ("path", "url", "text")
_FILES: Final = ("path", "url")
_LABELS: Final = ("label", "labels")

_SHOWN: Final = 120
_CELLS = threading.Lock()  # around the limit of the csv module, which is the process's


def read_csv(path: Path) -> ExampleSet:
    """Read a CSV file with a header row; tabs separate in a .tsv file."""
    with _CELLS:
        before = csv.field_size_limit(MAX_CELL_CHARACTERS)
        try:
            return _collect(path, _csv_rows(path))
        finally:
            csv.field_size_limit(before)


def read_jsonl(path: Path) -> ExampleSet:
    """Read a file with one JSON object a line; empty lines are skipped."""
    return _collect(path, _jsonl_rows(path))


def _collect(path: Path, rows: Iterator[Row]) -> ExampleSet:
    found = list(rows)
    if not found:
        shown = display_path(path)
        raise InvalidArgument(f"{shown} has no rows; wanted one an example. Received: {shown!r}")
    if has_boxes(found):
        return read_rows(path, found)
    return ExampleSet(tuple(_example(path, where, cells) for where, cells in found))


def _read_text(path: Path) -> str:
    """Read UTF-8 with or without a byte order mark."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise file_error(path, error) from error
    return decode_utf8(data, display_path(path))


def _csv_rows(path: Path) -> Iterator[Row]:
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    text = _read_text(path)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    shown = display_path(path)
    header: list[str] | None = None
    number, line = 0, 1
    while True:
        where = f"row {number} (line {line})" if number else f"line {line}"
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise InvalidArgument(
                f"{shown} {where} is no CSV: {error}. Received: a broken row"
            ) from error
        line = reader.line_num + 1
        if cells is None:
            break
        if not any(cell.strip() for cell in cells):
            continue
        if header is None:
            header = _check_header(f"{shown} {where}", cells)
        else:
            yield where, _named(f"{shown} {where}", header, cells)
        number += 1
    if header is None:
        raise InvalidArgument(f"{shown} is empty; wanted the columns path and label. Received: ''")


def _check_header(where: str, cells: list[str]) -> list[str]:
    header = [cell.strip().lower() for cell in cells]
    received = f"Received: the columns {', '.join(repr(cell) for cell in cells)}"[:_SHOWN]
    sides = SIDES if set(SIDES) <= set(header) else ()
    for column in (*_LABELS, *SOURCES, *sides):
        if header.count(column) > 1:
            raise InvalidArgument(f"{where}: the column {column!r} stands twice. {received}")
    if not set(_LABELS) & set(header):
        hint = "; put commas between the cells" if len(header) == 1 and ";" in header[0] else ""
        raise InvalidArgument(f"{where}: the column 'label' is missing{hint}. {received}")
    if not set(SOURCES) & set(header):
        raise InvalidArgument(
            f"{where}: the column 'path' is missing, or 'url', or 'text'. {received}"
        )
    for columns in (_LABELS, _FILES):
        _check_one(where, columns, header)
    return header


def _check_one(where: str, columns: Sequence[str], header: Collection[str]) -> None:
    found = [repr(column) for column in columns if column in header]
    if len(found) > 1:
        raise InvalidArgument(
            f"{where}: the columns {' and '.join(found)} exclude each other; remove or rename"
            f" one. Received: {', '.join(map(repr, header))}"[: 2 * _SHOWN]
        )


def _named(where: str, header: list[str], cells: list[str]) -> Mapping[str, Any]:
    if len(cells) != len(header):
        raise InvalidArgument(
            f"{where}: {len(header)} columns were wanted ({', '.join(header)}); put quotes around a"
            f" cell that holds a comma. Received: {len(cells)} columns"
        )
    row: dict[str, Any] = dict(zip(header, cells, strict=True))
    if "labels" in row:
        parts = [part.strip() for part in row["labels"].split(LABEL_SEPARATOR)]
        row["labels"] = [part for part in parts if part]
    return row


def _jsonl_rows(path: Path) -> Iterator[Row]:
    shown = display_path(path)
    for number, line in enumerate(_read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        where = f"line {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InvalidArgument(
                f"{shown} {where} is no JSON object: {error}. Received: {line[:_SHOWN]!r}"
            ) from error
        if not isinstance(row, dict):
            raise InvalidArgument(f"{shown} {where} is no JSON object. Received: {line[:_SHOWN]!r}")
        yield where, row


def _example(manifest: Path, where: str, cells: Mapping[str, Any]) -> Example:
    full = f"{display_path(manifest)} {where}"
    labels = _labels(full, cells)
    _check_one(full, _FILES, cells)
    row = _Place(manifest, where)
    columns = [column for column in SOURCES if column in cells]
    if len(columns) > 1:  # one of them may be blank
        columns = [one for one in columns if _given(full, cells, one)]
        if not columns:
            return Example(row.shown, labels, _nothing(row.shown, cells))
    sources = [_of_column(row, cells, column) for column in columns or ["path"]]
    name, source = sources[0]
    if len(sources) > 1:
        return Example(f"{name} in {where}", labels, _joint(row.shown, source, sources[1][1]))
    return Example(name, labels, source)


@dataclass(frozen=True, slots=True)
class _Place:
    """A row of a manifest: its file, and where it stands within."""

    manifest: Path
    where: str

    @property
    def full(self) -> str:
        """For errors that end the reading."""
        return f"{display_path(self.manifest)} {self.where}"

    @property
    def shown(self) -> str:
        """For what reports show."""
        return f"{display_path(self.manifest.name)} {self.where}"


def _of_column(row: _Place, cells: Mapping[str, Any], column: str) -> tuple[str, Item | Problem]:
    """What one column says of an example: its name and its source."""
    if column == "text":
        return row.shown, _text(row.shown, unicode_cell(row.full, column, cells[column]))
    name = text_cell(row.full, cells, column)
    if column == "url":
        return name, _url(row.shown, name)
    return name, source_of(row.manifest.parent / name, name)


def _given(where: str, cells: Mapping[str, Any], column: str) -> bool:
    """Whether a cell is not blank; JSON's null is."""
    value = cells[column]
    return value is not None and bool(unicode_cell(where, column, value).strip())


def _nothing(row: str, cells: Mapping[str, Any]) -> Problem:
    names = " and ".join(repr(column) for column in SOURCES if column in cells)
    return Problem(
        "INVALID_ARGUMENT",
        f"{row}, columns {names}: all are blank; fill one of them, or leave the row out."
        " Received: nothing",
    )


def _joint(row: str, image: Item | Problem, text: Item | Problem) -> Joint | Problem:
    """An image and a text as one, or what is wrong with the first that is bad."""
    for part in (image, text):
        if isinstance(part, Problem):
            return part
    assert isinstance(image, Path | Url)
    assert isinstance(text, Text)
    if is_text(image):
        return Problem(
            "INVALID_ARGUMENT",
            f"{row}: the column 'text' has words, and beside them an image is wanted, no .txt file;"
            f" leave one out. Received: {str(getattr(image, 'url', image))[:_SHOWN]!r}",
        )
    return Joint(image, text.text)


def _labels(where: str, cells: Mapping[str, Any]) -> Sequence[str]:
    _check_one(where, _LABELS, cells)
    if "labels" not in cells:
        return [check_label(text_cell(where, cells, "label"), f"{where}, column 'label'")]
    found, place = cells["labels"], f"{where}, column 'labels'"
    if not isinstance(found, list):
        raise InvalidArgument(f"{place}: a list is wanted. Received: {repr(found)[:_SHOWN]}")
    return [check_label(unicode_cell(where, "labels", label), place) for label in found]


def _url(name: str, url: str) -> Url | Problem:
    """The URL of a row, or what is wrong with it."""
    try:
        return Url(check_url(url))
    except InvalidArgument as error:
        return Problem("INVALID_ARGUMENT", f"{name}, column 'url': {error.message}")


def _text(name: str, text: str) -> Text | Problem:
    """The text of a row, or what is wrong with it."""
    place = f"{name}, column 'text'"
    if not text.strip():
        why = f"{place}: the text is blank; write what it says, or leave the row out."
        return Problem("INVALID_ARGUMENT", f"{why} Received: {text[:_SHOWN]!r}")
    if "\0" in text:
        why = f"{place}: a zero byte is in no text; was something else saved here?"
        return Problem("INVALID_ARGUMENT", f"{why} Received: {text[:_SHOWN]!r}")
    size = len(text.encode())
    if size > MAX_TEXT_BYTES:
        return too_large(place, size, MAX_TEXT_BYTES, text=True)
    return Text(text)
