"""Numbers of several labels an item, held to scikit-learn's where it has them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, precision_score, recall_score

from services.common.heads.base import Floats, log_sigmoid
from services.trainer.evaluate.metrics import Pair
from services.trainer.evaluate.several import SeveralNumbers, _mistakes, _pairs, measure_several
from services.trainer.search.thresholds import Bools, cross_fitted

LABELS = ("hat", "shoe", "bag")
M = 200


def _answers(noise: float = 1.5) -> tuple[Floats, Bools, np.ndarray]:
    """Log probabilities `[1, m, 3]`, the labels `[m, 3]`, the folds `[1, m]`."""
    rng = np.random.default_rng(0)
    borne = rng.random((M, 3)) < [0.5, 0.3, 0.1]
    logits = np.where(borne, 1.5, -1.5) + noise * rng.normal(size=borne.shape)
    return log_sigmoid(logits.astype(np.float32))[None], borne, np.arange(M)[None] % 5


@pytest.fixture
def numbers() -> SeveralNumbers:
    log_proba, borne, fold = _answers()
    items = np.arange(M) + 1000
    return measure_several(log_proba, borne, fold, LABELS, items=items, train_share=0.8)


def test_shares_are_those_of_scikit_learn_at_thresholds_of_the_other_folds(
    numbers: SeveralNumbers,
) -> None:
    log_proba, borne, fold = _answers()
    given = cross_fitted(np.exp(log_proba), borne, fold)[0]
    assert numbers.micro_f1 == pytest.approx(f1_score(borne, given, average="micro"))
    assert numbers.macro_f1 == pytest.approx(f1_score(borne, given, average="macro"))
    precision = precision_score(borne, given, average=None)
    recall = recall_score(borne, given, average=None)
    for at, found in enumerate(numbers.per_class):
        assert found.precision is not None
        assert found.recall is not None
        assert found.precision.estimate == pytest.approx(precision[at])
        assert found.recall.estimate == pytest.approx(recall[at])
    ordered = average_precision_score(borne, np.exp(log_proba[0]), average=None)
    assert numbers.average_precision == pytest.approx(ordered.tolist(), abs=1e-6)


def test_an_item_is_right_with_all_its_labels_and_no_other(numbers: SeveralNumbers) -> None:
    log_proba, borne, fold = _answers()
    given = cross_fitted(np.exp(log_proba), borne, fold)[0]
    right = (given == borne).all(axis=1)
    assert numbers.share_right == pytest.approx(right.mean())
    assert numbers.accuracy.low < numbers.share_right < numbers.accuracy.high
    assert {one.item - 1000 for one in numbers.mistakes} <= set(np.flatnonzero(~right).tolist())


def test_items_nearly_the_same_count_together(numbers: SeveralNumbers) -> None:
    log_proba, borne, fold = _answers()
    triples, items = np.arange(M) // 3, np.arange(M)
    found = measure_several(
        log_proba, borne, fold, LABELS, items=items, groups=triples, train_share=0.8
    )
    assert (numbers.different, found.different) == (M, len(np.unique(triples)))
    pairs = [
        (found.accuracy, numbers.accuracy),
        (found.per_class[0].recall, numbers.per_class[0].recall),
    ]
    for wide, plain in pairs:
        assert wide is not None
        assert plain is not None
        assert wide.estimate == plain.estimate
        assert wide.low < plain.low


def test_a_label_that_no_measured_item_bears_has_no_order() -> None:
    log_proba, borne, fold = _answers()
    borne[:, 2] = False
    found = measure_several(log_proba, borne, fold, LABELS, items=np.arange(M), train_share=0.8)
    assert found.average_precision[2] is None
    assert found.per_class[2].recall is None
    assert found.per_class[2].f1 is None


def test_mistakes_tell_both_sets_the_surest_first() -> None:
    borne = np.array([[1, 0, 0], [0, 0, 0], [1, 1, 0]], np.bool_)
    proba = np.array([[0.9, 0.6, 0.1], [0.2, 0.95, 0.1], [0.9, 0.8, 0.3]], np.float32)
    found = _mistakes(proba, proba >= 0.5, borne, np.array([7, 8, 9]))
    assert [(one.item, one.truth, one.answer) for one in found] == [
        (8, (), (1,)),
        (7, (0,), (0, 1)),
    ]
    assert [one.score for one in found] == pytest.approx([0.95, 0.6])


def test_a_pair_is_a_label_missed_where_another_was_wrongly_given() -> None:
    borne = np.array([[1, 0, 0], [1, 0, 0], [1, 0, 1], [0, 1, 0], [0, 0, 0]], np.bool_)
    given = np.array([[0, 1, 0], [0, 1, 0], [1, 0, 0], [0, 1, 1], [1, 1, 1]], np.bool_)
    assert _pairs(given, borne) == (Pair(0, 1, 2, 2 / 3),)
