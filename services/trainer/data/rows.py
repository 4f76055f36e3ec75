"""The rows of one version of a data set, and what follows from them. Pure.

A row is written once, at import, and says only what was seen then; which rows are used for training
follows from all of them together, so that it is the same whatever the order of the imports.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from graft.boxes import LabelledBox
from graft.embedder.v1 import backbone_pb2
from services.trainer.data.boxes import box_counts, same_things

ACCEPTED: Final = "accepted"
REJECTED: Final = "rejected"
IMAGE: Final = "image"
TEXT: Final = "text"
BOTH: Final = "image and text"
PARTS: Final = (IMAGE, TEXT)
MODALITIES: Final = {
    "": backbone_pb2.MODALITY_UNSPECIFIED,
    IMAGE: backbone_pb2.MODALITY_IMAGE,
    TEXT: backbone_pb2.MODALITY_TEXT,
    BOTH: backbone_pb2.MODALITY_IMAGE_AND_TEXT,
}
SEVERAL: Final = "several pictures"
"""Stands behind the size of a file that is an animation or has several pages."""


@dataclass(frozen=True, slots=True)
class Part:
    """The image or the text of an example: `key` is the SHA-256 of `content`, the whole file or
    the text in UTF-8. `sketch` is the sketch of an image or the fingerprint of a text. Both are
    empty where they are stored with an earlier row, or were not read."""

    key: bytes
    content: bytes = b""
    sketch: bytes = b""


@dataclass(frozen=True, slots=True)
class Row:
    """One example as it came.

    `key` names its content: that of its only part, or of both (see `key_of`). `labels` are by name,
    each once. `detail` says why a row was rejected; of an accepted one, the size of its parts in
    bytes, and SEVERAL where that is so. A rejected row has no parts.

    Of a picture that came without labels, `size` is its width and height, upright. Its `boxes` are
    by label and place, each once, and `labels` those of its single things; `note` tells what was
    mended of them.
    """

    key: bytes
    path: str
    labels: tuple[str, ...]
    verdict: str
    detail: str
    image: Part | None = None
    text: Part | None = None
    size: tuple[int, int] = (0, 0)
    boxes: tuple[LabelledBox, ...] = ()
    note: str = ""

    @property
    def parts(self) -> dict[str, Part]:
        """What it has of an image and a text."""
        return {
            name: part
            for name, part in zip(PARTS, (self.image, self.text), strict=True)
            if part is not None
        }

    @property
    def modality(self) -> str:
        """IMAGE, TEXT or BOTH; empty where rejected."""
        parts = self.parts
        return BOTH if len(parts) > 1 else next(iter(parts), "")

    def bare(self) -> Row:
        """The row without the contents and sketches of its parts."""
        image, text = (part and Part(part.key) for part in (self.image, self.text))
        return replace(self, image=image, text=text)

    def sketched(self) -> Row:
        """The row without the contents of its parts, but with their sketches."""
        image, text = (
            part and Part(part.key, sketch=part.sketch) for part in (self.image, self.text)
        )
        return replace(self, image=image, text=text)

    @property
    def size_bytes(self) -> int:
        """The size of an accepted example: of its file, its text, or both together."""
        return int(self.detail.partition(" ")[0])

    @property
    def several(self) -> bool:
        """Whether an accepted file holds more pictures than the first one, which is used."""
        return self.verdict == ACCEPTED and self.detail.endswith(SEVERAL)


def key_of(parts: Sequence[Part]) -> bytes:
    """The key of an example: that of its only part, or the SHA-256 of the keys of both, the image
    first. Of nothing, that of no bytes."""
    if len(parts) == 1:
        return parts[0].key
    return hashlib.sha256(b"".join(part.key for part in parts)).digest()


@dataclass(frozen=True, slots=True)
class Sorting:
    """Row numbers, ascending, by what is made of them; every row is in exactly one.

    `multi_label` says that some accepted row bears several labels: only then is one without a
    label an answer, and not a gap. `boxed` says that some accepted row has boxes: then one without
    shows nothing, and one with labels alone is a gap. `modality` is what those used are, all of
    them: see `modality_of`.
    """

    used: tuple[int, ...]
    rejected: tuple[int, ...]
    duplicates: tuple[int, ...]
    conflicts: tuple[int, ...]
    multi_label: bool
    boxed: bool
    modality: str


def sort_out(rows: Sequence[Row]) -> Sorting:
    """Decide what is used: of one modality, each content once, and none that stands under two sets
    of labels or around whose things other boxes are drawn."""
    modality = modality_of(rows)
    fitting = [row.verdict == ACCEPTED and modality in (BOTH, row.modality) for row in rows]
    some = [row for row, good in zip(rows, fitting, strict=True) if good]
    boxed = any(row.boxes for row in some)
    multi_label = not boxed and any(len(row.labels) > 1 for row in some)
    usable = [
        good and _answers(row, multi_label, boxed) for row, good in zip(rows, fitting, strict=True)
    ]
    first: dict[bytes, Row] = {}
    torn: set[bytes] = set()
    for row, good in zip(rows, usable, strict=True):
        if good and not _agree(first.setdefault(row.key, row), row):
            torn.add(row.key)
    seen: set[bytes] = set()
    found: tuple[list[int], ...] = ([], [], [], [])
    for number, (row, good) in enumerate(zip(rows, usable, strict=True)):
        found[_pile(row, torn, seen) if good else 1].append(number)
        if good:
            seen.add(row.key)
    used, rejected, duplicates, conflicts = (tuple(pile) for pile in found)
    return Sorting(used, rejected, duplicates, conflicts, multi_label, boxed, modality)


def _agree(first: Row, other: Row) -> bool:
    """Whether two rows of the same bytes say the same. Boxes that were drawn twice by hand do."""
    return first.labels == other.labels and same_things(first.boxes, other.boxes)


def _answers(row: Row, multi_label: bool, boxed: bool) -> bool:
    """Whether what a fitting row bears is an answer among the others."""
    if boxed:
        return bool(row.boxes) or not row.labels
    return multi_label or bool(row.labels)


def _pile(row: Row, torn: set[bytes], seen: set[bytes]) -> int:
    """The position in Sorting of the pile that a usable row goes to."""
    if row.key in torn:
        return 3
    return 2 if row.key in seen else 0


def modality_of(rows: Sequence[Row]) -> str:
    """What rows must be to be used: BOTH, which takes images and texts too, where an accepted one
    has both, and none has boxes, which are of images; else IMAGE or TEXT as the first that was
    accepted. Empty without any."""
    accepted = [row for row in rows if row.verdict == ACCEPTED]
    found = dict.fromkeys(row.modality for row in accepted)
    if BOTH in found:
        return IMAGE if any(row.boxes for row in accepted) else BOTH
    return next(iter(found), "")


def used_boxes(rows: Sequence[Row], sorting: Sorting) -> list[tuple[LabelledBox, ...]]:
    """The boxes of each used example."""
    return [rows[number].boxes for number in sorting.used]


def label_box_counts(rows: Sequence[Row], sorting: Sorting) -> dict[str, int]:
    """How many boxes of each label the used examples have, crowds left out, by label."""
    return box_counts(used_boxes(rows, sorting))


def label_counts(rows: Sequence[Row], sorting: Sorting) -> dict[str, int]:
    """How many used examples bear each label, by label."""
    counts = Counter(label for number in sorting.used for label in rows[number].labels)
    return dict(sorted(counts.items()))
