"""What `graft predict` is asked about: files, folders of them, texts, lines of standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from graft.content import Item, Joint, Text, decode_utf8, display_path
from graft.errors import InvalidArgument
from graft.examples import IMAGE_EXTENSIONS, kind_of

STDIN: Final = "-"
MAX_STDIN_BYTES: Final = 256 << 20


@dataclass(frozen=True, slots=True)
class Input:
    """One thing to be answered, and what it is called: a path, or the text itself."""

    shown: str
    item: Item


def read_inputs(inputs: Sequence[str], *, text: bool) -> list[Input]:
    """Answer the inputs in order: of a folder the files in it, of `-` the lines of standard input
    that are not blank, each a text; with `text` all others are texts themselves.

    Raises InvalidArgument for a folder without files to label, and for bad standard input.
    """
    found: list[Input] = []
    for one in inputs:
        if one == STDIN:
            found += [Input(line, Text(line)) for line in _lines()]
        elif text:
            found.append(Input(one, Text(one)))
        else:
            found += [Input(display_path(path), path) for path in _files(Path(one))]
    if not found:
        raise InvalidArgument("standard input holds no line that is not blank. Received: nothing")
    return found


def read_joint(inputs: Sequence[str], words: str, *, text: bool) -> Input:
    """Answer the one image file and its words as one input; raise InvalidArgument for more files,
    for a folder, and with `text`."""
    if text or len(inputs) != 1 or inputs[0] == STDIN or Path(inputs[0]).is_dir():
        raise InvalidArgument(
            "--words stand beside one INPUT, an image file, and without --text; ask once an image."
            f" Received: {', '.join(map(repr, inputs))}{' with --text' if text else ''}"
        )
    if not words.strip():
        raise InvalidArgument(
            f"--words are blank; leave the option out where there are none. Received: {words!r}"
        )
    path = Path(inputs[0])
    return Input(display_path(path), Joint(path, words))


def _lines() -> Iterator[str]:
    data = sys.stdin.buffer.read(MAX_STDIN_BYTES + 1)
    if len(data) > MAX_STDIN_BYTES:
        raise InvalidArgument(
            f"standard input may have {MAX_STDIN_BYTES} bytes; send it in parts. Received: more"
        )
    for line in decode_utf8(data, "standard input").split("\n"):
        if line.strip():
            yield line.removesuffix("\r")


def _files(place: Path) -> list[Path]:
    """A file as it is; of a folder its image files at any depth, by name, or where there are more
    .txt files, those."""
    if not place.is_dir():
        return [place]
    kinds: dict[str, list[Path]] = {"image": [], "text": []}
    for path in _walk(place):
        kinds[kind_of(path.name)].append(path)
    found = max(kinds.values(), key=len)
    if not found:
        shown = display_path(place)
        raise InvalidArgument(
            f"the folder {shown} holds no images or .txt files. Received: {shown!r}"
        )
    return sorted(found, key=os.fsencode)


def image_files(folder: Path) -> list[Path]:
    """The image files of a folder at any depth, by name; InvalidArgument where there is none."""
    found = [path for path in _walk(folder) if kind_of(path.name) == "image"]
    if not found:
        shown = display_path(folder)
        raise InvalidArgument(f"{shown} is no folder with images. Received: {shown!r}")
    return sorted(found, key=os.fsencode)


def _walk(root: Path) -> Iterator[Path]:
    for folder, names, files in os.walk(root):
        names[:] = [name for name in names if not name.startswith(".")]
        for name in files:
            known = Path(name).suffix.lower() in IMAGE_EXTENSIONS or kind_of(name) == "text"
            if known and not name.startswith("."):
                yield Path(folder) / name
