"""Whether the names of labels say what their classes are. Pure.

A head that knows the names and no example at all answers the examples. Names are believed where it
is right more often than chance would be, by one standard error or more: on the training texts
that were not drawn, names that tell nothing cost less than names that tell something bring.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.trainer.fitters.base import FitError
from services.trainer.fitters.class_mean import fit_class_mean
from services.trainer.search.bank import Bank
from services.trainer.search.cuts import LAST
from services.trainer.search.space import Space

SURE = 1.0
"""Standard errors above chance."""


@dataclass(frozen=True)
class NameTrial:
    """The names alone answered `right` of `count` examples rightly, of so many classes."""

    right: int
    count: int
    classes: int

    @property
    def told(self) -> bool:
        """Whether that is more than chance."""
        chance = 1 / self.classes
        error = np.sqrt(self.count * chance * (1 - chance))
        return bool(self.right - self.count * chance >= SURE * error)


def try_names(bank: Bank) -> NameTrial | None:
    """What the names tell of the last layer's vectors; None where there are none, where an example
    may bear several labels, or where nothing could be computed."""
    if not bank.names or bank.several:
        return None
    classes = len(bank.labels)
    try:
        space = Space.of(bank, LAST, root=False, names=True)
        fit = fit_class_mean(space.z[-classes:], np.arange(classes), classes)
    except FitError:
        return None
    answers = fit.logits(space.z[: space.examples]).argmax(axis=1)
    return NameTrial(int((answers == bank.y).sum()), len(bank.y), classes)
