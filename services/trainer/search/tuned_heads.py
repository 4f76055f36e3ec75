"""The heads of a tuned tail: shrinkage LDA along its whole path, in the span of the examples.

One kind is enough to compare tails with, its path costs one decomposition, and it is the one that
lasts when vectors of one class have been drawn together: shrinkage is how far that is believed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.common.heads.head import Head
from services.trainer.fitters.base import Indices
from services.trainer.fitters.lda import SHRINKAGES, Moments, fit_lda
from services.trainer.search.bank import Bank
from services.trainer.search.cuts import Cut
from services.trainer.search.space import Space
from services.trainer.search.tail_trial import FitHeads, Vectors


def lda_heads(labels: Sequence[str], endpoints: Sequence[str]) -> FitHeads:
    """Fits one head for each of lda.SHRINKAGES to joined endpoints, all of the same length."""
    cut = Cut(tuple(endpoints), (1.0,) * len(endpoints))

    def fit(views: Sequence[Vectors], y: Indices) -> list[Head]:
        others = {f"view {number}": view for number, view in enumerate(views[1:])}
        bank = Bank(views[0], y, tuple(labels), np.arange(len(y)), others)
        space = Space.of(bank, cut, views=tuple(others))
        moments = Moments.of(space.z, np.tile(y, space.copies), len(labels))
        fits = fit_lda(moments, SHRINKAGES, copies=space.copies)
        return [space.head(each, labels) for each in fits]

    return fit
