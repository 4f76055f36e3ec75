"""What holds for suspects, outliers, separation and reliability whatever the answers."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.heads.base import Floats, log_softmax
from services.trainer.evaluate.outliers import outliers
from services.trainer.evaluate.reliability import reliability
from services.trainer.evaluate.separation import separation, silhouette
from services.trainer.evaluate.suspects import doubts, suspects

_quick = settings(max_examples=60, deadline=None)


@st.composite
def _cases(draw: st.DrawFn) -> tuple[Floats, np.ndarray, np.ndarray, Floats]:
    """Held-out answers `[r, m, c]`, items, labels and embeddings, some of them equal or extreme."""
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    n, c, r = draw(st.integers(2, 40)), draw(st.integers(2, 6)), draw(st.integers(1, 3))
    sharpness = draw(st.sampled_from([0.0, 1e-3, 1.0, 30.0, 3000.0]))
    dim = draw(st.integers(1, 12))
    y = rng.integers(0, c, n)
    items = np.sort(rng.choice(n, draw(st.integers(1, n)), replace=False))
    log_proba = log_softmax((rng.normal(size=(r * len(items), c)) * sharpness).astype(np.float32))
    x = rng.normal(size=(n, dim)).astype(np.float32)
    x *= np.float32(draw(st.sampled_from([0.0, 1e-6, 1.0, 1e6])))
    if draw(st.booleans()):
        x = x[rng.integers(0, max(n // 3, 1), n)]  # copies
    return log_proba.reshape(r, len(items), c), items, y, x


@_quick
@given(_cases())
def test_doubts_are_shares_and_suggest_another_class(
    case: tuple[Floats, np.ndarray, np.ndarray, Floats],
) -> None:
    log_proba, items, y, x = case
    found = doubts(log_proba, items, y, x)
    assert ((found.score >= 0) & (found.score <= 1)).all()
    assert (found.suggested != y[items]).all()


@_quick
@given(_cases())
def test_suspects_and_outliers_are_ordered_unique_and_explained(
    case: tuple[Floats, np.ndarray, np.ndarray, Floats],
) -> None:
    log_proba, items, y, x = case
    labels = [f"label {i}" for i in range(log_proba.shape[2])]
    for found in (suspects(log_proba, items, y, labels, x), outliers(x, y, labels)):
        scores = [each.score for each in found]
        assert scores == sorted(scores, reverse=True)
        assert all(0.5 <= score <= 1 for score in scores)
        assert len({each.item for each in found}) == len(found)
        assert all(labels[each.label] in each.reason and "nan" not in each.reason for each in found)
        assert all(each.label == y[each.item] for each in found)


@_quick
@given(_cases())
def test_separation_stays_within_its_scale(
    case: tuple[Floats, np.ndarray, np.ndarray, Floats],
) -> None:
    log_proba, _, y, x = case
    found = separation(log_proba, log_proba.shape[2], x, y)
    assert 0 <= found.score <= 1
    assert 0 <= found.entropy <= np.log(log_proba.shape[2]) + 1e-6
    assert -1 <= found.silhouette <= 1
    assert -1 <= silhouette(x, y) <= 1


@_quick
@given(_cases())
def test_every_answer_is_in_one_bin_and_bins_ascend(
    case: tuple[Floats, np.ndarray, np.ndarray, Floats],
) -> None:
    log_proba, items, y, _ = case
    bins = reliability(log_proba, y[items])
    assert sum(found.count for found in bins) == log_proba.shape[0] * log_proba.shape[1]
    edges = [edge for found in bins for edge in (found.low, found.high)]
    assert edges == sorted(edges)
    for found in bins:
        assert found.low <= found.mean_score + 1e-9
        assert found.mean_score <= found.high + 1e-9
        assert 0 <= found.share_right <= 1
    right = (log_proba.argmax(axis=2) == y[items]).mean()
    total = sum(found.count for found in bins)
    assert abs(sum(f.count * f.share_right for f in bins) / total - right) < 1e-9
