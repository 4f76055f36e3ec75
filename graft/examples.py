"""Labelled examples as they lie on this machine: what a folder or a manifest is read into.

Nothing is opened here but the manifest itself: an example carries the path of its file, which is
read when it is sent. What can be told to be wrong without opening it is a Problem in its place, so
that the import's summary names it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from graft.boxes import Drawing
from graft.content import TEXT_EXTENSION, Item, Problem, display_path
from graft.errors import InvalidArgument

MAX_LABEL_BYTES: Final = 200

IMAGE_EXTENSIONS: Final = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff"}
)
"""Sent; whether the content is what the name says is for the server to judge."""

UNSUPPORTED_EXTENSIONS: Final = frozenset(
    {".heic", ".heif", ".avif", ".jxl", ".jp2", ".svg", ".psd", ".raw"}
    | {".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf"}
)
"""Images in a format that Graft does not read: reported, since the user meant them."""


@dataclass(frozen=True, slots=True, init=False)
class Example:
    """One labelled example; `path` is what reports show, `source` what is sent.

    It is made with its label, or with several or none; `labels` has each once, by name. A picture
    whose things are boxed has a `drawing` and no label; one that shows none, an empty drawing.
    """

    path: str
    labels: tuple[str, ...]
    source: Item | Problem
    drawing: Drawing | None

    def __init__(
        self,
        path: str,
        labels: str | Iterable[str],
        source: Item | Problem,
        drawing: Drawing | None = None,
    ) -> None:
        several = [labels] if isinstance(labels, str) else labels
        object.__setattr__(self, "path", path)
        object.__setattr__(self, "labels", tuple(sorted(set(several))))
        object.__setattr__(self, "source", source)
        object.__setattr__(self, "drawing", drawing)


@dataclass(frozen=True, slots=True)
class ExampleSet:
    """The examples in a repeatable order; `skipped` counts files that are none, by extension."""

    examples: tuple[Example, ...]
    skipped: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def boxed(self) -> bool:
        """Whether the examples say where their things are."""
        return any(one.drawing is not None for one in self.examples)

    @property
    def problems(self) -> tuple[Example, ...]:
        """The examples that were found to be unusable without opening them."""
        return tuple(one for one in self.examples if isinstance(one.source, Problem))


def check_label(label: str, where: str) -> str:
    """Answer a label that may be sent; raise InvalidArgument naming where it stands."""
    if not label.strip():
        raise InvalidArgument(f"{where}: a label is wanted. Received: {label!r}")
    if "\0" in label:
        raise InvalidArgument(f"{where}: a label holds no zero byte. Received: {label[:40]!r}")
    size = len(label.encode("utf-8", "replace"))
    if size > MAX_LABEL_BYTES:
        raise InvalidArgument(
            f"{where}: a label has at most {MAX_LABEL_BYTES} bytes; shorten it. Received: {size}"
            f" bytes, {label[:40]!r}..."
        )
    return label


def kind_of(name: str) -> str:
    """`image` or `text` by the name of a file, or nothing; one without an extension may be an
    image."""
    extension = extension_of(name)
    if extension == TEXT_EXTENSION:
        return "text"
    known = not extension or extension in IMAGE_EXTENSIONS | UNSUPPORTED_EXTENSIONS
    return "image" if known else ""


def extension_of(name: str) -> str:
    """Answer the extension in lower case; numbers behind a dot (`scan.001`) are none."""
    extension = os.path.splitext(name)[1].lower()
    return "" if extension[1:].isdecimal() else display_path(extension)


def problem_of_name(path: str) -> Problem | None:
    """Say what is wrong with an image file that goes by its name."""
    extension = extension_of(path)
    if extension not in UNSUPPORTED_EXTENSIONS:
        return None
    return Problem(
        "IMAGE_UNDECODABLE",
        f"{path}: {extension} files are not read; convert it to JPEG or PNG. Received: {path!r}",
    )


def problem_of_mode(mode: int, path: str) -> Problem | None:
    """Say what is wrong with something that is no regular file and must not be opened."""
    if stat.S_ISREG(mode):
        return None
    return Problem(
        "INVALID_ARGUMENT", f"{path} is no regular file and was not opened. Received: {path!r}"
    )


def source_of(place: Path, name: str) -> Item | Problem:
    """The picture file at a place, which `name` shows; or why it is none, without opening it."""
    try:
        mode = place.stat().st_mode
    except FileNotFoundError:
        return Problem("NOT_FOUND", f"there is no file {name}. Received: {name!r}")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        return Problem("INVALID_ARGUMENT", f"{name} cannot be read: {why}. Received: {name!r}")
    return problem_of_mode(mode, name) or problem_of_name(name) or place
