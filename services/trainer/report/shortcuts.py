"""Shortcuts, as a part of the page, with the region that gives a class away outlined."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Final

from PIL import Image, ImageDraw, UnidentifiedImageError

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.glimpses import Glimpse
from services.trainer.report.markup import gallery, picture, section, text
from services.trainer.report.plain import count

MAX_SHOWN: Final = 10
_OUTLINE: Final = "#ff6000"
_PAPER: Final = "#dde3e9"
_RING: Final = 1 / 8  # the share of a side that counts as border
_QUALITY: Final = 80


def shown(evaluation: pb.Evaluation) -> set[str]:
    """The SHA-256 (hex) of the pictures that the section has a place for."""
    return {sha256 for found in evaluation.shortcuts[:MAX_SHOWN] for sha256 in found.sha256}


def shortcuts(evaluation: pb.Evaluation, glimpses: Mapping[str, Glimpse]) -> str:
    """What gives classes away without showing them; nothing where nothing does."""
    if not evaluation.shortcuts:
        return ""
    classes = count(len(evaluation.shortcuts), "class", "classes")
    lead = (
        f"{classes} can be told without looking at the thing itself. The accuracy above"
        " counts such answers as right; on pictures without the outlined region it may be lower."
    )
    body = "".join(_shortcut(found, glimpses) for found in evaluation.shortcuts[:MAX_SHOWN])
    method = (
        '<p class="method">How they were found: on one half of the pictures a small window, or the'
        " border, was taught to tell the class; on the other half it recognised the stated share of"
        " it, with one false alarm in fifty pictures of other classes.</p>"
    )
    return section("Shortcuts", lead, body, method)


def _shortcut(found: pb.Shortcut, glimpses: Mapping[str, Glimpse]) -> str:
    figures = []
    for sha256 in found.sha256:
        jpeg = glimpses.get(sha256)
        drawn = outlined(jpeg, found) if isinstance(jpeg, bytes) else None
        figures.append(f"<figure>{picture(drawn, found.label)}</figure>")
    title = f"{found.label}: {'a mark' if found.kind == 'mark' else 'the background'}"
    return f"<h3>{text(title)}</h3><p>{text(found.sentence)}</p>{gallery(figures)}"


def outlined(jpeg: bytes, found: pb.Shortcut) -> bytes | None:
    """The picture with the region outlined, on a square so that no edge is cut off, as a JPEG; None
    where it cannot be read."""
    try:
        image = Image.open(io.BytesIO(jpeg)).convert("RGB")
    except (UnidentifiedImageError, OSError):
        return None
    draw = ImageDraw.Draw(image)
    for left, top, right, bottom in _boxes(found):
        box = [
            round(left * image.width),
            round(top * image.height),
            max(round(left * image.width), round(right * image.width) - 1),
            max(round(top * image.height), round(bottom * image.height) - 1),
        ]
        draw.rectangle(box, outline=_OUTLINE, width=2)
    side = max(image.size)
    square = Image.new("RGB", (side, side), _PAPER)
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    out = io.BytesIO()
    square.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


def _boxes(found: pb.Shortcut) -> list[tuple[float, float, float, float]]:
    """Left, top, right, bottom in shares: the region, and of a background the inner edge too."""
    right, bottom = found.left + found.width, found.top + found.height
    region = [(found.left, found.top, right, bottom)]
    if found.kind == "mark":
        return region
    return [*region, (_RING, _RING, 1 - _RING, 1 - _RING)]
