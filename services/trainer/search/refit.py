"""The kind of head that a search took, fitted to other examples than all of them."""

from __future__ import annotations

import numpy as np

from services.common.heads.base import Floats
from services.trainer.fitters.base import Fit, Indices
from services.trainer.search.calibrate import fit_temperature
from services.trainer.search.held_out import Trial
from services.trainer.search.unknown_check import Answer


def refit(trial: Trial, temperature: float, y: Indices) -> Answer:
    """Answers as the delivered head of this trial would, had it been fitted to the examples named.

    `temperature` is that of the trial, `y` the classes of the items of its held-out answers. For
    an average the mean of its members' tempered logits, as services/trainer/search/deliver.py has
    it. Answering raises FitError when a fit fails.
    """
    members = trial.members or (trial,)
    each = [1.0] if not trial.members else [_own_temperature(member, y) for member in members]

    def answer(train: Indices, classes_of: Indices, classes: int, test: Indices) -> Floats:
        total = np.zeros((len(test), classes))
        for member, own in zip(members, each, strict=True):
            assert member.contender is not None
            fit = _fit(member, train, classes_of, classes)
            total += fit.logits(member.contender.space.z[test]) / own
        return np.asarray(total / (len(members) * temperature), dtype=np.float32)

    return answer


def _own_temperature(member: Trial, y: Indices) -> float:
    assert member.held_out is not None
    return fit_temperature(member.held_out.log_proba, y)


def _fit(member: Trial, train: Indices, y: Indices, classes: int) -> Fit:
    assert member.contender is not None
    space, family = member.contender.space, member.contender.family.only(member.index)
    rows, labels = space.z[space.rows(train)], np.tile(y, space.copies)
    return family.fit(rows, labels, classes, copies=space.copies, final=False)[0]
