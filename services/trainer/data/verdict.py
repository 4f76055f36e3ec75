"""The verdict on one example of an import: taken, or refused with a sentence that says why."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Literal, NamedTuple

from graft.boxes import Drawing
from graft.content import MAX_TEXT_BYTES
from graft.errors import GraftError
from graft.fitting import Fitted, fit
from graft.trainer.v1 import dataset_service_pb2 as pb
from services.common import image
from services.trainer.data import fingerprint
from services.trainer.data.rows import ACCEPTED, REJECTED, SEVERAL, Part, Row, key_of
from services.trainer.data.sketch import DECODE_SIZE, draw

MAX_LABEL_BYTES: Final = 200
MAX_LABELS: Final = 100
"""Labels of one example."""
MAX_PATH_BYTES: Final = 1024
_MAX_DETAIL: Final = 500
_SHOWN: Final = 40
_JPEG: Final = b"\xff\xd8"


def judge(example: pb.Example, limits: image.ImageLimits = image.DEFAULT_LIMITS) -> Row:
    """Look at one example, decoding its image; never raises for what an example may hold. One with
    an image and a text is refused when either is bad."""
    picture, text = _part(example, "image"), _part(example, "text")
    key = key_of([part for part in (picture, text) if part])
    path = _cut(example.path, MAX_PATH_BYTES)
    labels = tuple(sorted(set(example.labels)))
    why, several, size = _fault(example), False, (0, 0)
    if picture and not why:
        why, picture, several, size = _image_looked_at(picture, limits)
        why = f"its image: {why}" if why and text else why
    if text and not why:
        why, text = _text_looked_at(text)
        why = f"its text: {why}" if why and picture else why
    fitted = Fitted("")
    if labels or text:
        size = (0, 0)
    elif not why:
        fitted = fit(Drawing.from_proto(example), *size)
        why = fitted.why
    if why:
        some = tuple(_cut(label, MAX_LABEL_BYTES) for label in labels[:MAX_LABELS])
        return Row(key, path, some, REJECTED, why[:_MAX_DETAIL])
    labels = labels or tuple(sorted({one.label for one in fitted.boxes if not one.crowd}))
    size_bytes = sum(len(part.content) for part in (picture, text) if part)
    detail = f"{size_bytes} {SEVERAL}" if several else str(size_bytes)
    row = Row(key, path, labels, ACCEPTED, detail, picture, text)
    return replace(row, size=size, boxes=fitted.boxes, note=fitted.note[:_MAX_DETAIL])


def _part(example: pb.Example, name: Literal["image", "text"]) -> Part | None:
    """The image or the text of an example as it came."""
    if not example.content.HasField(name):
        return None
    content = example.content.text.encode() if name == "text" else example.content.image
    return Part(hashlib.sha256(content).digest(), content)


def refuse(row: Row, why: str) -> Row:
    """The row with the verdict turned: rejected, for a reason that lies outside the example."""
    return Row(row.key, row.path, row.labels, REJECTED, why)


def _fault(example: pb.Example) -> str:
    """What is wrong with all but the pixels, or nothing."""
    if example.HasField("problem"):
        return example.problem.message or "the client could not read the file"
    if not example.path:
        return "the example has no path; send the name of the file, for the report"
    if why := _fault_of_labels(example.labels):
        return why
    if why := _fault_of_boxes(example):
        return why
    if not (example.content.HasField("image") or example.content.HasField("text")):
        return "the example has no content; send the bytes of an image file, or a text"
    return ""


def _fault_of_labels(labels: Sequence[str]) -> str:
    """What is wrong with the labels, or nothing. None at all may be right: see `sort_out`."""
    if len(labels) > MAX_LABELS:
        return f"an example takes at most {MAX_LABELS} labels. Received: {len(labels)} labels"
    for label in labels:
        if not label.strip():
            return "the label is empty; give every example a label"
        size = len(label.encode())
        if size > MAX_LABEL_BYTES:
            return (
                f"a label takes at most {MAX_LABEL_BYTES} bytes; shorten it. Received: {size} bytes"
            )
    return ""


def _fault_of_boxes(example: pb.Example) -> str:
    """What is wrong with boxes apart from their places, or nothing."""
    if not example.boxes:
        return ""
    if example.labels:
        return (
            "an example has labels or boxes with a label each, not both; leave the labels out."
            f" Received: {len(example.labels)} labels, {len(example.boxes)} boxes"
        )
    if example.content.HasField("text"):
        what = "an image with a text" if example.content.HasField("image") else "a text"
        return f"{what} has no boxes; leave them out. Received: {len(example.boxes)} boxes"
    for number, one in enumerate(example.boxes, start=1):
        if why := _fault_of_labels([one.label]):
            return f"{one.origin or f'box {number}'}: {why}"
    return ""


class _Looked(NamedTuple):
    """What is wrong with the pixels of an image, or nothing, the part with their sketch, whether
    the file holds several pictures, and the width and height of the upright one."""

    why: str
    part: Part
    several: bool = False
    size: tuple[int, int] = (0, 0)


def _image_looked_at(part: Part, limits: image.ImageLimits) -> _Looked:
    """A JPEG is decoded as small as the sketch allows: every byte of it is read all the same."""
    try:
        picture = image.decode_picture(part.content, limits=limits, size_hint=DECODE_SIZE)
        size = image.upright_size(part.content, picture, limits=limits)
        sketch = draw(picture)
    except GraftError as error:
        return _Looked(error.message, part)
    several = _has_several(part.content, limits)
    return _Looked("", replace(part, sketch=sketch), several, size)


def _text_looked_at(part: Part) -> tuple[str, Part]:
    """What is wrong with a text, or nothing, and the part with its fingerprint."""
    text, size = part.content.decode(), len(part.content)
    if size > MAX_TEXT_BYTES:
        why = f"a text takes at most {MAX_TEXT_BYTES} bytes of UTF-8; cut it. Received: {size}"
        return why, part
    if all(unicodedata.category(character)[0] in "ZC" for character in text):
        why = f"the text is blank; leave it out, or write what it says. Received: {text[:_SHOWN]!r}"
        return why, part
    return "", replace(part, sketch=fingerprint.take(text))


def _has_several(content: bytes, limits: image.ImageLimits) -> bool:
    """Whether a good image is an animation or has pages. What a JPEG carries beside its picture
    (a preview, a depth map) is no page."""
    if content.startswith(_JPEG):
        return False
    try:
        return image.inspect(content, limits=limits).frames > 1
    except GraftError:  # its first picture was read; what follows is damaged
        return True


def _cut(text: str, limit: int) -> str:
    """The text, or its beginning and three dots, in at most `limit` bytes."""
    raw = text.encode()
    if len(raw) <= limit:
        return text
    return raw[: limit - 3].decode(errors="ignore") + "..."
