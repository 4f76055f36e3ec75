"""From findings to messages: every example by its file, every number as it was found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from services.common.heads.base import Floats
from services.trainer.data.split import SplitPlan, stratified_folds
from services.trainer.evaluate.findings import (
    baseline_findings,
    held_out_findings,
    outlier_findings,
)
from services.trainer.evaluate.outliers import outliers
from services.trainer.evaluate.suspects import suspects
from services.trainer.search.examples import Examples

LABELS = tuple(f"digit {i}" for i in range(10))


@dataclass(frozen=True)
class _Place:
    path: str
    sha256: str


PLACES = [_Place(f"some/{i}.png", f"{i:064x}") for i in range(150)]


@pytest.fixture(scope="module")
def digits() -> tuple[Examples, SplitPlan, Floats]:
    """15 a class, ten mislabelled, one of noise; a plan and its held-out answers."""
    x, y = load_digits(return_X_y=True)
    kept = np.concatenate([np.flatnonzero(y == c)[:15] for c in range(10)])
    x, y = x[kept].astype(np.float32), y[kept].astype(np.int64)
    y[::15] = (y[::15] + 3) % 10
    x[7] = np.random.default_rng(0).integers(0, 17, 64)
    plan = stratified_folds(y)
    log_proba = np.zeros((1, 150, 10), np.float32)
    for fold in plan.folds:
        model = LogisticRegression(C=0.01, max_iter=1000).fit(x[fold.train], y[fold.train])
        log_proba[0, fold.test] = model.predict_log_proba(x[fold.test])
    return Examples(x, y, LABELS, np.arange(150)), plan, log_proba


def test_held_out_findings_name_file_and_label(
    digits: tuple[Examples, SplitPlan, Floats],
) -> None:
    examples, _, log_proba = digits
    items = np.arange(150)
    message = held_out_findings(log_proba, items, examples, PLACES)
    expected = suspects(log_proba, items, examples.y, LABELS, examples.x, examples.groups)
    assert len(message.suspects) == len(expected) > 0
    for found, each in zip(message.suspects, expected, strict=True):
        assert (found.path, found.sha256) == (PLACES[each.item].path, PLACES[each.item].sha256)
        assert (found.label, found.suggested) == (LABELS[each.label], LABELS[each.suggested])
        assert (found.score, found.reason) == (each.score, each.reason)
    assert sum(part.count for part in message.reliability) == 150
    assert 0 < message.separation.score < 1
    assert "of the 10 classes" in message.separation.sentence


def test_outlier_findings_name_file_and_label(digits: tuple[Examples, SplitPlan, Floats]) -> None:
    examples, _, _ = digits
    message = outlier_findings(examples, PLACES)
    expected = outliers(examples.x, examples.y, LABELS, examples.groups)
    assert [found.path for found in message.outliers] == [PLACES[e.item].path for e in expected]
    assert message.outliers[0].path == "some/7.png"
    assert message.outliers[0].label == LABELS[examples.y[7]]


def test_baseline_findings_leave_out_an_accuracy_that_is_not_known(
    digits: tuple[Examples, SplitPlan, Floats], monkeypatch: pytest.MonkeyPatch
) -> None:
    examples, plan, log_proba = digits
    monkeypatch.setattr("services.trainer.evaluate.baselines.MAX_SECONDS", 1e-9)
    message = baseline_findings(log_proba, np.arange(150), examples, plan, seed=0)
    majority, neighbour, *_ = message.baselines
    right = (log_proba[0].argmax(axis=1) == examples.y).mean()
    assert majority.gain == pytest.approx(right - majority.accuracy)
    assert neighbour.name == "nearest neighbour"
    assert not neighbour.HasField("accuracy")
    assert "left out" in neighbour.sentence
