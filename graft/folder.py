"""A folder of class folders: PATH/label/**/image; the first folder's name is the label.

Hidden files are ignored, symbolic links are followed to files inside PATH and nowhere else.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from graft.content import Problem, display_path
from graft.errors import InvalidArgument
from graft.examples import (
    Example,
    ExampleSet,
    check_label,
    extension_of,
    is_foreign,
    problem_of_mode,
    problem_of_name,
)

MAX_DEPTH: Final = 32
"""Folders below a class folder; deeper ones are reported."""

_NOT_CLASSES: Final = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN"})
_EMPTY_SHOWN: Final = 5


def read_folder(root: Path) -> ExampleSet:
    """Read a folder; raise InvalidArgument when it has no class folder, or no image in any."""
    reader = _Reader(root)
    classes, loose = reader.classes()
    if not classes:
        shown = display_path(root)
        raise InvalidArgument(
            f"{shown} has no class folders; wanted one folder a class, with its images in it, such"
            f" as {shown}/cat/1.jpg. Received: {loose} files and no folder"
        )
    for entry in classes:
        reader.read_class(entry)
    found = reader.result(loose)
    if not found.examples:
        raise _no_images(display_path(root), len(classes), found)
    return found


class _Reader:
    """Owns what was found under one root."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._inside = os.path.realpath(root)
        self._examples: list[Example] = []
        self._skipped: Counter[str] = Counter()
        self._empty: list[str] = []

    def classes(self) -> tuple[list[os.DirEntry[str]], int]:
        """Answer the class folders by name, and how many image files lie beside them."""
        try:
            entries = _visible(self._root)
        except OSError as error:
            raise InvalidArgument(
                f"{display_path(self._root)} cannot be read: {error.strerror}."
                f" Received: {display_path(self._root)!r}"
            ) from error
        loose = 0
        folders = []
        for entry in entries:
            if entry.is_dir() and entry.name not in _NOT_CLASSES:
                folders.append(entry)
            elif not entry.is_dir():
                self._skipped[extension_of(entry.name)] += is_foreign(entry.name)
                loose += not is_foreign(entry.name)
        return folders, loose

    def read_class(self, entry: os.DirEntry[str]) -> None:
        """Read one class folder to its depths."""
        name = display_path(entry.name)
        label = check_label(name, f"the folder {display_path(entry.path)}")
        before = len(self._examples)
        if entry.is_symlink():
            self._add(entry.path, label, _link_problem(name))
        else:
            self._walk(entry.path, label, 0)
        if len(self._examples) == before:
            self._empty.append(label)

    def _walk(self, place: str, label: str, depth: int) -> None:
        try:
            entries = _visible(place)
        except OSError as error:
            self._add(place, label, _unreadable(self._show(place), error))
            return
        for entry in entries:
            self._visit(entry, label, depth)

    def _visit(self, entry: os.DirEntry[str], label: str, depth: int) -> None:
        shown = self._show(entry.path)
        if entry.is_symlink():
            self._visit_link(entry, label)
        elif entry.is_dir():
            if depth < MAX_DEPTH:
                self._walk(entry.path, label, depth + 1)
            else:
                self._add(entry.path, label, _too_deep(shown))
        elif is_foreign(entry.name):
            self._skipped[extension_of(entry.name)] += 1
        else:
            mode = entry.stat(follow_symlinks=False).st_mode
            self._add(entry.path, label, problem_of_mode(mode, shown) or problem_of_name(shown))

    def _visit_link(self, entry: os.DirEntry[str], label: str) -> None:
        shown, target = self._show(entry.path), os.path.realpath(entry.path)
        if not os.path.exists(target):
            self._add(entry.path, label, _broken(shown))
        elif os.path.isdir(target) or os.path.commonpath((self._inside, target)) != self._inside:
            self._add(entry.path, label, _link_problem(shown))
        elif is_foreign(entry.name):
            self._skipped[extension_of(entry.name)] += 1
        else:
            mode = os.stat(target).st_mode
            self._add(entry.path, label, problem_of_mode(mode, shown) or problem_of_name(shown))

    def _add(self, place: str, label: str, problem: Problem | None) -> None:
        self._examples.append(Example(self._show(place), label, problem or Path(place)))

    def _show(self, place: str) -> str:
        return display_path(os.path.relpath(place, self._root))

    def result(self, loose: int) -> ExampleSet:
        """Answer all that was found."""
        skipped = {extension: count for extension, count in sorted(self._skipped.items()) if count}
        return ExampleSet(tuple(self._examples), skipped, tuple(self._warnings(loose)))

    def _warnings(self, loose: int) -> Iterator[str]:
        if self._empty:
            names = ", ".join(repr(name) for name in self._empty[:_EMPTY_SHOWN])
            more = len(self._empty) - _EMPTY_SHOWN
            tail = f" and {more} more" if more > 0 else ""
            what = "class folder holds" if len(self._empty) == 1 else "class folders hold"
            left = "is" if len(self._empty) == 1 else "are"
            yield f"{len(self._empty)} {what} no image and {left} left out: {names}{tail}"
        if loose:
            shown = display_path(self._root)
            what, left = ("image lies", "is") if loose == 1 else ("images lie", "are")
            yield f"{loose} {what} in {shown} itself, in no class folder, and {left} left out"


def _no_images(shown: str, folders: int, found: ExampleSet) -> InvalidArgument:
    others = ", ".join(f"{count} {extension} files" for extension, count in found.skipped.items())
    return InvalidArgument(
        f"{shown} has {folders} class folders and no image in any; put the images of each class"
        f" into its folder. Received: {others or 'no files'}"
    )


def _visible(place: str | Path) -> list[os.DirEntry[str]]:
    """Answer the entries that are not hidden, in an order that every machine agrees on."""
    with os.scandir(place) as entries:
        found = [entry for entry in entries if not entry.name.startswith(".")]
    return sorted(found, key=lambda entry: os.fsencode(entry.name))


def _link_problem(path: str) -> Problem:
    return Problem(
        "INVALID_ARGUMENT",
        f"{path} is a symbolic link to a folder or out of the data set's folder and was not"
        f" followed; put a copy in its place. Received: {path!r}",
    )


def _broken(path: str) -> Problem:
    return Problem("NOT_FOUND", f"{path} is a symbolic link to nothing. Received: {path!r}")


def _too_deep(path: str) -> Problem:
    return Problem(
        "INVALID_ARGUMENT",
        f"{path} lies more than {MAX_DEPTH} folders deep and was not entered. Received: {path!r}",
    )


def _unreadable(path: str, error: OSError) -> Problem:
    return Problem(
        "INVALID_ARGUMENT", f"{path} cannot be read: {error.strerror}. Received: {path!r}"
    )
