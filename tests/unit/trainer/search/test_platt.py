"""Slope and offset, held to scikit-learn's logistic regression of the truth on the log odds."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from services.common.heads.base import Floats, log_sigmoid
from services.trainer.search import platt
from services.trainer.search.platt import fit_platt, log_odds


def _answers(m: int, slope: float, offset: float) -> tuple[Floats, np.ndarray]:
    """Log probabilities `[2, m, 3]` whose log odds lie by slope and offset off the honest ones."""
    rng = np.random.default_rng(0)
    honest = 2 * rng.normal(size=(m, 3)) - 1
    borne = rng.random((m, 3)) < 1 / (1 + np.exp(-honest))
    shown = (honest - offset) / slope
    return log_sigmoid(np.stack([shown, shown + 0.01]).astype(np.float32)), borne


@pytest.mark.parametrize("logit", [-80.0, -7.0, 0.0, 3.0, 16.0, 60.0])
def test_log_odds_are_found_again_in_both_tails(logit: float) -> None:
    answers = log_sigmoid(np.array([logit], np.float32))
    assert log_odds(answers)[0] == pytest.approx(logit, rel=1e-5, abs=1e-6)


def test_certainty_beyond_any_number_stays_finite() -> None:
    assert np.isfinite(log_odds(np.array([0.0, -1e30], np.float32))).all()


@pytest.mark.parametrize(("slope", "offset"), [(1.0, 0.0), (3.0, 1.5), (0.4, -2.0)])
def test_the_numbers_are_those_of_a_logistic_regression_on_the_log_odds(
    slope: float, offset: float
) -> None:
    log_proba, borne = _answers(3000, slope, offset)
    temperature, found = fit_platt(log_proba, borne)
    model = LogisticRegression(C=1e9, tol=1e-9)
    model.fit(log_odds(log_proba).reshape(-1, 1), np.stack([borne, borne]).ravel())
    assert 1 / temperature == pytest.approx(float(model.coef_[0, 0]), rel=0.01)
    assert found == pytest.approx(float(model.intercept_[0]), abs=0.02)
    assert (1 / temperature, found) == pytest.approx((slope, offset), rel=0.1, abs=0.1)


def test_a_few_answers_that_are_all_right_do_not_make_a_head_certain() -> None:
    borne = np.array([[True], [False], [True], [False]])
    log_proba = log_sigmoid(np.where(borne, 1, -1).astype(np.float32))[None]
    temperature, offset = fit_platt(log_proba, borne)
    sure = 1 / (1 + np.exp(-(1 / temperature + offset)))
    assert sure == pytest.approx(3 / 4, abs=0.01)  # (2 + 1) / (2 + 2)


def test_of_very_many_answers_a_part_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    log_proba, borne = _answers(3000, 2.0, 1.0)
    whole = fit_platt(log_proba, borne)
    monkeypatch.setattr(platt, "MAX_ANSWERS", 4000)
    assert fit_platt(log_proba, borne) == pytest.approx(whole, rel=0.1)
