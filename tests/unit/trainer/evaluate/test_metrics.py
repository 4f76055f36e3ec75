"""Metrics against numbers worked out by hand and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics as reference

from services.common.heads.base import Floats, log_softmax
from services.trainer.evaluate.intervals import wilson
from services.trainer.evaluate.metrics import calibration_error, measure

LABELS = ("ant", "bee", "cow")


def _answers(called: list[int], sure: float = 0.8) -> Floats:
    """Log probabilities `[1, m, 3]` that call item i `called[i]` with this certainty."""
    proba = np.full((1, len(called), 3), (1 - sure) / 2, np.float32)
    proba[0, np.arange(len(called)), called] = sure
    return np.log(proba)


# truth      ant ant ant ant bee bee cow cow cow cow
TRUTH = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2, 2])
CALLED = [0, 0, 0, 1, 1, 2, 2, 2, 1, 1]


def test_each_class_is_counted_by_hand() -> None:
    ant, bee, cow = measure(_answers(CALLED), TRUTH, LABELS).per_class
    found = [
        [
            i.estimate
            for i in (c.precision, c.recall, c.false_positive_rate, c.false_negative_rate)
            if i
        ]
        for c in (ant, bee, cow)
    ]
    assert found[0] == pytest.approx([1, 3 / 4, 0, 1 / 4])
    assert found[1] == pytest.approx([1 / 4, 1 / 2, 3 / 8, 1 / 2])
    assert found[2] == pytest.approx([2 / 3, 1 / 2, 1 / 6, 1 / 2])
    assert [c.count for c in (ant, bee, cow)] == [4, 2, 4]


def test_each_class_counts_as_many_trials_as_its_groups_are() -> None:
    """Against the groups of each class, of each answer and of the rest, one after the other."""
    rng = np.random.default_rng(0)
    y, groups = rng.integers(0, 3, 80), rng.integers(0, 30, 80) + 100
    answer = np.where(rng.random(80) < 0.7, y, rng.integers(0, 3, 80))

    def trials(some: NDArray[np.bool_]) -> float:
        sizes = np.unique(groups[some], return_counts=True)[1]
        return float(sizes.sum() ** 2 / (sizes**2).sum())

    found = measure(_answers(answer.tolist()), y, LABELS, groups=groups)
    assert (found.count, found.different) == (80, len(set(groups)))
    for label, one in enumerate(found.per_class):
        own, called = y == label, answer == label
        counts = [((own & called).sum(), called), ((own & called).sum(), own)]
        counts += [((~own & called).sum(), ~own), ((own & ~called).sum(), own)]
        expected = [wilson(hit, some.sum(), trials(some)) for hit, some in counts]
        given = [one.precision, one.recall, one.false_positive_rate, one.false_negative_rate]
        assert given == expected


def test_the_confusion_matrix_has_the_truth_in_rows() -> None:
    found = measure(_answers(CALLED), TRUTH, LABELS)
    assert found.confusion is not None
    assert found.confusion.tolist() == [[3, 1, 0], [0, 1, 1], [0, 2, 2]]


def test_pairs_come_most_frequent_first_with_the_share_of_their_class() -> None:
    pairs = measure(_answers(CALLED), TRUTH, LABELS).pairs
    assert [(p.truth, p.answer, p.count, p.share) for p in pairs] == [
        (2, 1, 2, 0.5),
        (0, 1, 1, 0.25),
        (1, 2, 1, 0.5),
    ]


def _random_case() -> tuple[Floats, NDArray[np.int64]]:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 200)
    logits = rng.normal(size=(200, 3)) + 1.5 * np.eye(3)[y]
    return log_softmax(logits.astype(np.float32))[None], y


def test_all_scores_agree_with_scikit_learn() -> None:
    log_proba, y = _random_case()
    called = log_proba[0].argmax(axis=1)
    found = measure(log_proba, y, LABELS)
    assert found.share_right == pytest.approx(reference.accuracy_score(y, called))
    assert found.macro_f1 == pytest.approx(reference.f1_score(y, called, average="macro"))
    proba = np.exp(log_proba[0].astype(np.float64))
    proba /= proba.sum(axis=1, keepdims=True)
    assert found.log_loss == pytest.approx(reference.log_loss(y, proba), abs=1e-5)
    assert found.confusion is not None
    np.testing.assert_array_equal(found.confusion, reference.confusion_matrix(y, called))
    precision, recall, _, support = reference.precision_recall_fscore_support(y, called)
    for i, c in enumerate(found.per_class):
        assert c.precision is not None
        assert c.recall is not None
        assert (c.precision.estimate, c.recall.estimate, c.count) == pytest.approx(
            (precision[i], recall[i], support[i])
        )


def test_mistakes_come_most_confident_first_under_the_callers_indices() -> None:
    log_proba = np.concatenate([_answers([1], 0.6), _answers([0], 0.9), _answers([2], 0.9)], axis=1)
    found = measure(log_proba, np.array([0, 0, 1]), LABELS, items=np.array([40, 50, 60]))
    assert [(m.item, m.truth, m.answer) for m in found.mistakes] == [(60, 1, 2), (40, 0, 1)]
    assert [m.score for m in found.mistakes] == pytest.approx([0.9, 0.6])


def test_calibration_error_by_hand() -> None:
    """Two bins: 0.95 promised and 3 of 4 kept; 0.55 promised and 1 of 2 kept."""
    score = np.array([0.95] * 4 + [0.55] * 2, np.float32)
    right = np.array([1, 1, 1, 0, 1, 0], bool)
    assert calibration_error(score, right) == pytest.approx((4 * 0.20 + 2 * 0.05) / 6, abs=1e-6)
    assert calibration_error(np.ones(3, np.float32), np.ones(3, bool)) == 0


def test_what_was_gained_by_choosing_is_taken_from_the_accuracy() -> None:
    log_proba = _answers(CALLED)
    plain = measure(log_proba, TRUTH, LABELS, train_share=0.8)
    honest = measure(log_proba, TRUTH, LABELS, train_share=0.8, optimism=0.1)
    assert honest.share_right == plain.share_right
    lost = plain.accuracy.estimate - honest.accuracy.estimate
    assert lost == pytest.approx(0.1 * 0.8**0.25)
    assert honest.accuracy.high < plain.accuracy.high


def test_examples_are_counted_once_however_often_they_were_held_out() -> None:
    repeats = [CALLED, [0] * 10, TRUTH.tolist()]  # 6, 4 and 10 of 10 are right; the mean is 6.67
    log_proba = np.concatenate([_answers(called) for called in repeats])
    found = measure(log_proba, TRUTH, LABELS, train_share=0.8)
    assert found.share_right == pytest.approx(20 / 30)
    assert found.confusion is not None
    assert found.confusion.tolist() == [[3, 1, 0], [0, 1, 1], [0, 2, 2]]
    assert sum(c.count for c in found.per_class) == found.count == 10


def test_a_test_set_has_the_plain_interval_of_its_share() -> None:
    found = measure(_answers(CALLED), TRUTH, LABELS)
    assert found.accuracy.estimate == pytest.approx(0.6)
    assert (found.accuracy.low, found.accuracy.high) == pytest.approx((0.3127, 0.8318), abs=1e-3)


def test_what_divides_by_nothing_is_none() -> None:
    found = measure(_answers([0, 0, 1]), np.array([0, 0, 0]), LABELS)
    ant, bee, cow = found.per_class
    assert ant.false_positive_rate is None  # there is nothing but ants
    assert bee.recall is None
    assert bee.f1 is None
    assert cow.precision is None
    assert found.macro_f1 == pytest.approx(0.8)  # of the one class that was tested


def test_many_classes_have_pairs_and_no_square_of_counts() -> None:
    y = np.arange(5000)
    log_proba = np.log(np.full((1, 5000, 5000), 1 / 5000, np.float32))
    found = measure(log_proba, y, [str(i) for i in range(5000)])
    assert found.confusion is None
    assert len(found.pairs) == 50
    assert len(found.mistakes) == 200
