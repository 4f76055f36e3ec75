"""Pascal VOC: a folder with `Annotations/NAME.xml` and the pictures in `JPEGImages`.

The picture of a file is its <filename>, or where there is no such file the one of the same name as
the .xml file. Boxes are the corners xmin, ymin, xmax and ymax, taken as they are written. What is
`difficult` is neither trained on nor counted, as in the challenge itself. A file without objects
says that the picture shows nothing; a picture without a file is left out and told, since nobody
has said what it shows.

A document with a DOCTYPE is refused: no tool that draws boxes writes one, and entities can be made
to fill the memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final
from xml.etree import ElementTree
from xml.parsers import expat

from graft.annotations.picture import Picture, number_of
from graft.boxes import Box, Drawing
from graft.content import Item, Problem, display_path
from graft.examples import IMAGE_EXTENSIONS, Example, ExampleSet, extension_of, source_of

ANNOTATIONS: Final = "Annotations"
PICTURES: Final = "JPEGImages"
MAX_XML_BYTES: Final = 8 << 20
"""Of one file; 1,000 boxes take less than a megabyte."""
_CORNERS: Final = ("xmin", "ymin", "xmax", "ymax")
_NAMED: Final = 5


class _Doctype(Exception):
    """The document has a DOCTYPE."""


def is_voc(root: Path) -> bool:
    """Whether a folder holds Pascal VOC's files."""
    folder = root / ANNOTATIONS
    return (root / PICTURES).is_dir() and folder.is_dir() and any(folder.glob("*.xml"))


def read_voc(root: Path) -> ExampleSet:
    """Read a folder; what is wrong with a file is its picture's problem."""
    files = sorted(_visible(root / ANNOTATIONS, ".xml"))
    pictures = _Pictures(root / PICTURES)
    examples = tuple(_example(file, pictures) for file in files)
    return ExampleSet(examples, warnings=tuple(_about_rest(pictures.rest())))


class _Pictures:
    """The files of the folder of pictures, and which of them a file of boxes is about."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names = sorted(one.name for one in _visible(folder, *IMAGE_EXTENSIONS))
        self._by_stem = {Path(name).stem: name for name in reversed(self._names)}
        self._known = set(self._names)
        self._seen: set[str] = set()

    def find(self, stated: str, stem: str) -> tuple[str, Item | Problem]:
        """The picture of a file of boxes: the one that it states, else the one named alike."""
        name = stated if stated in self._known else self._by_stem.get(stem, "")
        shown = f"{PICTURES}/{display_path(name or stated or stem)}"
        if not name:
            why = f"there is no {shown}, and no picture in {PICTURES} is named {display_path(stem)}"
            return shown, Problem("NOT_FOUND", f"{why}. Received: {display_path(stem)}.xml")
        self._seen.add(name)
        return shown, source_of(self._folder / name, shown)

    def rest(self) -> list[str]:
        """Those that no file is about."""
        return [display_path(name) for name in self._names if name not in self._seen]


def _visible(folder: Path, *extensions: str) -> list[Path]:
    return [
        one
        for one in folder.iterdir()
        if not one.name.startswith(".") and extension_of(one.name) in extensions
    ]


def _example(file: Path, pictures: _Pictures) -> Example:
    shown = f"{ANNOTATIONS}/{display_path(file.name)}"
    document = _parsed(file, shown)
    if isinstance(document, Problem):
        name, _ = pictures.find("", file.stem)
        return Example(name, (), document, Drawing())
    picture = Picture(*pictures.find((document.findtext("filename") or "").strip(), file.stem))
    for number, thing in enumerate(document.findall("object"), start=1):
        _add(picture, shown, f"object {number}", thing)
    size = document.find("size")
    width, height = (_side(size, key) for key in ("width", "height"))
    return picture.example(width=width, height=height)


def _parsed(file: Path, shown: str) -> ElementTree.Element | Problem:
    """The document; or why it is none."""
    try:
        if file.stat().st_size > MAX_XML_BYTES:
            why = f"larger than {MAX_XML_BYTES} bytes"
            return Problem("INVALID_ARGUMENT", f"{shown} is {why}; split it. Received: {shown!r}")
        data = file.read_bytes()
        _check(data)
        return ElementTree.fromstring(data)
    except OSError as error:
        why = f"cannot be read: {error.strerror}"
    except _Doctype:
        why = "has a DOCTYPE, which is refused; remove it"
    except (expat.ExpatError, ElementTree.ParseError, ValueError, LookupError) as error:
        why = f"is no XML: {error}"
    return Problem("INVALID_ARGUMENT", f"{shown} {why}. Received: {shown!r}")


def _check(data: bytes) -> None:
    """Raise _Doctype, before any entity is looked at, or ExpatError."""

    def refuse(*_: object) -> None:
        raise _Doctype

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.Parse(data, True)


def _add(picture: Picture, file: str, origin: str, thing: ElementTree.Element) -> None:
    label = (thing.findtext("name") or "").strip()
    found = thing.find("bndbox")
    place = f"{file} {origin}, {label!r}"
    if found is None:
        picture.fault(place, "it has no <bndbox>", "none")
        return
    texts = {corner: (found.findtext(corner) or "").strip() for corner in _CORNERS}
    numbers = [number_of(text) for text in texts.values()]
    if None in numbers:
        picture.fault(place, f"{', '.join(_CORNERS)} are to be numbers", texts)
        return
    left, top, right, bottom = (number for number in numbers if number is not None)
    difficult = (thing.findtext("difficult") or "0").strip()
    if difficult not in ("0", "1"):
        picture.fault(place, "<difficult> is to be 0 or 1", difficult)
        return
    box = Box(left, top, right - left, bottom - top)
    picture.add(file, origin, label, box, crowd=difficult == "1")


def _side(size: ElementTree.Element | None, key: str) -> int:
    """A side of the picture as it is written down; 0 where it is not."""
    text = "" if size is None else (size.findtext(key) or "").strip()
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def _about_rest(rest: list[str]) -> Iterator[str]:
    """Tell of pictures that no file is about."""
    if rest:
        names = ", ".join(map(repr, rest[:_NAMED])) + (", ..." if len(rest) > _NAMED else "")
        what, left = (
            ("1 picture has", "is") if len(rest) == 1 else (f"{len(rest)} pictures have", "are")
        )
        yield (
            f"{what} no file in {ANNOTATIONS} and {left} left out ({names}); a picture that shows"
            " nothing gets a file without objects"
        )
