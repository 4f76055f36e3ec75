"""What holds for the sums of any examples, however they are parted."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from services.trainer.fitters.base import Doubles, FitError, Indices
from services.trainer.fitters.lda import Moments, fit_lda

CLASSES = 4
_WHOLE = st.tuples(st.integers(1, 40), st.integers(1, 6), st.integers(0, 2**31))
_quick = settings(max_examples=80, deadline=None)


def _examples(whole: tuple[int, int, int]) -> tuple[Doubles, Indices, np.random.Generator]:
    n, r, seed = whole
    rng = np.random.default_rng(seed)
    return rng.integers(-9, 9, (n, r)).astype(np.float64), rng.integers(0, CLASSES, n), rng


def _assert_equal(one: Moments, other: Moments) -> None:
    """Of whole numbers sums are exact in any order."""
    np.testing.assert_array_equal(one.count, other.count)
    np.testing.assert_array_equal(one.total, other.total)
    np.testing.assert_array_equal(one.scatter, other.scatter)


@_quick
@given(_WHOLE)
def test_sums_are_those_of_the_definition(whole: tuple[int, int, int]) -> None:
    z, y, _ = _examples(whole)
    found = Moments.of(z, y, CLASSES)
    for c in range(CLASSES):
        assert found.count[c] == (y == c).sum()
        np.testing.assert_array_equal(found.total[c], z[y == c].sum(axis=0))
    np.testing.assert_array_equal(found.scatter, sum(np.outer(row, row) for row in z))


@_quick
@given(_WHOLE)
def test_parts_add_up_and_what_is_taken_away_is_as_if_it_had_never_been_there(
    whole: tuple[int, int, int],
) -> None:
    z, y, rng = _examples(whole)
    out = rng.random(len(y)) < 0.4
    everything = Moments.of(z, y, CLASSES)
    kept, taken = Moments.of(z[~out], y[~out], CLASSES), Moments.of(z[out], y[out], CLASSES)
    _assert_equal(kept + taken, everything)
    _assert_equal(everything - taken, kept)


@_quick
@given(_WHOLE)
def test_the_order_of_the_examples_does_not_matter(whole: tuple[int, int, int]) -> None:
    z, y, rng = _examples(whole)
    order = rng.permutation(len(y))
    _assert_equal(Moments.of(z[order], y[order], CLASSES), Moments.of(z, y, CLASSES))


@_quick
@given(_WHOLE, st.floats(0.01, 10))
def test_a_fit_is_finite_for_every_class_that_occurs_or_refused(
    whole: tuple[int, int, int], shrinkage: float
) -> None:
    z, y, _ = _examples(whole)
    try:
        (fit,) = fit_lda(Moments.of(z, y, CLASSES), [shrinkage])
    except FitError:
        return
    assert np.isfinite(fit.logits(z)[:, np.unique(y)]).all()
