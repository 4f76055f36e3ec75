"""Scoring answers of several labels an item."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import f1_score

from graft import Example, InvalidArgument, Prediction
from graft.client.scoring import score

LABELS = ("cat", "dog", "sofa")
VERSION = "projects/p/models/m/versions/3"


def answer(borne: tuple[str, ...], **scores: float) -> Prediction:
    best = max(scores, key=lambda label: scores[label])
    return Prediction(best, scores[best], False, scores, VERSION, borne)


ANSWERED = [
    (Example("1", ("cat", "sofa"), b""), answer(("cat", "sofa"), cat=0.9, dog=0.1, sofa=0.8)),
    (Example("2", ("dog",), b""), answer(("cat", "dog"), cat=0.6, dog=0.7, sofa=0.1)),
    (Example("3", (), b""), answer((), cat=0.2, dog=0.1, sofa=0.1)),
    (Example("4", ("dog",), b""), answer(("sofa",), cat=0.1, dog=0.3, sofa=0.6)),
]


def test_all_labels_and_no_other_make_an_answer_right() -> None:
    found = score(ANSWERED, LABELS, {})
    truth = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0], [0, 1, 0]])
    given = np.array([[1, 0, 1], [1, 1, 0], [0, 0, 0], [0, 0, 1]])
    assert (found.count, found.accuracy.estimate) == (4, 0.5)
    assert found.micro_f1 == pytest.approx(f1_score(truth, given, average="micro"))
    assert found.macro_f1 == pytest.approx(f1_score(truth, given, average="macro"))
    assert found.per_class["dog"].recall == 0.5
    assert found.per_class["sofa"].precision == 0.5
    assert found.per_class["cat"].count == 1
    of_truth = [0.9, 0.9, 0.8, 0.4, 0.7, 0.9, 0.8, 0.9, 0.9, 0.9, 0.3, 0.4]
    assert found.log_loss == pytest.approx(-sum(map(math.log, of_truth)) / 12)
    assert found.versions == (3,)


def test_examples_with_labels_that_the_model_does_not_know_are_in_no_figure() -> None:
    strange = (Example("5", ("cow", "dog"), b""), answer(("dog",), cat=0.1, dog=0.9, sofa=0.2))
    found = score([*ANSWERED, strange], LABELS, {})
    assert (found.count, found.unseen, found.unseen_paths) == (4, {"cow": 1}, {"cow": "5"})
    with pytest.raises(InvalidArgument, match="knows none of the labels"):
        score([strange], LABELS, {})


def test_a_model_of_one_label_is_scored_by_examples_of_one() -> None:
    single = Prediction("cat", 0.9, False, {"cat": 0.9, "dog": 0.1}, VERSION)
    found = score(
        [(Example("1", "cat", b""), single), (Example("2", ("cat", "dog"), b""), single)],
        LABELS,
        {},
    )
    assert (found.count, found.micro_f1) == (1, None)
    assert "Received: 2 labels" in found.problems["2"]
