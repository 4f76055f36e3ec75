"""COCO JSON: one document with `images`, `annotations` and `categories`.

    {"images": [{"id": 1, "file_name": "a.jpg", "width": 640, "height": 480}],
     "annotations": [{"id": 17, "image_id": 1, "category_id": 3, "bbox": [left, top, width, height],
                      "iscrowd": 0}],
     "categories": [{"id": 3, "name": "cat"}]}

A file lies where `file_name` says from the document on, or from a folder `images` beside it. An
image without annotations shows nothing. A document that is none is an error; what is wrong with an
annotation is its picture's problem.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from graft.annotations.picture import Picture, number_of
from graft.boxes import Box
from graft.content import decode_utf8, display_path, file_error
from graft.errors import InvalidArgument
from graft.examples import ExampleSet, source_of

PICTURES: Final = "images"
"""The folder beside the document where pictures may lie."""
_NAMED: Final = 5
_SHOWN: Final = 120


def read_coco(path: Path) -> ExampleSet:
    """Read a document; raise InvalidArgument where it is none, naming the entry at fault."""
    shown = display_path(path)
    document = _parsed(path, shown)
    images = _by_id(shown, document, "images")
    names = {key: _name(shown, entry) for key, entry in _by_id(shown, document, "categories")}
    pictures = {key: _picture(path, shown, entry) for key, entry in images}
    strays: list[str] = []
    for entry in _entries(shown, document, "annotations"):
        picture = pictures.get(_key(entry.get("image_id")))
        if picture is None:
            strays.append(f"{_origin(entry)}: image {entry.get('image_id')!r}"[:_SHOWN])
        else:
            _add(picture, path.name, entry, names)
    examples = tuple(
        pictures[key].example(width=_side(entry, "width"), height=_side(entry, "height"))
        for key, entry in images
    )
    if not examples:
        raise InvalidArgument(f"{shown} lists no images; add some. Received: an empty list")
    return ExampleSet(examples, warnings=tuple(_about_strays(shown, strays)))


def is_coco(document: Any) -> bool:
    """Whether a JSON document looks like one of COCO."""
    return isinstance(document, dict) and {"images", "annotations"} <= document.keys()


def _parsed(path: Path, shown: str) -> dict[str, Any]:
    try:
        document = json.loads(decode_utf8(path.read_bytes(), shown))
    except OSError as error:
        raise file_error(path, error) from error
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(f"{shown} is no JSON: {error}. Received: {shown!r}") from error
    if not is_coco(document):
        found = ", ".join(map(repr, document)) if isinstance(document, dict) else "no object"
        raise InvalidArgument(
            f"{shown} is no COCO document: an object with the keys 'images', 'annotations' and"
            f" 'categories' was wanted. Received: {found[:_SHOWN]}"
        )
    return dict(document)


def _entries(shown: str, document: Mapping[str, Any], key: str) -> Iterator[dict[str, Any]]:
    found = document.get(key)
    if not isinstance(found, list):
        raise InvalidArgument(f"{shown}: {key!r} is no list. Received: {repr(found)[:_SHOWN]}")
    for number, entry in enumerate(found):
        if not isinstance(entry, dict):
            raise InvalidArgument(
                f"{shown} {key}[{number}] is no object. Received: {repr(entry)[:_SHOWN]}"
            )
        yield entry


def _by_id(shown: str, document: Mapping[str, Any], key: str) -> list[tuple[Any, dict[str, Any]]]:
    """The entries of a list with their ids, which are there once each."""
    found: dict[Any, dict[str, Any]] = {}
    for number, entry in enumerate(_entries(shown, document, key)):
        identity = _key(entry.get("id"))
        if identity is None:
            raise InvalidArgument(
                f"{shown} {key}[{number}]: a whole number or a text is wanted as 'id'. Received:"
                f" {repr(entry.get('id'))[:_SHOWN]}"
            )
        if identity in found:
            raise InvalidArgument(
                f"{shown} {key}[{number}]: the id stands twice; give each its own. Received:"
                f" {identity!r}"
            )
        found[identity] = entry
    return list(found.items())


def _key(value: Any) -> Any:
    """An id: a whole number or a text; None for anything else."""
    return value if isinstance(value, int | str) and not isinstance(value, bool) else None


def _name(shown: str, category: Mapping[str, Any]) -> str:
    return _text(shown, f"category {category['id']!r}", category, "name")


def _picture(path: Path, shown: str, image: Mapping[str, Any]) -> Picture:
    name = _text(shown, f"image {image['id']!r}", image, "file_name")
    beside = path.parent / name
    within = path.parent / PICTURES / name
    return Picture(name, source_of(within if _is_file(within, beside) else beside, name))


def _is_file(within: Path, beside: Path) -> bool:
    """Whether a picture is in the folder of pictures, and none beside the document."""
    try:
        return within.is_file() and not beside.is_file()
    except (OSError, ValueError):  # a name that is none
        return False


def _text(shown: str, place: str, entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value.strip() or _is_torn(value):
        raise InvalidArgument(
            f"{shown} {place}: a text is wanted as {key!r}. Received: {value!a:.{_SHOWN}}"
        )
    return value


def _is_torn(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _origin(annotation: Mapping[str, Any]) -> str:
    return f"annotation {annotation.get('id', 'without an id')}"[:_SHOWN]


def _add(
    picture: Picture, file: str, annotation: Mapping[str, Any], names: Mapping[Any, str]
) -> None:
    origin = _origin(annotation)
    place = f"{file} {origin}"
    label = names.get(_key(annotation.get("category_id")))
    if label is None:
        received = annotation.get("category_id")
        picture.fault(place, "there is no category of this 'category_id'", received)
        return
    found = annotation.get("bbox")
    sides = [number_of(side) for side in found] if isinstance(found, list) else []
    if len(sides) != 4 or None in sides:
        why = f"{label!r}: 'bbox' is to be four numbers, left, top, width and height"
        picture.fault(place, why, found)
        return
    crowd = annotation.get("iscrowd", 0)
    if crowd not in (0, 1):
        picture.fault(place, f"{label!r}: 'iscrowd' is to be 0 or 1", crowd)
        return
    left, top, width, height = (side for side in sides if side is not None)
    picture.add(file, origin, label, Box(left, top, width, height), crowd=bool(crowd))


def _side(image: Mapping[str, Any], key: str) -> int:
    """A side of the picture as it is written down; 0 where it is not."""
    value = image.get(key)
    return value if isinstance(value, int) and 0 < value < 2**31 else 0


def _about_strays(shown: str, strays: list[str]) -> Iterator[str]:
    if strays:
        names = "; ".join(strays[:_NAMED]) + ("; ..." if len(strays) > _NAMED else "")
        what = "1 annotation is" if len(strays) == 1 else f"{len(strays)} annotations are"
        yield f"{what} of images that {shown} does not list, and left out ({names})"
