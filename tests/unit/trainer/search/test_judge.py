"""Judges: what answers are worth, of one label an item and of several."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import log_loss

from services.common.heads.base import Calibration, Floats, softmax
from services.trainer.search.judge import ONE_LABEL, SEVERAL_LABELS, Judge, judge_of

Y = np.array([0, 2, 1, 1])
BORNE = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]], np.bool_)


def _logits(repeats: int = 2, seed: int = 0) -> Floats:
    return (3 * np.random.default_rng(seed).normal(size=(repeats, 4, 3))).astype(np.float32)


def _answers(judge: Judge, logits: Floats) -> Floats:
    """Repeat by repeat."""
    return np.stack([judge.answers(each) for each in logits])


def test_the_judge_is_told_by_the_truth() -> None:
    assert judge_of(Y) is ONE_LABEL
    assert judge_of(BORNE) is SEVERAL_LABELS


def test_the_loss_of_several_labels_is_the_mean_over_them() -> None:
    losses = SEVERAL_LABELS.losses(SEVERAL_LABELS.answers(_logits()), BORNE)
    for repeat, logits in enumerate(_logits()):
        for item in range(4):
            proba = 1 / (1 + np.exp(-logits[item].astype(np.float64)))
            expected = log_loss(BORNE[item], proba, labels=[False, True])
            assert losses[repeat, item] == pytest.approx(expected, rel=1e-4)


def test_an_item_is_right_only_with_all_its_labels_and_no_other() -> None:
    logits = np.where(BORNE, 1.0, -1.0).astype(np.float32)[None]
    assert SEVERAL_LABELS.right(SEVERAL_LABELS.answers(logits), BORNE).tolist() == [[True] * 4]
    logits[0, 0, 1], logits[0, 2, 0] = 0.1, -0.1
    found = SEVERAL_LABELS.right(SEVERAL_LABELS.answers(logits), BORNE)
    assert found.tolist() == [[False, True, False, True]]


def test_calibrated_answers_are_those_of_divided_and_shifted_logits() -> None:
    answers = SEVERAL_LABELS.answers(_logits())
    found = SEVERAL_LABELS.calibrated(answers, Calibration(2.0, 0.5))
    expected = SEVERAL_LABELS.answers((_logits() / 2 + 0.5).astype(np.float32))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    one = ONE_LABEL.calibrated(_answers(ONE_LABEL, _logits()), Calibration(2.0))
    np.testing.assert_allclose(np.exp(one[0]), softmax(_logits()[0] / 2), atol=1e-6)


@pytest.mark.parametrize("judge", [ONE_LABEL, SEVERAL_LABELS])
def test_an_average_answers_as_the_mean_of_the_logits(
    judge: Judge,
) -> None:
    some = [_logits(seed=seed) for seed in range(3)]
    found = judge.averaged([_answers(judge, one) for one in some])
    expected = _answers(judge, np.mean(some, axis=0))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_only_several_labels_are_delivered_with_thresholds() -> None:
    assert ONE_LABEL.delivered(_answers(ONE_LABEL, _logits()), Y).thresholds is None
    thresholds = SEVERAL_LABELS.delivered(SEVERAL_LABELS.answers(_logits()), BORNE).thresholds
    assert thresholds is not None
    assert thresholds.shape == (3,)
