"""YOLO folders: a text file in `labels` for each picture in `images`, with a line a box:

    CLASS CENTRE_X CENTRE_Y WIDTH HEIGHT

CLASS counts the names from 0; the others are shares of the picture's sides. The names stand in
`data.yaml` (`names:`, a list or numbers with names) or in `classes.txt`, a name a line, in the
folder, in `labels` or in the folder above. A picture with an empty file or with none shows nothing,
as it does for the programs that this form comes from.

Where `images` has parts, such as `images/train` and `images/val`, one of them is the folder to
name: what is held back for a test must not be trained on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from graft.annotations.picture import Picture, number_of
from graft.boxes import Box
from graft.content import decode_utf8, display_path, file_error
from graft.errors import GraftError, InvalidArgument
from graft.examples import IMAGE_EXTENSIONS, Example, ExampleSet, extension_of, source_of

PICTURES: Final = "images"
LABELS: Final = "labels"
CLASSES: Final = "classes.txt"
DOCUMENTS: Final = ("data.yaml", "data.yml", "dataset.yaml")
MAX_NAMES_BYTES: Final = 1 << 20
"""Of the file of names."""
_COLUMNS: Final = ("class", "centre x", "centre y", "width", "height")
_LARGEST_SHARE: Final = 1.01  # a box may stick out a little; more is no share
_NAMED: Final = 5
_SHOWN: Final = 120


def is_yolo(root: Path) -> bool:
    """Whether a folder holds YOLO's files, or is a part of `images` of such a folder."""
    return _places(root) is not None


def read_yolo(root: Path) -> ExampleSet:
    """Read a folder; raise InvalidArgument where the names of the classes are missing or no list,
    or where the pictures have parts. What is wrong with a line is its picture's problem."""
    places = _places(root)
    if places is None:
        shown = display_path(root)
        raise InvalidArgument(
            f"{shown} has no folders {PICTURES} and {LABELS}. Received: {shown!r}"
        )
    pictures, labels, top = places
    _check_parts(pictures)
    names = _names((labels, top / LABELS, top, top.parent))
    examples: list[Example] = []
    bare, files = 0, {one.stem: one for one in _visible(labels, ".txt") if one.name != CLASSES}
    for place in sorted(_visible(pictures, *IMAGE_EXTENSIONS)):
        file = files.pop(place.stem, None)
        examples.append(_example(place, file, names))
        bare += file is None
    if not examples:
        shown = display_path(pictures)
        raise InvalidArgument(f"{shown} holds no pictures; put some there. Received: {shown!r}")
    warnings = _warnings(bare, sorted(display_path(one.name) for one in files.values()))
    return ExampleSet(tuple(examples), warnings=tuple(warnings))


def _places(root: Path) -> tuple[Path, Path, Path] | None:
    """The folders of pictures and of their labels, and the one that holds both: for that one, its
    `images`, or a part of them."""
    pictures, labels, top = root / PICTURES, root / LABELS, root
    if not pictures.is_dir():
        parts = root.absolute().parts
        if PICTURES not in parts:
            return None
        at = len(parts) - 1 - parts[::-1].index(PICTURES)
        pictures, top = root, Path(*parts[:at])
        labels = top.joinpath(LABELS, *parts[at + 1 :])
    within = labels.is_dir() and any(True for _ in labels.rglob("*.txt"))
    return (pictures, labels, top) if within else None


def _check_parts(pictures: Path) -> None:
    parts = sorted(
        one.name for one in pictures.iterdir() if one.is_dir() and not one.name.startswith(".")
    )
    if parts:
        shown = display_path(pictures)
        raise InvalidArgument(
            f"{shown} has parts; name the one that is meant, such as {shown}/{parts[0]}, and keep"
            f" the others for tests. Received: {', '.join(map(repr, parts[:_NAMED]))}"
        )


def _visible(folder: Path, *extensions: str) -> list[Path]:
    return [
        one
        for one in folder.iterdir()
        if not one.name.startswith(".") and extension_of(one.name) in extensions
    ]


def _names(folders: Sequence[Path]) -> dict[int, str]:
    """The names of the classes by number, from the first of the folders that has them."""
    for folder in folders:
        for name in DOCUMENTS:
            if (folder / name).is_file():
                return _named(folder / name)
        if (folder / CLASSES).is_file():
            lines = _text(folder / CLASSES).splitlines()
            return dict(enumerate(line.strip() for line in lines))
    wanted = f"{' or '.join((DOCUMENTS[0], CLASSES))}"
    raise InvalidArgument(
        f"the names of the classes are missing; put {wanted} beside {LABELS}. Received:"
        f" {display_path(folders[0])!r} and none there or above"
    )


def _text(path: Path) -> str:
    shown = display_path(path)
    try:
        if path.stat().st_size > MAX_NAMES_BYTES:
            raise InvalidArgument(
                f"{shown} is larger than {MAX_NAMES_BYTES} bytes and holds no names. Received:"
                f" {path.stat().st_size} bytes"
            )
        return decode_utf8(path.read_bytes(), shown)
    except OSError as error:
        raise file_error(path, error) from error


def _named(path: Path) -> dict[int, str]:
    shown = display_path(path)
    try:
        document = yaml.safe_load(_text(path))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        why = " ".join(str(error).split())[:_SHOWN]
        raise InvalidArgument(f"{shown} is no YAML: {why}. Received: {shown!r}") from error
    names = document.get("names") if isinstance(document, dict) else None
    found = dict(enumerate(names)) if isinstance(names, list) else names
    if not isinstance(found, dict) or not found or not all(map(_is_number, found)):
        raise InvalidArgument(
            f"{shown}: 'names' is to be a list, or numbers with names. Received:"
            f" {repr(names)[:_SHOWN]}"
        )
    for number, name in found.items():
        if isinstance(name, bool) or not isinstance(name, str | int):
            raise InvalidArgument(
                f"{shown}: the name of the class {number} is no text; put it in quotes. Received:"
                f" {repr(name)[:_SHOWN]}"
            )
    return {number: str(name).strip() for number, name in found.items()}


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _example(place: Path, file: Path | None, names: dict[int, str]) -> Example:
    name = display_path(place.name)
    picture = Picture(name, source_of(place, name))
    if file is not None:
        _read(picture, file, names)
    return picture.example(relative=True)


def _read(picture: Picture, file: Path, names: dict[int, str]) -> None:
    shown = display_path(file.name)
    try:
        lines = decode_utf8(file.read_bytes(), shown).splitlines()
    except OSError as error:
        picture.blame(file_error(shown, error).message)
        return
    except GraftError as error:
        picture.blame(error.message)
        return
    for number, line in enumerate(lines, start=1):
        if line.strip():
            _add(picture, shown, f"line {number}", line.split(), names)


def _add(picture: Picture, file: str, origin: str, cells: list[str], names: dict[int, str]) -> None:
    place = f"{file} {origin}"
    if len(cells) != len(_COLUMNS):
        why = f"{len(_COLUMNS)} numbers are wanted: {', '.join(_COLUMNS)}"
        picture.fault(place, why, f"{len(cells)}: {' '.join(cells)}")
        return
    if not cells[0].isdecimal() or len(cells[0]) > 9 or int(cells[0]) not in names:
        picture.fault(place, "there is no class of this number among the names", cells[0])
        return
    shares = [number_of(cell) for cell in cells[1:]]
    for column, share, cell in zip(_COLUMNS[1:], shares, cells[1:], strict=True):
        if share is None or not -_LARGEST_SHARE < share < _LARGEST_SHARE:
            picture.fault(place, f"the {column} is to be a share, 0 to 1", cell)
            return
    across, down, width, height = (share for share in shares if share is not None)
    box = Box(across - width / 2, down - height / 2, width, height)
    picture.add(file, origin, names[int(cells[0])], box)


def _warnings(bare: int, strays: list[str]) -> Iterator[str]:
    if bare:
        what = "1 picture has" if bare == 1 else f"{bare} pictures have"
        counts = "counts" if bare == 1 else "count"
        yield f"{what} no file in {LABELS} and {counts} as showing nothing"
    if strays:
        names = ", ".join(map(repr, strays[:_NAMED])) + (", ..." if len(strays) > _NAMED else "")
        what = "1 file in" if len(strays) == 1 else f"{len(strays)} files in"
        yield f"{what} {LABELS} without a picture left out ({names})"
