"""Nearest neighbours against scikit-learn's, and what is passed over."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from services.common.heads.base import l2_normalise
from services.trainer.evaluate import neighbours
from services.trainer.evaluate.neighbours import nearest, sample


def test_they_are_those_of_scikit_learn_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "BLOCK", 300)
    x = l2_normalise(np.random.default_rng(0).normal(size=(60, 7)).astype(np.float32))
    queries, references = np.arange(20), np.arange(20, 60)
    found, cosine = nearest(x, np.arange(60), queries, references, 4)
    reference = NearestNeighbors(n_neighbors=4, metric="cosine").fit(x[references])
    distance, at = reference.kneighbors(x[queries])
    np.testing.assert_array_equal(found, references[at])
    np.testing.assert_allclose(1 - cosine, distance, atol=1e-5)


def test_its_own_group_is_passed_over_and_what_is_missing_is_named() -> None:
    x = np.eye(3, dtype=np.float32)[[0, 0, 1, 2]]
    everyone = np.arange(4)
    found, cosine = nearest(x, np.array([0, 0, 1, 2]), everyone, everyone, 3)
    assert found[0].tolist() == [2, 3, -1]
    assert cosine[0].tolist() == [0, 0, -2]
    assert found[2].tolist() == [0, 1, 3]


def test_no_references_and_no_queries_give_no_neighbours() -> None:
    x, none = np.eye(3, dtype=np.float32), np.zeros(0, np.int64)
    assert nearest(x, np.arange(3), np.arange(3), none, 2)[0].tolist() == [[-1, -1]] * 3
    assert nearest(x, np.arange(3), none, np.arange(3), 2)[0].shape == (0, 2)


def test_a_sample_is_all_or_as_many_as_asked_each_once() -> None:
    assert sample(5, 5, 0).tolist() == [0, 1, 2, 3, 4]
    drawn = sample(1000, 100, 0)
    assert len(set(drawn.tolist())) == 100
    assert drawn.tolist() == sorted(drawn.tolist()) == sample(1000, 100, 0).tolist()
