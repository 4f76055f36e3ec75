"""From the kind that a manifest names to the head that serves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from graft.errors import DataLoss, FailedPrecondition
from services.common.heads.base import THRESHOLDS
from services.common.heads.class_mean import ClassMeanHead
from services.common.heads.head import Head
from services.common.heads.linear import LinearHead
from services.common.heads.mlp import MlpHead

HEADS: dict[str, type[Head]] = {
    LinearHead.kind: LinearHead,
    ClassMeanHead.kind: ClassMeanHead,
    MlpHead.kind: MlpHead,
}


def from_arrays(kind: str, labels: Sequence[str], arrays: Mapping[str, NDArray[Any]]) -> Head:
    """The head of this kind from its stored arrays; the inverse is `Head.to_arrays`.

    Raises FailedPrecondition for a kind that this release does not know, DataLoss for arrays that
    do not fit together or labels that are fewer than two (one, where an item may have several) or
    not distinct.
    """
    if kind not in HEADS:
        known = ", ".join(sorted(HEADS))
        raise FailedPrecondition(
            f"this release serves heads of kind {known}; upgrade the predictor; got {kind!r}"
        )
    least = 1 if THRESHOLDS in arrays else 2
    if len(labels) < least or len(set(labels)) < len(labels):
        raise DataLoss(f"a head needs {least} or more distinct labels; got {list(labels)[:10]}")
    return HEADS[kind].from_arrays(labels, arrays)
