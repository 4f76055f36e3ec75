"""What a search is given: embeddings, classes, groups; checked once, here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graft.errors import FailedPrecondition, InvalidArgument
from services.common.heads.base import Floats
from services.trainer.fitters.base import Truth, class_counts, several

Indices = NDArray[np.int64]

MIN_CLASSES = 2


@dataclass(frozen=True)
class Examples:
    """n labelled embeddings.

    `x` float32 `[n, d]`; `y` int64 `[n]` indexes `labels`, each of which occurs, or is bool
    `[n, c]` where an example may bear several; `groups` int64 `[n]`: examples of one group (copies
    of a picture) are never on both sides of a fold.
    """

    x: Floats
    y: Truth
    labels: tuple[str, ...]
    groups: Indices

    @property
    def class_counts(self) -> Indices:
        """The number of examples of each label, `[c]`."""
        return class_counts(self.y, len(self.labels))


def check(examples: Examples) -> None:
    """Refuses what no head can be fitted to, naming what was received.

    FailedPrecondition (DATASET_UNTRAINABLE): fewer than two classes, labels that every example
    bears or none does, or embeddings all equal.
    InvalidArgument: arrays that do not fit together or are not finite.
    """
    _check_arrays(examples)
    counts = examples.class_counts
    present = [label for label, n in zip(examples.labels, counts, strict=True) if n]
    if several(examples.y):
        _check_several(examples)
    elif len(present) < MIN_CLASSES:
        received = f"{len(examples.y)} examples of " + (repr(present[0]) if present else "no class")
        raise _untrainable(
            "a classifier needs examples of at least 2 classes; add a folder or a label for "
            f"another class; got {received}",
            examples,
        )
    if len(present) < len(examples.labels):
        missing = [label for label, n in zip(examples.labels, counts, strict=True) if not n]
        raise InvalidArgument(f"each label needs an example; got none of {missing[:10]}")
    if not np.ptp(examples.x, axis=0).any():
        raise _untrainable(
            "all examples look alike to the backbone, so that nothing tells the classes apart; "
            f"check the files or take another backbone; got {len(examples.y)} equal embeddings",
            examples,
        )


def _check_several(examples: Examples) -> None:
    counts = examples.class_counts
    if not ((counts > 0) & (counts < len(examples.y))).any():
        received = ", ".join(examples.labels[:10]) or "no label"
        raise _untrainable(
            "there is nothing to tell apart: a label can be learned where some examples bear it "
            "and others do not; add examples without it, or with another; got "
            f"{len(examples.y)} examples that all bear {received}",
            examples,
        )


def _check_arrays(examples: Examples) -> None:
    x, y, groups = examples.x, examples.y, examples.groups
    fits = y.shape == ((len(x), len(examples.labels)) if several(y) else (len(x),))
    if x.ndim != 2 or x.dtype != np.float32 or not fits or groups.shape != (len(x),):
        raise InvalidArgument(
            "a search takes float32 embeddings [n, d], n class indices (or labels [n, c]) and n "
            "group ids; got "
            f"{x.dtype} {list(x.shape)}, {list(y.shape)} and {list(groups.shape)}"
        )
    check_finite(x, np.arange(len(x)))


def check_finite(x: Floats, rows: Indices) -> None:
    """Raises InvalidArgument, naming the first, where vectors `[m, d]` of the examples numbered
    `rows` `[m]` are no numbers."""
    finite = np.isfinite(x).all(axis=1)
    if not finite.all():
        raise InvalidArgument(
            "embeddings must be finite numbers; the backbone gave others; leave the example out or "
            f"take another backbone; got NaN or infinity for example {rows[int(np.argmin(finite))]}"
        )


def _untrainable(message: str, examples: Examples) -> FailedPrecondition:
    counts = examples.class_counts
    metadata = {"classes": str(int((counts > 0).sum())), "examples": str(len(examples.y))}
    return FailedPrecondition(message, reason="DATASET_UNTRAINABLE", metadata=metadata)
