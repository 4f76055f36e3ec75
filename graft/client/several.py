"""Scoring a model of several labels an item on examples that the user holds.

An answer is right when it names all labels of the example and no other. Probabilities of labels
beyond the 100 most probable are not sent: in the log loss and the calibration error, which are
means over all labels of all examples, they count as 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from graft import scores
from graft.client.predictions import Prediction
from graft.client.reports import Interval
from graft.client.scored import Scoring
from graft.examples import Example


def score_several(
    answered: Sequence[tuple[Example, Prediction]],
    labels: Sequence[str],
    problems: Mapping[str, str],
    level: float,
) -> Scoring | None:
    """Score predictions with `labels` of examples that bear any number of them; None where no
    example bears known labels only."""
    index = {label: number for number, label in enumerate(labels)}
    seen = [pair for pair in answered if all(label in index for label in pair[0].labels)]
    if not seen:
        return None
    unseen = [pair for pair in answered if any(label not in index for label in pair[0].labels)]
    strange = [(label, one) for one, _ in unseen for label in one.labels if label not in index]
    first = {label: one.path for label, one in reversed(strange)}
    shape = (len(seen), len(labels))
    truth, answer = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    proba = np.zeros(shape)
    for row, (one, prediction) in enumerate(seen):
        truth[row, [index[label] for label in one.labels]] = True
        answer[row, [index[label] for label in prediction.labels or ()]] = True
        for label, score in prediction.scores.items():
            proba[row, index[label]] = score
    by_class = scores.label_scores(truth, answer)
    right = int((truth == answer).all(axis=1).sum())
    low, high = scores.wilson_interval(right, len(seen))
    return Scoring(
        accuracy=Interval(right / len(seen), low, high, level),
        macro_f1=scores.macro_f1(by_class),
        micro_f1=scores.micro_f1(truth, answer),
        log_loss=scores.log_loss(np.where(truth, proba, 1 - proba).ravel()),
        ece=scores.expected_calibration_error(proba.ravel(), truth.ravel()),
        per_class=dict(zip(labels, by_class, strict=True)),
        count=len(seen),
        unknown=sum(prediction.unknown for _, prediction in seen),
        unseen=Counter(label for label, _ in strange),
        unseen_unknown=sum(prediction.unknown for _, prediction in unseen),
        unseen_paths=first,
        problems=problems,
        versions=tuple(sorted({prediction.version for _, prediction in answered})),
    )
