"""The part of the page that shows where the model looks."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.glimpses import Glimpse
from services.trainer.report.markup import listing, picture, section, text

TITLE: Final = "Where it looks"
_GLOW: Final = np.array([255.0, 96.0, 0.0])
_STRENGTH: Final = 0.75
"""How much of the strongest place is glow; the rest is the picture in grey."""
_QUALITY: Final = 80
_STEPS: Final = 6

_LEAD: Final = (
    "The glow says how much each place of the picture speaks for the answer and against the other "
    "classes: the strongest place of each picture glows fully, grey places speak for nothing or "
    "against it. These answers were given while the example was held out; wrong ones come first."
)
_ADVICE: Final = (
    "Right answers should glow on the thing itself. If they glow on the background, a border or a "
    "mark, the model has learnt that instead: add pictures of the thing in other places, and "
    "pictures of other classes in this one, or cut the mark off.",
    "Where a wrong answer glows on the thing, the classes look alike to the model: add examples "
    "that differ in just what tells them apart. Where it glows elsewhere, something else in the "
    "picture was taken for the answer: crop closer, or add pictures with such things in them.",
)


def heat_maps(evaluation: pb.Evaluation, glimpses: Mapping[str, Glimpse]) -> str:
    """Each example as it is and with its map; nothing where no map was made."""
    if not evaluation.heat_maps:
        return ""
    figures = "".join(_figure(found, glimpses.get(found.sha256)) for found in evaluation.heat_maps)
    return section(TITLE, _LEAD, _legend(), f'<div class="grid">{figures}</div>', listing(_ADVICE))


def _figure(found: pb.HeatMap, jpeg: Glimpse | None) -> str:
    truth, answer = text(found.truth), text(found.answer)
    called = "and was called so" if truth == answer else f"was called <b>{answer}</b>"
    whole = 0 < found.rows * found.columns == len(found.values)
    shown = overlaid(jpeg, _values(found)) if isinstance(jpeg, bytes) and whole else None
    glow = picture(shown, f"where the model looks for {found.answer}") if shown else ""
    return (
        f"<figure>{picture(jpeg, found.truth)}{glow}<figcaption>Is <b>{truth}</b>, {called}"
        f'<span class="path">{text(found.path)}</span></figcaption></figure>'
    )


def _values(found: pb.HeatMap) -> NDArray[np.float32]:
    return np.array(found.values, np.float32).reshape(found.rows, found.columns)


def overlaid(jpeg: bytes, values: NDArray[np.float32]) -> bytes | None:
    """The picture in grey with the map [rows, columns], 0..1, glowing on it, as a JPEG of the same
    size; None where it cannot be read. The map covers the whole picture, whatever its aspect.
    """
    try:
        grey = np.asarray(Image.open(io.BytesIO(jpeg)).convert("L"), np.float64)[..., None]
    except (UnidentifiedImageError, OSError):
        return None
    smooth = Image.fromarray(values).resize(grey.shape[1::-1], Image.Resampling.BILINEAR)
    share = _STRENGTH * np.clip(np.asarray(smooth, np.float64), 0, 1)[..., None]
    mixed = _mixed(grey, share)
    out = io.BytesIO()
    Image.fromarray(mixed.round().astype(np.uint8)).save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


def _mixed(grey: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((1 - share) * grey + share * _GLOW)


def _legend() -> str:
    """From grey to the full glow, with words at both ends."""
    shares = np.linspace(0, _STRENGTH, _STEPS)[:, None]
    blocks = [
        f'<rect x="{16 * i}" width="16" height="12" fill="{_hex(colour)}"/>'
        for i, colour in enumerate(_mixed(np.full((1, 3), 150.0), shares).tolist())
    ]
    return (
        '<p class="lead">speaks for nothing, or against '
        f'<svg width="{16 * _STEPS}" height="12" role="img" aria-label="from grey to orange">'
        f"{''.join(blocks)}</svg> speaks for the answer</p>"
    )


def _hex(colour: Sequence[float]) -> str:
    return "#" + "".join(f"{round(channel):02x}" for channel in colour)
