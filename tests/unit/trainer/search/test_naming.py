"""Names of labels: when they are believed, and what they are worth as examples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from services.trainer.search.bank import Bank
from services.trainer.search.cuts import DEFAULT, LAST
from services.trainer.search.naming import NameTrial, try_names
from services.trainer.search.run import SearchResult, search
from services.trainer.search.space import Space

CLASSES, DIM = 8, 48
LABELS = tuple("abcdefgh")


def _bank(per_class: int, *, seed: int = 0, order: np.ndarray | None = None) -> Bank:
    """Classes around means of their own; names lie near the means, all moved by the same."""
    means = np.random.default_rng(7).normal(size=(CLASSES, DIM))
    rng, y = np.random.default_rng(seed), np.repeat(np.arange(CLASSES), per_class)
    x = means[y] + 2.5 * rng.normal(size=(len(y), DIM))
    spoken = means + 0.5 * np.random.default_rng(8).normal(size=means.shape) + 3.0
    spoken = spoken if order is None else spoken[order]
    names = {DEFAULT: spoken.astype(np.float16)}
    return Bank({DEFAULT: x.astype(np.float16)}, y, LABELS, np.arange(len(y)), names=names)


def _right(found: SearchResult) -> float:
    fresh = _bank(40, seed=99)
    answers = found.head.answer(fresh.vectors[DEFAULT].astype(np.float32))
    return float((answers.best == fresh.y).mean())


@pytest.mark.parametrize(
    ("right", "count", "classes", "told"),
    [(2, 2, 2, True), (1, 2, 2, False), (10, 16, 2, True), (9, 16, 2, False), (3, 77, 77, True)],
)
def test_names_are_believed_one_standard_error_above_chance(
    right: int, count: int, classes: int, told: bool
) -> None:
    assert NameTrial(right, count, classes).told is told


@pytest.mark.parametrize("per_class", [1, 2, 5])
def test_names_that_tell_are_examples_and_help(per_class: int) -> None:
    bank = _bank(per_class)
    named, plain = search(bank), search(replace(bank, names={}))
    assert named.names is not None
    assert named.names.told
    assert plain.names is None
    assert _right(named) > _right(plain)


def test_names_of_other_classes_are_left_out_and_change_nothing() -> None:
    bank = _bank(5, order=np.roll(np.arange(CLASSES), 1))
    named, plain = search(bank), search(replace(bank, names={}))
    assert named.names is not None
    assert not named.names.told
    np.testing.assert_array_equal(
        named.head.to_arrays()["weight"], plain.head.to_arrays()["weight"]
    )


def test_what_all_names_have_in_common_tells_nothing() -> None:
    bank = _bank(2)
    moved = replace(bank, names={DEFAULT: (bank.names[DEFAULT] + 1).astype(np.float16)})
    first, second = (Space.of(each, LAST, names=True) for each in (bank, moved))
    gram, other = first.z @ first.z.T, second.z @ second.z.T
    np.testing.assert_allclose(gram[:16, :16], other[:16, :16], atol=1e-6)
    assert abs(first.z[-CLASSES:].mean(axis=0)).max() < 1e-6


def test_names_are_in_training_but_no_examples() -> None:
    bank = _bank(3)
    space = Space.of(bank, LAST, names=True)
    assert space.examples == len(bank.y)
    rows, borne = space.training(np.array([4, 0]), bank.y[[4, 0]], CLASSES)
    np.testing.assert_array_equal(rows[:2], space.z[[4, 0]])
    np.testing.assert_array_equal(rows[2:], space.z[-CLASSES:])
    assert borne.tolist() == [1, 0, *range(CLASSES)]


def test_a_head_for_some_of_the_classes_has_no_names() -> None:
    bank = _bank(3)
    space = Space.of(bank, LAST, names=True)
    rows, borne = space.training(np.array([4, 0]), np.array([1, 0]), 2)
    assert len(rows) == 2
    assert borne.tolist() == [1, 0]


def test_where_items_bear_several_labels_names_are_not_asked() -> None:
    bank = _bank(3)
    several = replace(bank, y=np.eye(CLASSES, dtype=bool)[bank.y])
    assert try_names(several) is None
