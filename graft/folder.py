"""A folder of class folders: PATH/label/**/file; the first folder's name is the label.

The files are images, or texts whose names end in .txt: of a mixture the kind with more files is
taken. Hidden files are ignored, symbolic links are followed to files inside PATH and nowhere else.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from graft.content import Problem, display_path
from graft.errors import InvalidArgument
from graft.examples import (
    Example,
    ExampleSet,
    check_label,
    extension_of,
    kind_of,
    problem_of_mode,
    problem_of_name,
)

MAX_DEPTH: Final = 32
"""Folders below a class folder; deeper ones are reported."""

_NOT_CLASSES: Final = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN"})
_EMPTY_SHOWN: Final = 5


def read_folder(root: Path) -> ExampleSet:
    """Read a folder; raise InvalidArgument when it has no class folder, or nothing in any."""
    reader = _Reader(root)
    classes, loose = reader.classes()
    if not classes:
        shown = display_path(root)
        raise InvalidArgument(
            f"{shown} has no class folders; wanted one folder a class, with its images or .txt"
            f" files in it, such as {shown}/cat/1.jpg."
            f" Received: {loose.total()} files and no folder"
        )
    for entry in classes:
        reader.read_class(entry)
    found = reader.result(loose)
    if not found.examples:
        raise _nothing(display_path(root), len(classes), found)
    return found


class _Reader:
    """Owns what was found under one root."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._inside = os.path.realpath(root)
        self._examples: list[Example] = []
        self._kinds: list[str] = []  # of each example, empty where it is no file
        self._skipped: Counter[str] = Counter()
        self._labels: list[str] = []

    def classes(self) -> tuple[list[os.DirEntry[str]], Counter[str]]:
        """Answer the class folders by name, and how many files of each kind lie beside them."""
        try:
            entries = _visible(self._root)
        except OSError as error:
            raise InvalidArgument(
                f"{display_path(self._root)} cannot be read: {error.strerror}."
                f" Received: {display_path(self._root)!r}"
            ) from error
        loose: Counter[str] = Counter()
        folders = []
        for entry in entries:
            if entry.is_dir() and entry.name not in _NOT_CLASSES:
                folders.append(entry)
            elif not entry.is_dir():
                kind = kind_of(entry.name)
                (loose if kind else self._skipped)[kind or extension_of(entry.name)] += 1
        return folders, loose

    def read_class(self, entry: os.DirEntry[str]) -> None:
        """Read one class folder to its depths."""
        name = display_path(entry.name)
        label = check_label(name, f"the folder {display_path(entry.path)}")
        self._labels.append(label)
        if entry.is_symlink():
            self._add(entry.path, label, "", _link_problem(name))
        else:
            self._walk(entry.path, label, 0)

    def _walk(self, place: str, label: str, depth: int) -> None:
        try:
            entries = _visible(place)
        except OSError as error:
            self._add(place, label, "", _unreadable(self._show(place), error))
            return
        for entry in entries:
            self._visit(entry, label, depth)

    def _visit(self, entry: os.DirEntry[str], label: str, depth: int) -> None:
        shown, kind = self._show(entry.path), kind_of(entry.name)
        if entry.is_symlink():
            self._visit_link(entry, label)
        elif entry.is_dir():
            if depth < MAX_DEPTH:
                self._walk(entry.path, label, depth + 1)
            else:
                self._add(entry.path, label, "", _too_deep(shown))
        elif not kind:
            self._skipped[extension_of(entry.name)] += 1
        else:
            mode = entry.stat(follow_symlinks=False).st_mode
            problem = problem_of_mode(mode, shown) or problem_of_name(shown)
            self._add(entry.path, label, kind, problem)

    def _visit_link(self, entry: os.DirEntry[str], label: str) -> None:
        shown, target = self._show(entry.path), os.path.realpath(entry.path)
        kind = kind_of(entry.name)
        if not os.path.exists(target):
            self._add(entry.path, label, kind, _broken(shown))
        elif os.path.isdir(target) or os.path.commonpath((self._inside, target)) != self._inside:
            self._add(entry.path, label, "", _link_problem(shown))
        elif not kind:
            self._skipped[extension_of(entry.name)] += 1
        else:
            mode = os.stat(target).st_mode
            problem = problem_of_mode(mode, shown) or problem_of_name(shown)
            self._add(entry.path, label, kind, problem)

    def _add(self, place: str, label: str, kind: str, problem: Problem | None) -> None:
        self._examples.append(Example(self._show(place), label, problem or Path(place)))
        self._kinds.append(kind)

    def _show(self, place: str) -> str:
        return display_path(os.path.relpath(place, self._root))

    def result(self, loose: Counter[str]) -> ExampleSet:
        """Answer all that was found, of one kind; what is of the other one is a problem."""
        counts = Counter(self._kinds)
        kind = "text" if counts["text"] > counts["image"] else "image"
        examples = tuple(map(partial(_of_kind, kind), self._examples, self._kinds))
        warnings = tuple(self._warnings(kind, counts, loose[kind]))
        return ExampleSet(examples, dict(sorted(self._skipped.items())), warnings)

    def _without(self, kind: str) -> list[str]:
        """The classes that have nothing of a kind, and nothing that could be of it."""
        held = {
            label
            for one, found in zip(self._examples, self._kinds, strict=True)
            if found in ("", kind)
            for label in one.labels
        }
        return [label for label in self._labels if label not in held]

    def _warnings(self, kind: str, counts: Counter[str], loose: int) -> Iterator[str]:
        shown = display_path(self._root)
        other = "image" if kind == "text" else "text"
        if counts[other]:
            yield (
                f"{shown} mixes {_counted(counts, kind)} and {_counted(counts, other)}: a data set"
                f" holds one kind, and the {other}s are left out"
            )
        if empty := self._without(kind):
            names = ", ".join(repr(name) for name in empty[:_EMPTY_SHOWN])
            more = len(empty) - _EMPTY_SHOWN
            tail = f" and {more} more" if more > 0 else ""
            what = "class folder holds" if len(empty) == 1 else "class folders hold"
            left = "is" if len(empty) == 1 else "are"
            yield f"{len(empty)} {what} no {kind} and {left} left out: {names}{tail}"
        if loose:
            what, left = (f"{kind} lies", "is") if loose == 1 else (f"{kind}s lie", "are")
            yield f"{loose} {what} in {shown} itself, in no class folder, and {left} left out"


def _of_kind(wanted: str, example: Example, kind: str) -> Example:
    """The example; where it is of the other kind, why it is not taken."""
    if kind in ("", wanted) or isinstance(example.source, Problem):
        return example
    problem = Problem(
        "MODALITY_MISMATCH",
        f"{example.path} is {_a(kind)} among {wanted}s; a data set holds one kind: put {kind}s into"
        f" a folder of their own. Received: {example.path!r}",
    )
    return Example(example.path, example.labels, problem)


def _counted(counts: Counter[str], kind: str) -> str:
    return f"{counts[kind]} {kind}" if counts[kind] == 1 else f"{counts[kind]} {kind}s"


def _a(kind: str) -> str:
    return f"an {kind}" if kind == "image" else f"a {kind}"


def _nothing(shown: str, folders: int, found: ExampleSet) -> InvalidArgument:
    others = ", ".join(f"{count} {extension} files" for extension, count in found.skipped.items())
    return InvalidArgument(
        f"{shown} has {folders} class folders and no image or .txt file in any; put those of each"
        f" class into its folder. Received: {others or 'no files'}"
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
