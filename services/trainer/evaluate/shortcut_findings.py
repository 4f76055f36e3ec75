"""Shortcuts as messages of the report. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.evaluate.findings import Place
from services.trainer.evaluate.shortcuts import MARK, Shortcut


def shortcut_findings(
    shortcuts: Sequence[Shortcut], labels: Sequence[str], sources: Sequence[Place]
) -> pb.Evaluation:
    """The shortcuts in their order; `sources[i]` belongs to example i."""
    found = pb.Evaluation()
    for each in shortcuts:
        found.shortcuts.add(
            label=labels[each.label],
            kind=each.kind,
            left=each.left,
            top=each.top,
            width=each.width,
            height=each.height,
            strength=each.strength,
            sentence=_sentence(each, labels[each.label]),
            sha256=[sources[item].sha256 for item in each.examples],
        )
    return found


def _sentence(found: Shortcut, label: str) -> str:
    share = f"{100 * found.strength:.0f}%"
    if found.kind == MARK:
        return (
            f"Something in the {_place(found)} gives {label} away: {share} of its pictures can be"
            " told by that spot alone, as by a logo, a watermark or a time stamp. A model may learn"
            f" the mark instead of the thing: cut or cover it, or add pictures of {label} without"
            f" it. If what is there is {label} itself, all is well."
        )
    return (
        f"The background gives {label} away: {share} of its pictures can be told by their border"
        " alone, without the middle. A model may learn the place instead of the thing: add pictures"
        f" of {label} in other places, and of other classes in this one. If the surroundings are"
        f" what {label} means, all is well."
    )


def _place(found: Shortcut) -> str:
    """Where the middle of the region lies: `lower left corner`, `upper middle`, `middle`."""
    x, y = found.left + found.width / 2, found.top + found.height / 2
    down = "upper" if y < 1 / 3 else "lower" if y > 2 / 3 else ""
    across = "left" if x < 1 / 3 else "right" if x > 2 / 3 else ""
    if down and across:
        return f"{down} {across} corner"
    return f"{down or across} middle" if down or across else "middle"
