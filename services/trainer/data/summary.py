"""What is told of the rows of a data set: what was taken and what was not, and why. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from graft.model.v1 import evaluation_pb2
from services.trainer.data.boxes import warnings_about_boxes
from services.trainer.data.rows import (
    BOTH,
    IMAGE,
    MODALITIES,
    REJECTED,
    TEXT,
    Row,
    Sorting,
    label_counts,
    used_boxes,
)

MAX_ISSUES: Final = 100
"""Doubtful files named in a summary; all are counted."""
FEW: Final = 5
"""A class with fewer examples gets a warning."""
IMBALANCE: Final = 10
"""So many times as many examples in the largest class as in the smallest get a warning."""
_NAMED: Final = 5
_ARTICLES: Final = {IMAGE: "an image", TEXT: "a text"}
_UNLABELLED: Final = (
    "it bears no label, and no example of this data set bears several, or boxes; give it one, such"
    " as 'none', or, where it shows none of the things to be found, draw boxes on other pictures"
)
_UNBOXED: Final = (
    "it bears labels and no boxes, and others of this data set have boxes; draw its boxes, or send"
    " it without labels where it shows no such thing"
)


def summarise(
    rows: Sequence[Row], sorting: Sorting, *, since: int = 0
) -> evaluation_pb2.DataSummary:
    """What was taken and what was not, and why.

    Rejections, duplicates and conflicts are told of the rows from number `since` on.
    """
    piles = {
        "rejected": [n for n in sorting.rejected if n >= since],
        "duplicate": [n for n in sorting.duplicates if n >= since],
        "conflict": [n for n in sorting.conflicts if n >= since],
        "noted": [n for n in sorting.used if n >= since and rows[n].note],
    }
    return evaluation_pb2.DataSummary(
        example_count=len(sorting.used),
        rejected_count=len(piles["rejected"]),
        duplicate_count=len(piles["duplicate"]),
        conflict_count=len(piles["conflict"]),
        issues=_issues(rows, sorting, piles),
        warnings=[*warnings_of(rows, sorting), *_about_several(rows[since:])],
        modality=MODALITIES[sorting.modality],
    )


def _about_several(rows: Sequence[Row]) -> list[str]:
    paths = [row.path for row in rows if row.several]
    if not paths:
        return []
    files = "1 file holds" if len(paths) == 1 else f"{len(paths)} files hold"
    shown = ", ".join(map(repr, paths[:_NAMED])) + (", ..." if len(paths) > _NAMED else "")
    return [
        f"{files} more than one picture, an animation or pages ({shown}); the first picture is"
        " used: save another one as a file of its own where that is meant"
    ]


def _issues(
    rows: Sequence[Row], sorting: Sorting, piles: dict[str, list[int]]
) -> list[evaluation_pb2.ImportIssue]:
    """The first issues: conflicts and rejections, which want an answer, before duplicates."""
    kinds = ("conflict", "rejected", "noted", "duplicate")
    order = [number for kind in kinds for number in piles[kind]][:MAX_ISSUES]
    first: dict[bytes, Row] = {}
    for number in (*sorting.used, *sorting.conflicts):  # ascending, and no key is in both
        first.setdefault(rows[number].key, rows[number])
    kind = {number: name for name, numbers in piles.items() for number in numbers}
    return [
        evaluation_pb2.ImportIssue(
            path=rows[number].path,
            labels=rows[number].labels,
            message=_message(
                rows[number], kind[number], first.get(rows[number].key), sorting.modality
            ),
        )
        for number in order
    ]


def _message(row: Row, kind: str, first: Row | None, modality: str) -> str:
    if row.verdict == REJECTED:
        return row.detail
    if modality not in (BOTH, row.modality):
        return (
            f"the data set holds {modality}s, as its first usable example is one; put"
            f" {row.modality}s into another one. Received: {_ARTICLES[row.modality]}"
        )
    if kind == "rejected" or first is None:
        return _UNBOXED if row.labels else _UNLABELLED
    if kind == "noted":
        return row.note
    if row.boxes or first.boxes:
        return _boxed_message(kind, row, first)
    if kind == "duplicate":
        which = "label" if len(first.labels) == 1 else "labels"
        return f"the same bytes as {first.path!r}, which has the same {which}; used once"
    under = ", ".join(map(repr, first.labels)) or "no label"
    single = len(row.labels) == len(first.labels) == 1
    what = "two labels or more" if single else "different labels"
    return (
        f"the same bytes stand under {what} (first as {first.path!r}, {under}); left out of"
        " training: remove all but the right one"
    )


def _boxed_message(kind: str, row: Row, first: Row) -> str:
    if kind == "duplicate":
        if row.boxes == first.boxes:
            return f"the same bytes as {first.path!r}, which has the same boxes; used once"
        return (
            f"the same bytes as {first.path!r}, whose boxes are drawn a little otherwise around the"
            " same things; those are used"
        )
    count = "1 box" if len(first.boxes) == 1 else f"{len(first.boxes) or 'no'} boxes"
    return (
        f"the same bytes stand under different boxes (first as {first.path!r}, {count}); left out"
        " of training: remove all but the right one"
    )


def warnings_of(rows: Sequence[Row], sorting: Sorting) -> list[str]:
    """Sentences about the used examples as a whole."""
    if sorting.boxed and sorting.used:
        return warnings_about_boxes(used_boxes(rows, sorting))
    return warnings_about(label_counts(rows, sorting), several=sorting.multi_label)


def warnings_about(counts: dict[str, int], *, several: bool = False) -> list[str]:
    """Sentences about the data as a whole; `counts` has the used examples of each label. Where an
    example may bear `several`, each label is told from its absence, and no two are balanced."""
    if not counts:
        return ["there is no usable example; import some of two classes or more"]
    if len(counts) == 1:
        return [f"there is only one class, {next(iter(counts))!r}; add examples of another one"]
    found = []
    if few := {label: n for label, n in counts.items() if n < FEW}:
        found.append(
            f"{_classes(len(few))} fewer than {FEW} examples ({_named(few)});"
            " add some, or expect a wide interval for its accuracy"
        )
    most, least = max(counts.values()), min(counts.values())
    if most >= IMBALANCE * least and not several:
        found.append(
            f"the largest class has {most} examples and the smallest {least}; classes of like size"
            " make a fairer model"
        )
    return found


def warning_of_copies(counts: dict[str, int]) -> str:
    """What to say where all examples of some labels look like copies of one; `counts` has how many
    each of them has, one label at least."""
    what = (
        "all {1} examples of {0} look like copies of one".format(*next(iter(counts.items())))
        if len(counts) == 1
        else f"all examples of each of {len(counts)} classes look like copies of one"
        f" ({_named(counts)})"
    )
    whose = "its" if len(counts) == 1 else "their"
    return (
        f"{what}; they were held out from each other, so that {whose} figures may be far too good:"
        " add others that differ"
    )


def _classes(count: int) -> str:
    return "1 class has" if count == 1 else f"{count} classes have"


def _named(few: dict[str, int]) -> str:
    smallest = sorted(few.items(), key=lambda item: (item[1], item[0]))
    text = ", ".join(f"{label}: {n}" for label, n in smallest[:_NAMED])
    return text + (", ..." if len(few) > _NAMED else "")
