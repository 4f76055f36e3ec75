"""Near-duplicates as messages of the report. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.evaluate.findings import Place

Indices = NDArray[np.int64]

MAX_GROUPS: Final = 100
MAX_MEMBERS: Final = 20
"""Members listed of a group; its sentence counts them all."""
_NAMED: Final = 3
_APART: Final = (
    " A label of theirs has no others, so that they were held out from each other: its figures may"
    " be far too good. Add some that differ."
)


@dataclass(frozen=True)
class Groups:
    """Two groups for each example, `[n]`: of those that are nearly the same, `alike`, and of those
    that were held out together, which are a part of them."""

    alike: Indices
    together: Indices


def duplicate_findings(
    groups: Groups, y: Indices, labels: Sequence[str], sources: Sequence[Place], noun: str
) -> pb.Evaluation:
    """The groups of two examples or more, those under different labels first, then the largest.

    Class indices `y` are [n]; `sources[i]` belongs to example i, which is a `noun`.
    """
    found = pb.Evaluation()
    members = _members(groups.alike)
    torn = [len(np.unique(y[each])) > 1 for each in members]
    order = sorted(range(len(members)), key=lambda at: (not torn[at], -len(members[at])))
    for at in order[:MAX_GROUPS]:
        names = [labels[label] for label in np.unique(y[members[at]])]
        apart = len(np.unique(groups.together[members[at]])) > 1
        sentence = _sentence(len(members[at]), names, noun) + (_APART if apart else "")
        message = found.near_duplicates.add(labels_differ=torn[at], sentence=sentence)
        for item in members[at][:MAX_MEMBERS]:
            message.members.add(
                path=sources[item].path, sha256=sources[item].sha256, label=labels[y[item]]
            )
    return found


def _members(groups: Indices) -> list[Indices]:
    """The examples of each group that has two or more, ascending."""
    order = np.argsort(groups, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
    return [part for part in parts if len(part) > 1]


def _sentence(count: int, names: Sequence[str], noun: str) -> str:
    alike = f"{count} {noun}s are nearly the same"
    if len(names) > 1:
        listed = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
        return (
            f"{alike} but stand under different labels ({listed}): the labels cannot all be right."
            f" Keep the {noun} under the right one and remove it from the others."
        )
    return (
        f"{alike}, all under {names[0]}: they teach little more than one of them does. Nothing is"
        " wrong with that, but more examples that differ help more."
    )
