"""Rows of a CSV or JSONL manifest with a box each: `path` or `url`, `label`, `x`, `y`, `w`, `h`.

`x` and `y` are the upper left corner, all in pixels. The rows of one picture need not stand
together. A row with a picture alone, no label and no numbers, says that it shows nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from graft.annotations.picture import Picture, number_of
from graft.boxes import Box
from graft.cells import Row, text_cell, unicode_cell
from graft.content import Item, Problem, Url, display_path
from graft.download import check_url
from graft.errors import InvalidArgument
from graft.examples import ExampleSet, source_of

SIDES: Final = ("x", "y", "w", "h")


def has_boxes(rows: Sequence[Row]) -> bool:
    """Whether a row has all four sides of a box, blank or not."""
    return any(all(side in cells for side in SIDES) for _, cells in rows)


def read_rows(path: Path, rows: Sequence[Row]) -> ExampleSet:
    """Read the rows of a manifest at `path`; raise InvalidArgument for one that names no picture.
    What is wrong with a box is its picture's problem."""
    shown = display_path(path)
    pictures: dict[str, Picture] = {}
    nothing: dict[str, str] = {}  # where a picture is said to show nothing
    boxed: dict[str, str] = {}
    for where, cells in rows:
        name, source = _source(path, f"{shown} {where}", cells)
        picture = pictures.setdefault(name, Picture(name, source))
        empty = not any(_is_given(cells, column) for column in ("label", *SIDES))
        (nothing if empty else boxed).setdefault(name, where)
        if not empty:
            _add(picture, display_path(path.name), where, cells)
    for name in nothing.keys() & boxed.keys():
        why = f"{shown} {nothing[name]}: it says that {name} shows nothing"
        pictures[name].fault(why, f"{boxed[name]} boxes something there", "both")
    return ExampleSet(tuple(picture.example() for picture in pictures.values()))


def _source(path: Path, where: str, cells: Mapping[str, Any]) -> tuple[str, Item | Problem]:
    """The name of a row's picture, and where it is to be had."""
    for column in ("labels", "text"):
        if column in cells:
            raise InvalidArgument(
                f"{where}: the column {column!r} goes with no boxes; a row is a picture, a label"
                f" and a box. Received: {', '.join(map(repr, cells))}"
            )
    if "url" not in cells:
        name = text_cell(where, cells, "path")
        return name, source_of(path.parent / name, name)
    if "path" in cells:
        raise InvalidArgument(
            f"{where}: the columns 'path' and 'url' exclude each other; remove one. Received: both"
        )
    url = text_cell(where, cells, "url")
    try:
        return url, Url(check_url(url))
    except InvalidArgument as error:
        why = f"{where}, column 'url': {error.message}"
        return url, Problem("INVALID_ARGUMENT", why)


def _is_given(cells: Mapping[str, Any], column: str) -> bool:
    value = cells.get(column)
    return value is not None and not (isinstance(value, str) and not value.strip())


def _add(picture: Picture, file: str, where: str, cells: Mapping[str, Any]) -> None:
    place = f"{file} {where}"
    if not _is_given(cells, "label"):
        picture.fault(place, "a box without a label", _sides(cells))
        return
    try:
        label = unicode_cell(place, "label", cells["label"])
    except InvalidArgument as error:
        picture.blame(error.message)
        return
    numbers = {side: number_of(cells.get(side)) for side in SIDES}
    for side, number in numbers.items():
        if number is None:
            why = f"{label!r}, column {side!r}: a number is wanted"
            picture.fault(place, why, cells.get(side))
            return
    picture.add(file, where, label, Box(*(number or 0.0 for number in numbers.values())))


def _sides(cells: Mapping[str, Any]) -> str:
    return ", ".join(f"{side} {cells.get(side)!r}" for side in SIDES)
