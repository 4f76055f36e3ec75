"""The measures, against values worked out by hand and against scikit-learn's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics

from graft import scores

TRUTH = np.array([0, 0, 0, 1, 1, 2])
ANSWER = np.array([0, 0, 1, 1, 1, 0])


def test_accuracy_is_the_share_answered_right() -> None:
    assert scores.accuracy(TRUTH, ANSWER) == pytest.approx(4 / 6)


def test_each_class_on_its_own() -> None:
    zero, one, two, three = scores.class_scores(TRUTH, ANSWER, 4)
    assert (zero.precision, zero.recall, zero.count) == pytest.approx((2 / 3, 2 / 3, 3))
    assert (one.precision, one.recall, one.f1) == pytest.approx((2 / 3, 1.0, 0.8))
    assert (two.precision, two.recall, two.f1, two.count) == (None, 0.0, 0.0, 1)
    assert (three.precision, three.recall, three.f1, three.count) == (None, None, 0.0, 0)


def test_macro_f1_is_over_the_classes_that_occur() -> None:
    found = scores.macro_f1(scores.class_scores(TRUTH, ANSWER, 4))
    assert found == pytest.approx((2 / 3 + 0.8 + 0) / 3)


def test_wilson_interval_by_hand() -> None:
    # 8 of 10 with z = 1.96: (0.8 + 0.19207 -+ 1.96 * 0.15846...) / 1.38415
    assert scores.wilson_interval(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)


@pytest.mark.parametrize(("right", "count"), [(0, 7), (7, 7), (1, 1), (0, 1)])
def test_wilson_interval_stays_within_zero_and_one(right: int, count: int) -> None:
    low, high = scores.wilson_interval(right, count)
    assert 0.0 <= low <= right / count <= high <= 1.0
    assert low < high


def test_log_loss_is_the_mean_surprise_and_never_infinite() -> None:
    assert scores.log_loss(np.array([0.5, 0.25])) == pytest.approx(1.5 * math.log(2))
    assert scores.log_loss(np.array([0.0])) == pytest.approx(-math.log(1e-7))


def test_calibration_error_by_hand() -> None:
    # One bin holds 0.9 and 0.92, one right: |0.5 - 0.91| * 2/3; another 0.51, right: 0.49 / 3.
    confidence, right = np.array([0.9, 0.92, 0.51]), np.array([True, False, True])
    wanted = 0.41 * 2 / 3 + 0.49 / 3
    assert scores.expected_calibration_error(confidence, right) == pytest.approx(wanted)


def test_calibration_is_perfect_when_confidence_is_success() -> None:
    assert scores.expected_calibration_error(np.ones(4), np.ones(4, dtype=bool)) == 0.0
    assert scores.expected_calibration_error(np.zeros(2), np.zeros(2, dtype=bool)) == 0.0


def test_the_measures_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(7)
    truth, answer = rng.integers(0, 5, 400), rng.integers(0, 5, 400)
    ours = scores.class_scores(truth, answer, 5)
    precision, recall, f1, count = metrics.precision_recall_fscore_support(truth, answer)
    assert [one.precision for one in ours] == pytest.approx(list(precision))
    assert [one.recall for one in ours] == pytest.approx(list(recall))
    assert [one.f1 for one in ours] == pytest.approx(list(f1))
    assert [one.count for one in ours] == list(count)
    assert scores.macro_f1(ours) == pytest.approx(metrics.f1_score(truth, answer, average="macro"))
    probabilities = rng.dirichlet(np.ones(5), 400)
    ours_loss = scores.log_loss(probabilities[np.arange(400), truth])
    assert ours_loss == pytest.approx(metrics.log_loss(truth, probabilities, labels=range(5)))
