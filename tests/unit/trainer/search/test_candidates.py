"""Families: one fit for each spec, and the same fit from a family of one."""

from __future__ import annotations

import numpy as np
import pytest

from services.common.heads.base import softmax
from services.trainer.fitters.base import Doubles, Indices
from services.trainer.search.candidates import (
    ClassMeans,
    Family,
    Lda,
    Logistic,
    Mlp,
    Ridge,
)

FAMILIES: list[Family] = [
    ClassMeans(),
    Ridge(),
    Lda(),
    Logistic(),
    Logistic(unit=20.0),
    Mlp(3),
]
_ids = [type(family).__name__ for family in FAMILIES]


def _blobs() -> tuple[Doubles, Indices]:
    y = np.arange(48) % 3
    rng = np.random.default_rng(0)
    return rng.normal(size=(3, 20))[y] + rng.normal(size=(48, 20)), y


@pytest.mark.parametrize("family", FAMILIES, ids=_ids)
def test_there_is_a_fit_for_every_spec_and_no_spec_twice(family: Family) -> None:
    fits = family.fit(*_blobs(), 3, copies=1, final=False)
    assert len(fits) == len(family.specs) == len(set(family.specs))
    assert len({spec.kind for spec in family.specs}) == 1


@pytest.mark.parametrize("copies", [1, 2])
@pytest.mark.parametrize("final", [False, True])
@pytest.mark.parametrize("family", FAMILIES, ids=_ids)
def test_a_family_of_one_fits_what_the_whole_family_does(
    family: Family, final: bool, copies: int
) -> None:
    z, y = _blobs()
    fits = family.fit(z, y, 3, copies=copies, final=final)
    for i, (spec, fit) in enumerate(zip(family.specs, fits, strict=True)):
        only = family.only(i)
        assert only.specs == (spec,)
        (alone,) = only.fit(z, y, 3, copies=copies, final=final)
        np.testing.assert_array_equal(alone.logits(z), fit.logits(z))


def test_copies_weigh_as_one_example() -> None:
    z, y = _blobs()
    once = Logistic().fit(z, y, 3, copies=1, final=True)
    copied = Logistic().fit(np.tile(z, (2, 1)), np.tile(y, 2), 3, copies=2, final=True)
    for one, other in zip(once, copied, strict=True):
        np.testing.assert_allclose(softmax(other.logits(z)), softmax(one.logits(z)), atol=1e-4)


def test_a_strength_is_told_for_rows_of_length_one() -> None:
    z, y = _blobs()
    plain = Logistic().fit(z, y, 3, copies=1, final=True)
    longer = Logistic(unit=100.0).fit(10 * z, y, 3, copies=1, final=True)
    for one, other in zip(plain, longer, strict=True):
        np.testing.assert_allclose(softmax(other.logits(10 * z)), softmax(one.logits(z)), atol=1e-4)


@pytest.mark.parametrize("family", FAMILIES, ids=_ids)
def test_more_of_anything_is_estimated_to_take_longer(family: Family) -> None:
    least = family.estimate_s(100, 50, 3)
    assert least > 0
    assert family.estimate_s(1000, 50, 3) > least
    assert family.estimate_s(100, 500, 3) > least


def test_a_network_can_be_stopped() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Mlp(0, stop).fit(*_blobs(), 3, copies=1, final=False)
