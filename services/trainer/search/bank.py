"""What a search may look at: the vectors of the same examples at all endpoints of one backbone, or
of one backbone for each part of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from services.common.heads.base import Floats
from services.common.heads.blocks import Block, Blocks
from services.trainer.fitters.base import Truth, class_counts, several
from services.trainer.search import part_cuts
from services.trainer.search.cuts import DEFAULT, LAST, Cut, candidate_cuts
from services.trainer.search.examples import Examples, Indices

Vectors = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Bank:
    """n labelled examples as one backbone sees them, or one for the images and one for the texts.

    `vectors` holds float16 or float32 `[n, dim]` for each endpoint, ordered from early to late;
    `views` the same for views of the pictures, `names` `[c, dim]` for the names of the labels,
    where there are any. `y`, `labels` and `groups` as in Examples. With `joint` the endpoints are
    named by part (see part_cuts), and a part that an example lacks is zeros at each of its
    endpoints.
    """

    vectors: Mapping[str, Vectors]
    y: Truth
    labels: tuple[str, ...]
    groups: Indices
    views: Mapping[str, Mapping[str, Vectors]] = field(default_factory=dict)
    joint: bool = False
    names: Mapping[str, Vectors] = field(default_factory=dict)

    @classmethod
    def of(cls, examples: Examples) -> Self:
        """A bank with the last layer alone."""
        return cls({DEFAULT: examples.x}, examples.y, examples.labels, examples.groups)

    @property
    def class_counts(self) -> Indices:
        """The number of examples of each label, `[c]`."""
        return class_counts(self.y, len(self.labels))

    @property
    def several(self) -> bool:
        """Whether an example may bear several labels, or none."""
        return several(self.y)

    @property
    def last(self) -> Cut:
        """The cut at the last layer, or at the last layers of both parts."""
        return part_cuts.last_of(tuple(self.vectors)) if self.joint else LAST

    @property
    def cut_rounds(self) -> int:
        """In how many rounds cuts are compared."""
        return part_cuts.STEPS if self.joint else 1

    @property
    def cut_count(self) -> int:
        """How many cuts are compared in all rounds."""
        names = tuple(self.vectors)
        return part_cuts.count_of(names) if self.joint else len(candidate_cuts(names))

    def cuts(self, number: int, best: Cut) -> tuple[Cut, ...]:
        """The cuts of round `number`, from 0, given the best of those before."""
        names = tuple(self.vectors)
        return part_cuts.cuts_of(names, number, best) if self.joint else candidate_cuts(names)

    def blocks(self, cut: Cut, *, root: bool = True) -> Blocks:
        """How the joined vectors of a cut become features. With `root` it is taken of the blocks
        that are never negative."""
        blocks = Blocks(
            tuple(
                Block(
                    self.vectors[name].shape[1],
                    length,
                    root and bool(self.vectors[name].min() >= 0),
                )
                for name, length in zip(cut.endpoints, cut.lengths, strict=True)
            )
        )
        return blocks.with_absent(self.joined(cut)) if self.joint else blocks

    def joined(self, cut: Cut, view: str = "") -> Floats:
        """The vectors of a cut, float32 `[n, dim]`, as the predictor will get them."""
        return _joined(self.views[view] if view else self.vectors, cut)

    def joined_names(self, cut: Cut) -> Floats:
        """The vectors of a cut for the names of the labels, float32 `[c, dim]`."""
        return _joined(self.names, cut)

    def examples(self, cut: Cut, blocks: Blocks | None = None) -> Examples:
        """The examples with joined vectors, or with the features that `blocks` makes of them."""
        x = self.joined(cut)
        return Examples(blocks.features(x) if blocks else x, self.y, self.labels, self.groups)

    def part(self, rows: Indices) -> Bank:
        """The bank of some of the examples; every label must still occur."""
        views = {name: _rows(vectors, rows) for name, vectors in self.views.items()}
        return replace(
            self,
            vectors=_rows(self.vectors, rows),
            y=self.y[rows],
            groups=self.groups[rows],
            views=views,
        )


def _joined(vectors: Mapping[str, Vectors], cut: Cut) -> Floats:
    parts = [vectors[name].astype(np.float32) for name in cut.endpoints]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def _rows(vectors: Mapping[str, Vectors], rows: Indices) -> dict[str, Vectors]:
    return {name: vector[rows] for name, vector in vectors.items()}
