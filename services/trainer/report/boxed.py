"""Pictures with boxes: what there is, what was found, and what was answered wrong."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.glimpses import Glimpse
from services.trainer.report.markup import gallery, section, text
from services.trainer.report.plain import count, percent

SIDE: Final = 480
"""Pixels of the longer side of such a picture: enough to see what a box holds."""
MAX_BOXES: Final = 300
"""Of one picture; what goes wrong is drawn first."""
MAX_NAMED: Final = 12
"""In a picture with more boxes the right ones bear no words, which would hide it."""

_SHOWN: Final = (460.0, 640.0)  # pixels that a picture is wide in the page, and high at most
_LETTER: Final = 13.0  # pixels of a letter there
_CROWDED: Final = 0.75  # of that where there are many boxes
_LEAD: Final = (
    "Each was answered by a detector that had not seen it; those with most wrong come first. Point "
    "at a box to read what it is."
)


@dataclass(frozen=True, slots=True)
class _Look:
    """How a box is drawn; an empty `dash` is a whole line. The colours are of the set that Okabe
    and Ito (2008) chose for people who see fewer of them, made lighter."""

    meaning: str
    colour: str
    dash: str = ""


_FOUND: Final = _Look("a thing that was found", "#56b4e9")
_MISSED: Final = _Look("a thing that was missed", "#ffd84d", "7 5")
_CROWD: Final = _Look("several things in one box: not judged", "#c3cbd3", "2 4")
_RIGHT: Final = _Look("a right answer", "#2fc795")
_WRONG: Final = _Look("a wrong answer", "#ff6a3d")

KINDS: Final = {
    "missed": (_MISSED, "missed"),
    "background": (_WRONG, "nothing is there"),
    "wrong_class": (_WRONG, "it is of another class"),
    "wrong_place": (_WRONG, "it lies beside the thing"),
    "duplicate": (_WRONG, "the thing has a box already"),
    "hit": (_RIGHT, "right"),
    "found": (_FOUND, "found"),
    "crowd": (_CROWD, "not judged"),
}
"""How each kind of box is drawn and told, what goes wrong first."""
_THINGS: Final = ("missed", "found", "crowd")


def shown(evaluation: pb.Evaluation) -> set[str]:
    """The SHA-256 (hex) of the pictures, which are wanted with SIDE pixels."""
    return {found.sha256 for found in evaluation.detection.pictures}


def pictures(evaluation: pb.Evaluation, glimpses: Mapping[str, Glimpse]) -> str:
    """Every picture of the report with its boxes; nothing for none."""
    found = evaluation.detection.pictures
    if not found:
        return ""
    figures = (_figure(one, glimpses.get(one.sha256)) for one in found)
    crowd = any(box.kind == "crowd" for one in found for box in one.boxes)
    drawn = gallery(figures, kind="boxed")
    return section("What it finds, and what it does not", _LEAD, _legend(crowd=crowd), drawn)


def _legend(*, crowd: bool) -> str:
    looks = [_FOUND, _MISSED, _RIGHT, _WRONG, *([_CROWD] if crowd else [])]
    parts = (
        '<span><svg width="26" height="16" aria-hidden="true"><rect x="2" y="2" width="22" '
        f'height="12" {_stroke(look)}/></svg>{text(look.meaning)}</span>'
        for look in looks
    )
    return f'<p class="legend">{"".join(parts)}</p>'


def _figure(found: pb.DetectedPicture, glimpse: Glimpse | None) -> str:
    caption = f'{text(_told(found))}<span class="path">{text(found.path)}</span>'
    return f"<figure>{_drawing(found, glimpse)}<figcaption>{caption}</figcaption></figure>"


def _told(found: pb.DetectedPicture) -> str:
    """What came of the picture, in a sentence."""
    kinds = [box.kind for box in found.boxes]
    there, missed = kinds.count("found") + kinds.count("missed"), kinds.count("missed")
    wrong = len(kinds) - there - kinds.count("hit") - kinds.count("crowd")
    things = f"{there - missed:,} of {count(there, 'thing')} found" if there else "Shows nothing"
    boxes = f"{count(wrong, 'wrong box', 'wrong boxes')}" if wrong else "no wrong box"
    left = len(kinds) - MAX_BOXES
    more = f" {left:,} right boxes are not drawn." if left > 0 else ""
    return f"{things}, {boxes}.{more}"


def _drawing(found: pb.DetectedPicture, glimpse: Glimpse | None) -> str:
    """The picture and its boxes in pixels of the whole one, whatever the thumbnail has."""
    width, height = max(found.width, 1), max(found.height, 1)
    letter = _LETTER * max(width / _SHOWN[0], height / _SHOWN[1])
    ordered = sorted(found.boxes, key=lambda box: list(KINDS).index(box.kind))[:MAX_BOXES]
    crowded = len(ordered) > MAX_NAMED
    letter *= _CROWDED if crowded else 1.0
    # What is drawn later covers what was drawn before, so what goes wrong comes last.
    boxes = "".join(_box(box, width, letter, crowded) for box in reversed(ordered))
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{text(_told(found))}" '
        f'style="font-size:{letter:.1f}px">{_photo(glimpse, width, height)}<g>{boxes}</g></svg>'
    )


def _photo(glimpse: Glimpse | None, width: int, height: int) -> str:
    jpeg = glimpse[0] if isinstance(glimpse, tuple) else glimpse
    if not isinstance(jpeg, bytes) or not jpeg:
        return f'<rect class="track" width="{width}" height="{height}"/>'
    data = base64.b64encode(jpeg).decode("ascii")
    return (
        f'<image href="data:image/jpeg;base64,{data}" width="{width}" height="{height}" '
        'preserveAspectRatio="none"/>'
    )


def _box(found: pb.JudgedBox, picture_width: int, letter: float, crowded: bool) -> str:
    look, meaning = KINDS[found.kind]
    box, thing = found.box, found.kind in _THINGS
    score = "" if thing else f" {percent(found.score)}"
    title = f"<title>{text(f'{found.label}{score}: {meaning}')}</title>"
    sides = f'width="{box.width:.1f}" height="{box.height:.1f}"'
    drawn = f'<rect x="{box.left:.1f}" y="{box.top:.1f}" {sides} {_stroke(look)}>{title}</rect>'
    unnamed = found.kind in ("found", "crowd") or (crowded and found.kind == "hit")
    words = f"{found.label}{score}"
    return drawn if unnamed else drawn + _name(found, words, picture_width, letter)


def _name(found: pb.JudgedBox, words: str, picture_width: int, letter: float) -> str:
    """The words of a box: those of an answer above it, those of a thing below its upper side; from
    the left, or where that would leave the picture, from the right."""
    box, look = found.box, KINDS[found.kind][0]
    y = box.top + 1.1 * letter if found.kind in _THINGS else max(box.top - 0.35 * letter, letter)
    right = box.left > picture_width / 2
    end = min(box.left + box.width, picture_width)
    x, anchor = (end, "end") if right else (max(box.left, 0.0), "start")
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{look.colour}">'
        f"{text(words)}</text>"
    )


def _stroke(look: _Look) -> str:
    dash = f' stroke-dasharray="{look.dash}"' if look.dash else ""
    return (
        f'fill="none" pointer-events="all" stroke="{look.colour}" stroke-width="2.5"{dash} '
        'vector-effect="non-scaling-stroke"'
    )
