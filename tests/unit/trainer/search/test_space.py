"""Fits in coordinates of the examples' span, held to fits in the features themselves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from services.common.heads.base import softmax
from services.trainer.fitters.base import Doubles, Fit, FitError, Indices
from services.trainer.fitters.class_mean import fit_class_mean
from services.trainer.fitters.lda import Moments, fit_lda
from services.trainer.fitters.logistic import fit_path
from services.trainer.fitters.mlp import fit_mlp
from services.trainer.fitters.ridge import fit_ridge
from services.trainer.search.bank import Bank
from services.trainer.search.cuts import DEFAULT, LAST, Cut
from services.trainer.search.space import Space

LABELS = ("a", "b", "c")
BOTH = Cut((DEFAULT, "early"), (1.0, 0.6))
CUTS = [LAST, BOTH]
DIMS = {"early": 25, DEFAULT: 40}
FEW, MANY = 33, 150  # fewer than the features of either cut, and more

Fitter = Callable[[Doubles, Indices], Fit]
FITTERS: dict[str, Fitter] = {
    "class_mean": lambda z, y: fit_class_mean(z, y, 3),
    "ridge": lambda z, y: fit_ridge(z, y, 3),
    "lda": lambda z, y: fit_lda(Moments.of(z, y, 3), [0.4])[0],
    "logistic": lambda z, y: fit_path(z, y, 3, [1.0, 16.0], tolerance=1e-8)[-1],
    "mlp": lambda z, y: fit_mlp(z, y, 3, seed=0),
}


def _bank(n: int, seed: int = 0) -> Bank:
    """The early endpoint is never negative, the last layer is: only one block has a root."""
    y, rng, means = np.arange(n) % 3, np.random.default_rng(seed), np.random.default_rng(9)

    def blobs(d: int) -> np.ndarray:
        return means.normal(size=(3, d))[y] + rng.normal(size=(n, d))

    vectors = {name: blobs(d).astype(np.float32) for name, d in DIMS.items()}
    vectors["early"] = np.abs(vectors["early"]).astype(np.float16)
    flip = {name: np.ascontiguousarray(v[:, ::-1]) for name, v in vectors.items()}
    return Bank(vectors, y, LABELS, np.arange(n), {"flip": flip})


def _features(bank: Bank, cut: Cut) -> Doubles:
    return bank.blocks(cut).features(bank.joined(cut)).astype(np.float64)


def _into(space: Space, features: Doubles) -> Doubles:
    """Coordinates of features, as the docstring of Space has it."""
    z = (features - space.mean) / space.scale
    return z if space.basis is None else np.asarray(z @ space.basis)


@pytest.mark.parametrize("cut", CUTS, ids=str)
@pytest.mark.parametrize("n", [FEW, MANY])
def test_the_rows_are_the_features_but_for_a_rotation(n: int, cut: Cut) -> None:
    bank = _bank(n)
    space, features = Space.of(bank, cut), _features(bank, cut)
    np.testing.assert_allclose(space.z, _into(space, features), atol=1e-10)
    centred = features - features.mean(axis=0)
    np.testing.assert_allclose(space.z @ space.z.T, centred @ centred.T, atol=1e-10)
    assert space.z.shape[1] <= min(n, features.shape[1])


@pytest.mark.parametrize("kind", ["class_mean", "ridge", "lda", "logistic"])
@pytest.mark.parametrize("cut", CUTS, ids=str)
@pytest.mark.parametrize("n", [FEW, MANY])
def test_a_fit_in_coordinates_is_the_fit_in_features(kind: str, n: int, cut: Cut) -> None:
    """Fitted to a part, as in a fold, and asked about the examples left out."""
    bank = _bank(n)
    space, features, fit = Space.of(bank, cut), _features(bank, cut), FITTERS[kind]
    train, test = np.arange(n)[: 2 * n // 3], np.arange(n)[2 * n // 3 :]
    found = fit(space.z[train], bank.y[train]).logits(space.z[test])
    expected = fit(features[train], bank.y[train]).logits(features[test])
    np.testing.assert_allclose(softmax(found), softmax(expected), atol=1e-6)


@pytest.mark.parametrize("kind", FITTERS)
@pytest.mark.parametrize("cut", CUTS, ids=str)
@pytest.mark.parametrize("n", [FEW, MANY])
def test_a_head_answers_vectors_as_the_fit_answers_coordinates(kind: str, n: int, cut: Cut) -> None:
    bank = _bank(n)
    space = Space.of(bank, cut)
    fit = FITTERS[kind](space.z, bank.y)
    head = space.head(fit, LABELS)
    assert (head.labels, head.dim) == (LABELS, bank.joined(cut).shape[1])
    np.testing.assert_allclose(head.logits(bank.joined(cut)), fit.logits(space.z), atol=2e-4)


@pytest.mark.parametrize("kind", ["ridge", "lda", "logistic"])
@pytest.mark.parametrize("n", [FEW, MANY])
def test_a_head_answers_unseen_vectors_as_a_fit_in_features(kind: str, n: int) -> None:
    bank, unseen = _bank(n), _bank(20, seed=1)
    head = Space.of(bank, BOTH).head(FITTERS[kind](Space.of(bank, BOTH).z, bank.y), LABELS)
    fit = FITTERS[kind](_features(bank, BOTH), bank.y)
    expected = softmax(fit.logits(_features(unseen, BOTH)))
    np.testing.assert_allclose(head.proba(unseen.joined(BOTH)), expected, atol=1e-4)


def test_views_follow_the_examples_in_the_same_order() -> None:
    bank = _bank(FEW)
    space = Space.of(bank, BOTH, views=("flip",))
    blocks = bank.blocks(BOTH)
    features = [
        blocks.features(bank.joined(BOTH, view)).astype(np.float64) for view in ("", "flip")
    ]
    np.testing.assert_allclose(space.z, _into(space, np.concatenate(features)), atol=1e-10)
    assert (space.copies, space.examples) == (2, FEW)
    assert space.rows(np.array([4, 1])).tolist() == [4, 1, FEW + 4, FEW + 1]


@pytest.mark.parametrize("kind", ["ridge", "logistic", "mlp"])
@pytest.mark.parametrize("n", [FEW, MANY])
def test_standardised_features_have_deviation_one_and_the_scale_is_in_the_head(
    kind: str, n: int
) -> None:
    bank = _bank(n)
    x = bank.joined(BOTH).astype(np.float64)
    space = Space.standardised(bank, BOTH)
    scaled = (x - x.mean(axis=0)) / x.std(axis=0)
    np.testing.assert_allclose(space.z @ space.z.T, scaled @ scaled.T, atol=1e-8)
    fit = FITTERS[kind](space.z, bank.y)
    head = space.head(fit, LABELS)
    np.testing.assert_allclose(head.logits(bank.joined(BOTH)), fit.logits(space.z), atol=1e-3)
    assert not any(block.length or block.root for block in head.blocks.blocks)


@pytest.mark.parametrize("n", [FEW, MANY])
def test_a_feature_that_never_varied_decides_nothing(n: int) -> None:
    bank = _bank(n)
    bank.vectors[DEFAULT][:, 3] = 5.0
    space = Space.standardised(bank, LAST)
    head = space.head(FITTERS["logistic"](space.z, bank.y), LABELS)
    changed = bank.joined(LAST)
    changed[:, 3] = 6.0
    np.testing.assert_allclose(head.logits(changed), head.logits(bank.joined(LAST)), atol=1e-5)


def test_equal_examples_have_no_coordinates() -> None:
    same = np.ones((6, 10), np.float32)
    space = Space.of(Bank({DEFAULT: same}, np.arange(6) % 3, LABELS, np.arange(6)), LAST)
    assert space.z.shape == (6, 0)


@pytest.mark.parametrize("n", [FEW, MANY])
@pytest.mark.parametrize("make", [Space.of, Space.standardised])
def test_what_is_not_finite_is_a_fit_error_that_names_the_endpoints(
    make: Callable[[Bank, Cut], Space], n: int
) -> None:
    bank = _bank(n)
    bank.vectors["early"][2, 1] = np.nan
    with pytest.raises(FitError, match=r"default \+ early are not finite"):
        make(bank, BOTH)
