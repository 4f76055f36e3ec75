"""The search as a whole, on real heads and small data."""

from __future__ import annotations

import time

import numpy as np
import pytest
from sklearn.datasets import load_digits

from graft.errors import Cancelled, FailedPrecondition, InvalidArgument
from services.common.heads.registry import from_arrays
from services.trainer.search import held_out
from services.trainer.search.examples import Examples
from services.trainer.search.run import SearchResult, SearchSettings, search


def _digits(k: int, classes: int = 10) -> tuple[Examples, Examples]:
    """k training examples a class, and the others to test."""
    x, y = load_digits(return_X_y=True)
    x, y = x[y < classes].astype(np.float32), y[y < classes].astype(np.int64)
    rng = np.random.default_rng(0)  # neighbours in this data set come from one hand
    train = np.concatenate([rng.permutation(np.flatnonzero(y == c))[:k] for c in range(classes)])
    rest = np.setdiff1d(np.arange(len(y)), train)
    return _examples(x[train], y[train], classes), _examples(x[rest], y[rest], classes)


def _examples(x: np.ndarray, y: np.ndarray, classes: int) -> Examples:
    labels = tuple(f"digit {c}" for c in range(classes))
    return Examples(x.astype(np.float32), y.astype(np.int64), labels, np.arange(len(y)))


@pytest.fixture(scope="module")
def digits() -> tuple[SearchResult, Examples]:
    train, test = _digits(20)
    return search(train), test


def test_the_head_is_good_on_unseen_data(digits: tuple[SearchResult, Examples]) -> None:
    result, test = digits
    assert (result.head.answer(test.x).best == test.y).mean() > 0.9
    assert result.head.labels == test.labels


def test_every_candidate_is_a_row_and_one_is_chosen(digits: tuple[SearchResult, Examples]) -> None:
    rows = digits[0].rows
    assert [row.kind for row in rows] == ["class_mean"] + ["linear"] * 16
    assert [row.parameters.get("scaling") for row in rows[1:]] == ["l2"] * 8 + ["standard"] * 8
    assert sum(row.chosen for row in rows) == 1
    assert all(row.reason and row.seconds > 0 for row in rows)
    chosen = next(row for row in rows if row.chosen)
    assert chosen.parameters == digits[0].parameters
    assert chosen.log_loss is not None
    assert chosen.standard_error is not None
    near = chosen.standard_error + min(row.log_loss for row in rows if row.log_loss is not None)
    assert chosen.log_loss <= near


def test_the_held_out_answers_foretell_the_unseen(digits: tuple[SearchResult, Examples]) -> None:
    result, test = digits
    assert result.held_out is not None
    right = result.held_out.log_proba.argmax(axis=2) == np.repeat(np.arange(10), 20)
    unseen = float((result.head.answer(test.x).best == test.y).mean())
    assert float(right.mean()) == pytest.approx(unseen, abs=0.05)
    assert result.held_out.log_proba.shape == (2, 200, 10)
    assert result.held_out.train_share == pytest.approx(0.8)


def test_about_the_stated_share_of_good_inputs_is_flagged(
    digits: tuple[SearchResult, Examples],
) -> None:
    result, test = digits
    assert result.head.answer(test.x).unknown.mean() == pytest.approx(0.05, abs=0.04)


def test_unknown_classes_are_flagged_far_more_often_than_known_ones() -> None:
    everything = _digits(170)[0]
    known, test = _digits(20, classes=8)
    head = search(known).head
    strange = everything.x[everything.y >= 8]
    flagged = float(head.answer(test.x).unknown.mean())
    assert head.answer(strange).unknown.mean() > 3 * flagged


def test_the_same_seed_gives_the_same_bits() -> None:
    train, _ = _digits(8, classes=4)
    first, second = (search(train, SearchSettings(seed=3)) for _ in range(2))
    for name, array in first.head.to_arrays().items():
        np.testing.assert_array_equal(array, second.head.to_arrays()[name])
    assert first.held_out is not None
    assert second.held_out is not None
    np.testing.assert_array_equal(first.held_out.log_proba, second.held_out.log_proba)
    assert [r.log_loss for r in first.rows] == [r.log_loss for r in second.rows]


def test_the_head_survives_storage(digits: tuple[SearchResult, Examples]) -> None:
    head, test = digits[0].head, digits[1]
    stored = from_arrays(head.kind, head.labels, head.to_arrays())
    np.testing.assert_array_equal(stored.proba(test.x), head.proba(test.x))


def test_progress_counts_up_to_its_total() -> None:
    seen: list[tuple[int, int]] = []
    search(_digits(5, classes=3)[0], progress=lambda done, total: seen.append((done, total)))
    fits = 3 * 5 * 5 + 1  # families, folds, repeats; and the final one
    assert seen == [(done, fits) for done in range(fits + 1)]


def test_a_cancelled_search_stops_at_the_next_fit() -> None:
    calls = iter([False, False, True])
    with pytest.raises(Cancelled, match="after 2 of"):
        search(_digits(5, classes=3)[0], cancelled=lambda: next(calls))


@pytest.mark.parametrize("k", [1, 2])
def test_one_or_two_examples_a_class_give_class_means(k: int) -> None:
    train, test = _digits(k)
    result = search(train)
    assert result.head.kind == "class_mean"
    assert [row.kind for row in result.rows] == ["class_mean"]
    assert (result.head.answer(test.x).best == test.y).mean() > 0.5
    assert (result.held_out is None) == (k == 1)
    assert result.notes


def test_one_example_a_class_says_that_nothing_can_be_measured() -> None:
    result = search(_digits(1)[0])
    assert result.rows[0].log_loss is None
    assert result.rows[0].chosen
    assert "how accurate the model is cannot be said" in result.notes[0]
    assert result.head.calibration.unknown_below == 0.0


def test_ten_thousand_classes_of_one_example_take_seconds() -> None:
    x = np.random.default_rng(0).normal(size=(10_000, 256)).astype(np.float32)
    examples = Examples(x, np.arange(10_000), tuple(map(str, range(10_000))), np.arange(10_000))
    began = time.monotonic()
    result = search(examples)
    assert time.monotonic() - began < 10
    assert result.head.answer(x[:3]).best.tolist() == [0, 1, 2]


def test_many_classes_are_measured_on_a_part_within_the_bound() -> None:
    classes = 6000
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(classes), 2)
    x = (rng.normal(size=(classes, 16))[y] + 0.1 * rng.normal(size=(2 * classes, 16))).astype(
        np.float32
    )
    examples = Examples(x, y, tuple(map(str, range(classes))), np.arange(len(y)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(held_out, "MAX_SCORES", 600_000)
        result = search(examples)
    assert result.held_out is not None
    assert result.held_out.log_proba.size <= 600_000
    assert any("drawn at random" in note for note in result.notes)


def test_what_would_take_too_long_is_a_row_that_says_so() -> None:
    result = search(_digits(10)[0], SearchSettings(max_seconds=0.0))
    assert result.head.kind == "class_mean"
    untried = [row for row in result.rows if row.log_loss is None]
    assert len(untried) == 16
    assert all("not tried: it would take about" in row.reason for row in untried)


def test_a_class_with_a_single_example_is_trained_on_and_named() -> None:
    train, _ = _digits(10, classes=3)
    keep = np.r_[0:20, 25]
    result = search(_examples(train.x[keep], train.y[keep], 3))
    assert result.held_out is not None
    assert 20 not in result.held_out.items
    assert any("digit 2" in note and "never held out" in note for note in result.notes)


def test_copies_in_one_group_do_not_flatter_the_accuracy() -> None:
    """Noise with labels at random: only a leak between copies could be answered right."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 40)), np.arange(30) % 2
    x, y, groups = np.repeat(x, 4, axis=0), np.repeat(y, 4), np.repeat(np.arange(30), 4)
    labels = ("heads", "tails")

    def accuracy(groups: np.ndarray) -> float:
        examples = Examples(x.astype(np.float32), y, labels, groups)
        found = search(examples).rows
        return max(row.accuracy or 0.0 for row in found)

    assert accuracy(groups) < 0.75
    assert accuracy(np.arange(120)) > 0.95


def test_one_class_is_refused_by_name() -> None:
    examples = Examples(np.eye(12, dtype=np.float32), np.zeros(12, int), ("cat",), np.arange(12))
    with pytest.raises(FailedPrecondition, match="got 12 examples of 'cat'") as caught:
        search(examples)
    assert caught.value.reason == "DATASET_UNTRAINABLE"
    assert caught.value.metadata == {"classes": "1", "examples": "12"}


def test_equal_embeddings_are_refused() -> None:
    examples = _examples(np.ones((8, 4)), np.arange(8) % 2, 2)
    with pytest.raises(FailedPrecondition, match=r"look alike.*got 8 equal"):
        search(examples)


def test_embeddings_that_are_not_finite_are_refused_by_example() -> None:
    x = np.eye(8, dtype=np.float32)
    x[5, 0] = np.nan
    with pytest.raises(InvalidArgument, match="example 5"):
        search(_examples(x, np.arange(8) % 2, 2))


def test_a_label_without_examples_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"got none of .*digit 2"):
        search(_examples(np.eye(8), np.arange(8) % 2, 3))


def test_arrays_that_do_not_fit_together_are_refused() -> None:
    examples = Examples(np.eye(8, dtype=np.float32), np.zeros(7, int), ("a", "b"), np.arange(7))
    with pytest.raises(InvalidArgument, match=r"\[8, 8\], \[7\]"):
        search(examples)


def test_very_unequal_classes_give_an_answer_and_a_warning() -> None:
    rng = np.random.default_rng(0)
    y = np.r_[0, np.ones(300, int), 0]
    x = rng.normal(size=(302, 8)).astype(np.float32) + 3 * y[:, None]
    result = search(_examples(x, y, 2))
    assert any("leans towards the larger" in note for note in result.notes)
