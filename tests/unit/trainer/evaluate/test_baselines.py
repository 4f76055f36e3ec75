"""Baselines against scikit-learn run by hand on the same folds, their bound, and what they say."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from services.common.heads.base import Floats
from services.trainer.data.split import SplitPlan, stratified_folds
from services.trainer.evaluate import baselines as module
from services.trainer.evaluate.baselines import Baseline, baselines


def _digits(k: int) -> tuple[Floats, NDArray[np.int64], SplitPlan]:
    x, y = load_digits(return_X_y=True)
    kept = np.concatenate([np.flatnonzero(y == c)[:k] for c in range(10)])
    y = y[kept].astype(np.int64)
    return x[kept].astype(np.float32), y, stratified_folds(y, repeats=2)


def _found(right: float = 0.95, k: int = 20) -> dict[str, Baseline]:
    x, y, plan = _digits(k)
    items = np.arange(len(y))
    model = items % 100 < 100 * right
    return {b.name: b for b in baselines(x, y, plan, items, model, seed=3)}


def _by_hand(model: object, x: Floats, y: NDArray[np.int64], plan: SplitPlan) -> float:
    right = [
        model.fit(x[f.train], y[f.train]).predict(x[f.test]) == y[f.test]  # type: ignore[attr-defined]
        for f in plan.folds
        if f.repeat == 0
    ]
    return float(np.concatenate(right).mean())


def test_each_is_what_scikit_learn_says_on_these_folds() -> None:
    x, y, plan = _digits(20)
    found = _found()
    assert list(found) == [
        "majority class",
        "nearest neighbour",
        "random forest",
        "logistic regression",
    ]
    neighbour = _by_hand(KNeighborsClassifier(1, metric="cosine"), x, y, plan)
    assert found["nearest neighbour"].accuracy == pytest.approx(neighbour)
    logistic = _by_hand(LogisticRegression(max_iter=1000), x, y, plan)
    assert found["logistic regression"].accuracy == pytest.approx(logistic, abs=0.01)
    assert found["majority class"].accuracy is not None
    assert found["majority class"].accuracy <= 0.1
    assert 0.6 < (found["random forest"].accuracy or 0) < 1


def test_the_gain_is_against_the_model_on_the_same_examples() -> None:
    for each in _found(right=0.95).values():
        assert each.accuracy is not None
        assert each.gain == pytest.approx(0.95 - each.accuracy)


def test_more_features_than_examples_change_nothing_but_the_time() -> None:
    """The logistic regression is fitted in the span of the rows, which it cannot tell."""
    x, y, plan = _digits(20)
    wide = np.concatenate([x, np.zeros((len(x), 300), np.float32)], axis=1)
    items, right = np.arange(len(y)), np.ones(len(y), bool)
    narrow_found, wide_found = (
        baselines(each, y, plan, items, right, seed=0)[3].accuracy for each in (x, wide)
    )
    assert wide_found == pytest.approx(narrow_found, abs=0.01)


def test_it_says_better_chance_or_worse_as_it_is() -> None:
    good, bad = _found(right=1.0), _found(right=0.3)
    assert "the model is" in good["majority class"].sentence
    assert good["majority class"].sentence.endswith("better.")
    assert "may be chance" in _found(right=0.95)["logistic regression"].sentence
    assert "better than the model; train with a longer budget" in bad["nearest neighbour"].sentence
    assert bad["nearest neighbour"].gain < 0


def test_only_the_examples_that_were_measured_count() -> None:
    x, y, plan = _digits(20)
    items = np.arange(0, 200, 2)
    found = baselines(x, y, plan, items, np.ones(100, bool), seed=0)
    assert "of 100 cases" in found[0].sentence


def test_what_would_take_too_long_is_left_out_with_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_SECONDS", 1e-4)
    found = _found()
    assert found["majority class"].accuracy is not None
    assert found["random forest"].accuracy is None
    assert found["random forest"].gain == 0
    assert "was left out: it would take about" in found["random forest"].sentence


def test_with_time_for_some_folds_only_those_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    one_s = module._forest_s(160, 64, 10)
    monkeypatch.setattr(module, "MAX_SECONDS", 2.5 * one_s)
    assert "of 80 cases" in _found()["random forest"].sentence


def test_the_same_seed_gives_the_same_forest() -> None:
    assert _found()["random forest"] == _found()["random forest"]


def test_one_example_a_class_has_nothing_to_compare() -> None:
    plan = stratified_folds(np.arange(5))
    none = np.zeros(0, np.int64)
    x = np.eye(5, dtype=np.float32)
    assert baselines(x, np.arange(5), plan, none, np.zeros(0, bool), seed=0) == ()


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_two_classes_of_1_and_many_and_equal_embeddings(value: float) -> None:
    y = np.append(np.zeros(300, np.int64), 1)
    plan = stratified_folds(y)
    x = np.full((301, 4), value, np.float32)
    found = baselines(x, y, plan, np.arange(300), np.ones(300, bool), seed=0)
    assert [b.accuracy for b in found] == [1, 1, 1, 1]
    assert all("may be chance" in b.sentence and b.gain == 0 for b in found)


def test_without_time_every_means_is_left_out_and_says_so() -> None:
    x = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
    y = np.arange(60) % 3
    plan = stratified_folds(y, folds=5)
    found = baselines(x, y, plan, np.arange(60), np.ones(60, bool), seed=0, left_s=lambda: 0.0)
    assert [one.accuracy for one in found] == [None] * 4
    assert all("the limit is 0.0 s" in one.sentence for one in found)


def test_time_that_runs_out_ends_it_between_folds() -> None:
    x = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
    y = np.arange(60) % 3
    left = iter([9.0, 9.0, 9.0])
    found = baselines(
        x,
        y,
        stratified_folds(y, folds=5),
        np.arange(60),
        np.ones(60, bool),
        seed=0,
        left_s=lambda: next(left, 0.0),
    )
    assert "of 24 cases" in found[0].sentence
    assert [one.accuracy for one in found[1:]] == [None] * 3
