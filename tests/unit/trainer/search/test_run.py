"""The search as a whole, on real heads and small data."""

from __future__ import annotations

import time

import numpy as np
import pytest
from sklearn.datasets import load_digits

from graft.errors import Cancelled, FailedPrecondition, InvalidArgument
from services.common.heads.registry import from_arrays
from services.trainer.search import held_out
from services.trainer.search.bank import Bank
from services.trainer.search.cuts import DEFAULT, LAST
from services.trainer.search.examples import Examples
from services.trainer.search.run import ALONE_TEMPERATURE, SearchResult, SearchSettings, search

KINDS = {"lda", "ridge", "logistic", "class_mean", "mlp", "average"}


def _digits(k: int, classes: int = 10) -> tuple[Bank, Bank]:
    """k training examples a class, and the others to test. The pixels are the last layer, and how
    they vary along the rows an earlier one."""
    x, y = load_digits(return_X_y=True)
    x, y = x[y < classes].astype(np.float32), y[y < classes].astype(np.int64)
    rng = np.random.default_rng(0)  # neighbours in this data set come from one hand
    train = np.concatenate([rng.permutation(np.flatnonzero(y == c))[:k] for c in range(classes)])
    rest = np.setdiff1d(np.arange(len(y)), train)
    edges = np.diff(x.reshape(-1, 8, 8), axis=2).reshape(len(x), -1).astype(np.float16)
    banks = [_bank(x[rows], y[rows], classes, edges=edges[rows]) for rows in (train, rest)]
    return banks[0], banks[1]


def _bank(x: np.ndarray, y: np.ndarray, classes: int, **earlier: np.ndarray) -> Bank:
    labels = tuple(f"digit {c}" for c in range(classes))
    vectors = {**earlier, DEFAULT: x.astype(np.float32)}
    return Bank(vectors, y.astype(np.int64), labels, np.arange(len(y)))


def _blobs(sizes: tuple[int, ...], d: int = 8, spread: float = 1.0) -> Bank:
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    x = 2 * rng.normal(size=(len(sizes), d))[y] + spread * rng.normal(size=(len(y), d))
    return _bank(x, y, len(sizes))


def _vectors(result: SearchResult, bank: Bank) -> np.ndarray:
    parts = [bank.vectors[name].astype(np.float32) for name in result.endpoints]
    return np.concatenate(parts, axis=1)


def _accuracy(result: SearchResult, bank: Bank) -> float:
    return float((result.head.answer(_vectors(result, bank)).best == bank.y).mean())


@pytest.fixture(scope="module")
def digits() -> tuple[SearchResult, Bank, Bank]:
    train, test = _digits(20)
    return search(train), train, test


def test_the_head_is_good_on_unseen_data(digits: tuple[SearchResult, Bank, Bank]) -> None:
    result, _, test = digits
    assert _accuracy(result, test) > 0.93
    assert result.head.labels == test.labels


def test_every_candidate_is_a_row_with_scores_and_a_reason_and_one_is_chosen(
    digits: tuple[SearchResult, Bank, Bank],
) -> None:
    result = digits[0]
    assert {row.kind for row in result.rows} == KINDS - {"mlp"}  # classes are too small for one
    assert all(row.reason.startswith(("taken: ", "left: ")) for row in result.rows)
    assert all(row.log_loss is not None and row.accuracy is not None for row in result.rows)
    assert all(row.seconds > 0 for row in result.rows if row.kind != "average")
    told = [(row.kind, *sorted(row.parameters.items())) for row in result.rows]
    assert len(set(told)) == len(told)
    (chosen,) = (row for row in result.rows if row.chosen)
    assert chosen.reason.startswith("taken: ")
    assert result.parameters == {"method": chosen.kind, **chosen.parameters}
    assert chosen.log_loss is not None
    assert chosen.standard_error is not None
    near = chosen.standard_error + min(row.log_loss for row in result.rows if row.log_loss)
    assert chosen.log_loss <= near


def test_the_held_out_answers_foretell_the_unseen(
    digits: tuple[SearchResult, Bank, Bank],
) -> None:
    result, train, test = digits
    assert result.held_out is not None
    assert result.held_out.log_proba.shape[1:] == (200, 10)
    assert result.held_out.train_share == pytest.approx(0.8)
    right = float((result.held_out.log_proba.argmax(axis=2) == train.y).mean())
    assert right - result.optimism == pytest.approx(_accuracy(result, test), abs=0.04)
    np.testing.assert_allclose(np.exp(result.held_out.log_proba).sum(axis=2), 1, atol=1e-5)


def test_the_scores_are_about_as_high_as_the_share_right(
    digits: tuple[SearchResult, Bank, Bank],
) -> None:
    result, _, test = digits
    score = result.head.answer(_vectors(result, test)).score
    assert float(score.mean()) == pytest.approx(_accuracy(result, test), abs=0.05)


def test_the_examples_have_the_features_that_the_head_makes_of_their_vectors(
    digits: tuple[SearchResult, Bank, Bank],
) -> None:
    result, train, _ = digits
    features = result.head.blocks.features(_vectors(result, train))
    np.testing.assert_array_equal(result.examples.x, features)
    np.testing.assert_array_equal(result.examples.y, train.y)
    assert result.kept.tolist() == list(range(200))


def test_the_head_survives_storage(digits: tuple[SearchResult, Bank, Bank]) -> None:
    head, x = digits[0].head, _vectors(digits[0], digits[2])
    stored = from_arrays(head.kind, head.labels, head.to_arrays())
    np.testing.assert_array_equal(stored.proba(x), head.proba(x))


def test_a_head_of_the_same_kind_can_be_fitted_to_a_part(
    digits: tuple[SearchResult, Bank, Bank],
) -> None:
    result, train, _ = digits
    assert result.refit is not None
    some, others = np.arange(0, 200, 2), np.arange(1, 200, 2)
    logits = result.refit.logits(some, train.y[some], 10, others)
    assert (logits.argmax(axis=1) == train.y[others]).mean() > 0.8


@pytest.mark.parametrize("seed", [0, 3])
def test_the_same_arguments_give_the_same_bits(seed: int) -> None:
    train, _ = _digits(8, classes=4)
    first, second = (search(train, SearchSettings(seed=seed)) for _ in range(2))
    for name, array in first.head.to_arrays().items():
        np.testing.assert_array_equal(array, second.head.to_arrays()[name])
    assert first.held_out is not None
    assert second.held_out is not None
    np.testing.assert_array_equal(first.held_out.log_proba, second.held_out.log_proba)
    for one, other in zip(first.rows, second.rows, strict=True):
        assert (one.log_loss, one.reason) == (other.log_loss, other.reason)
    assert (first.optimism, first.notes) == (second.optimism, second.notes)


def test_progress_never_goes_back_and_ends_at_its_total() -> None:
    seen: list[tuple[int, int]] = []
    search(_digits(5, classes=3)[0], progress=lambda done, total: seen.append((done, total)))
    assert len({total for _, total in seen}) == 1
    done = [each for each, _ in seen]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, seen[0][1])


@pytest.mark.parametrize("fits", [0, 2, 30])
def test_a_cancelled_search_stops_at_the_next_fit(fits: int) -> None:
    calls = iter([False] * fits + [True])
    with pytest.raises(Cancelled, match=f"after {fits} of"):
        search(_digits(5, classes=3)[0], cancelled=lambda: next(calls))


def test_one_example_a_class_is_answered_and_says_that_nothing_can_be_measured() -> None:
    train, test = _digits(1)
    result = search(train)
    assert _accuracy(result, test) > 0.4
    (row,) = result.rows
    assert (row.kind, row.log_loss, row.accuracy, row.chosen) == ("ridge", None, None, True)
    assert (result.held_out, result.refit, result.optimism) == (None, None, 0.0)
    assert result.head.calibration.temperature == ALONE_TEMPERATURE
    assert "how accurate the model is cannot be said" in result.notes[0]


def test_two_examples_a_class_compare_two_heads() -> None:
    train, test = _digits(2)
    result = search(train)
    assert [row.kind for row in result.rows] == ["ridge", "class_mean"]
    assert _accuracy(result, test) > 0.5
    assert result.held_out is not None
    assert "fewer than 3 examples" in result.notes[0]


def test_ten_thousand_classes_of_one_example_take_seconds() -> None:
    x = np.random.default_rng(0).normal(size=(10_000, 64)).astype(np.float32)
    bank = Bank({DEFAULT: x}, np.arange(10_000), tuple(map(str, range(10_000))), np.arange(10_000))
    began = time.monotonic()
    result = search(bank)
    assert time.monotonic() - began < 10
    assert result.head.answer(x[:3]).best.tolist() == [0, 1, 2]


def test_many_classes_are_measured_on_a_part_within_the_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(held_out, "MAX_SCORES", 1_000_000)
    result = search(_blobs((2,) * 1000, 16, spread=0.1))
    assert result.held_out is not None
    assert result.held_out.log_proba.size <= 1_000_000
    assert len(result.held_out.items) < 2000
    assert any("drawn at random of 2000" in note for note in result.notes)


def test_without_a_budget_there_is_an_answer_and_what_was_not_tried_is_named() -> None:
    train, test = _digits(10)
    whole, result = search(train), search(train, SearchSettings(budget_s=0.0))
    assert _accuracy(result, test) > 0.8
    untried = [row for row in result.rows if row.log_loss is None]
    assert untried
    assert all("not tried: it would take about" in row.reason for row in untried)
    assert not any(row.chosen for row in untried)
    named = [(row.kind, row.parameters) for row in result.rows if row.kind != "average"]
    assert named == [(row.kind, row.parameters) for row in whole.rows if row.kind != "average"]
    assert f"{len(untried)} candidates would have taken too long" in result.notes[-1]


def test_who_has_enough_ends_the_search_with_what_it_has() -> None:
    asked = 0

    def enough() -> bool:
        nonlocal asked
        asked += 1
        return asked > 1  # the first question is before the second contender

    result = search(_digits(10)[0], enough=enough)
    scored = {(row.kind, row.parameters["cut"]) for row in result.rows if row.log_loss is not None}
    assert len({pair for pair in scored if pair[0] != "average"}) == 2
    assert any(row.reason.startswith("not tried") for row in result.rows)
    assert result.held_out is not None


def test_a_class_with_a_single_example_is_trained_on_and_named() -> None:
    train, _ = _digits(10, classes=3)
    result = search(train.part(np.r_[0:20, 25]))
    assert result.held_out is not None
    assert 20 not in result.held_out.items
    assert any("digit 2" in note and "never held out" in note for note in result.notes)
    assert result.head.answer(_vectors(result, train)[25:26]).best.tolist() == [2]


def test_one_example_against_five_thousand_gives_an_answer_and_two_warnings() -> None:
    bank = _blobs((1, 5000), 16)
    result = search(bank, SearchSettings(budget_s=2.0))
    assert _accuracy(result, bank) > 0.99
    assert result.held_out is not None
    assert set(bank.y[result.held_out.items]) == {1}
    assert any("digit 0" in note and "never held out" in note for note in result.notes)
    assert any("digit 1 has 5000 examples and digit 0 has 1" in note for note in result.notes)


def test_classes_of_equal_examples_are_told_apart() -> None:
    """Discriminant analysis has no spread to go by; its rows say so, and others answer."""
    bank = _blobs((10, 10, 10), 40, spread=0.0)
    result = search(bank)
    assert _accuracy(result, bank) == 1
    failed = {row.kind for row in result.rows if row.log_loss is None}
    assert failed == {"lda"}
    assert all("no spread" in row.reason for row in result.rows if row.kind == "lda")


def test_copies_in_one_group_do_not_flatter_the_accuracy() -> None:
    """Noise with labels at random: only a leak between copies could be answered right."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(48, 40)), np.arange(48) % 2
    x, y, groups = np.repeat(x, 2, axis=0), np.repeat(y, 2), np.repeat(np.arange(48), 2)

    def accuracy(groups: np.ndarray) -> float:
        bank = Bank({DEFAULT: x.astype(np.float32)}, y, ("heads", "tails"), groups)
        found = search(bank)
        assert found.held_out is not None
        return float((found.held_out.log_proba.argmax(axis=2) == y).mean()) - found.optimism

    assert accuracy(groups) < 0.65
    assert accuracy(np.arange(96)) > 0.85


def test_one_class_is_refused_by_name() -> None:
    examples = Examples(np.eye(12, dtype=np.float32), np.zeros(12, int), ("cat",), np.arange(12))
    with pytest.raises(FailedPrecondition, match="got 12 examples of 'cat'") as caught:
        search(Bank.of(examples))
    assert caught.value.reason == "DATASET_UNTRAINABLE"
    assert caught.value.metadata == {"classes": "1", "examples": "12"}


def test_equal_embeddings_are_refused() -> None:
    with pytest.raises(FailedPrecondition, match=r"look alike.*got 8 equal"):
        search(_bank(np.ones((8, 4)), np.arange(8) % 2, 2))


def test_embeddings_that_are_not_finite_are_refused_by_example() -> None:
    x = np.eye(8)
    x[5, 0] = np.nan
    with pytest.raises(InvalidArgument, match="example 5"):
        search(_bank(x, np.arange(8) % 2, 2))


def test_a_label_without_examples_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"got none of .*digit 2"):
        search(_bank(np.eye(8), np.arange(8) % 2, 3))


def test_arrays_that_do_not_fit_together_are_refused() -> None:
    bank = Bank({DEFAULT: np.eye(8, dtype=np.float32)}, np.zeros(7, int), ("a", "b"), np.arange(7))
    with pytest.raises(InvalidArgument, match=r"\[8, 8\], \[7\]"):
        search(bank)


def test_an_earlier_endpoint_that_is_not_finite_only_loses_its_cuts() -> None:
    train, test = _digits(10)
    train.vectors["edges"][7, 3] = np.inf
    result = search(train)
    assert result.endpoints == LAST.endpoints
    assert _accuracy(result, test) > 0.85
    failed = [row for row in result.rows if row.log_loss is None]
    assert failed
    assert all("edges are not finite numbers" in row.reason for row in failed)
