"""From a real search to the stored Evaluation."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_iris

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.evaluate.metrics import measure
from services.trainer.evaluate.proto import Source, evaluate_search, to_evaluation
from services.trainer.search.bank import Bank
from services.trainer.search.examples import Examples
from services.trainer.search.run import SearchResult, search

LABELS = ("setosa", "versicolor", "virginica")


def _iris(k: int) -> tuple[Bank, list[Source]]:
    x, y = load_iris(return_X_y=True)
    keep = np.concatenate([np.flatnonzero(y == c)[:k] for c in range(3)])
    examples = Examples(
        x[keep].astype(np.float32), y[keep].astype(np.int64), LABELS, np.arange(len(keep))
    )
    return Bank.of(examples), [Source(f"{LABELS[y[i]]}/{i}.png", f"{i:064x}") for i in keep]


@pytest.fixture(scope="module")
def searched() -> tuple[SearchResult, list[Source]]:
    bank, sources = _iris(30)
    return search(bank), sources


@pytest.fixture(scope="module")
def iris(searched: tuple[SearchResult, list[Source]]) -> tuple[pb.Evaluation, list[Source]]:
    data = pb.DataSummary(example_count=90, warnings=["from the import"])
    result, sources = searched
    return evaluate_search(result, sources, data, np.full(3, 30), np.arange(90)), sources


def test_scores_stand_with_their_method(iris: tuple[pb.Evaluation, list[Source]]) -> None:
    found = iris[0]
    assert (found.method, found.evaluated_count) == ("cross-validation", 90)
    assert 0.85 < found.accuracy.low < found.accuracy.estimate < found.accuracy.high <= 1
    assert found.accuracy.level == 0.95
    assert "trained on 80% of the examples" in found.interval_method
    assert "count together" not in found.interval_method
    assert list(found.data.warnings) == ["from the import"]


def test_examples_nearly_the_same_count_together_and_it_is_said(
    searched: tuple[SearchResult, list[Source]], iris: tuple[pb.Evaluation, list[Source]]
) -> None:
    pairs = np.arange(90) // 2
    found = evaluate_search(*searched, pb.DataSummary(), np.full(3, 30), pairs)
    assert "Of the examples 45 differ; those that are nearly the same" in found.interval_method
    for wide, plain in [
        (found.accuracy, iris[0].accuracy),
        (found.per_class[1].recall, iris[0].per_class[1].recall),
    ]:
        assert wide.estimate == pytest.approx(plain.estimate)
        assert wide.high - wide.low > 1.2 * (plain.high - plain.low)


def test_every_number_is_that_of_the_metrics(iris: tuple[pb.Evaluation, list[Source]]) -> None:
    found = iris[0]
    counts = np.array(found.confusion.counts).reshape(3, 3)
    assert list(found.confusion.labels) == list(LABELS)
    assert counts.sum() == found.evaluated_count
    for i, c in enumerate(found.per_class):
        assert (c.label, c.example_count) == (LABELS[i], 30)
        assert c.recall.estimate == pytest.approx(counts[i, i] / counts[i].sum())
        assert c.precision.estimate == pytest.approx(counts[i, i] / counts[:, i].sum())
        assert c.false_negative_rate.estimate == pytest.approx(1 - c.recall.estimate)


def test_mistakes_name_the_file_and_its_digest(iris: tuple[pb.Evaluation, list[Source]]) -> None:
    found, sources = iris
    wrong = np.array(found.confusion.counts).reshape(3, 3)
    assert len(found.mistakes) == wrong.sum() - np.trace(wrong) > 0
    known = {source.path: source for source in sources}
    for mistake in found.mistakes:
        assert known[mistake.path].sha256 == mistake.sha256
        assert mistake.path.startswith(mistake.truth)
        assert mistake.truth != mistake.answer


def test_candidates_carry_what_was_tried(
    searched: tuple[SearchResult, list[Source]], iris: tuple[pb.Evaluation, list[Source]]
) -> None:
    candidates, rows = iris[0].candidates, searched[0].rows
    assert sum(c.chosen for c in candidates) == 1
    for candidate, row in zip(candidates, rows, strict=True):
        assert (candidate.kind, dict(candidate.parameters)) == (row.kind, row.parameters)
        assert (candidate.chosen, candidate.reason) == (row.chosen, row.reason)
        assert candidate.log_loss == row.log_loss
        assert candidate.duration.ToNanoseconds() == pytest.approx(1e9 * row.seconds, abs=1)


def test_a_class_counts_all_its_examples_those_never_measured_too(
    searched: tuple[SearchResult, list[Source]],
) -> None:
    found = evaluate_search(*searched, pb.DataSummary(), np.array([30, 31, 99]), np.arange(90))
    assert [c.example_count for c in found.per_class] == [30, 31, 99]


def test_it_survives_its_stored_form(iris: tuple[pb.Evaluation, list[Source]]) -> None:
    assert pb.Evaluation.FromString(iris[0].SerializeToString()) == iris[0]


def test_one_example_a_class_has_no_scores_and_says_why() -> None:
    bank, sources = _iris(1)
    counts, alike = bank.class_counts, bank.groups
    found = evaluate_search(search(bank), sources, pb.DataSummary(), counts, alike)
    assert found.method == "none"
    assert not found.HasField("accuracy")
    assert [(c.label, c.example_count) for c in found.per_class] == [(name, 1) for name in LABELS]
    assert not any(c.HasField("recall") for c in found.per_class)
    assert not found.candidates[0].HasField("log_loss")
    assert "cannot be said" in found.data.warnings[0]


def test_answers_to_a_test_set_say_so() -> None:
    log_proba = np.log(np.array([[[0.8, 0.1, 0.1], [0.8, 0.1, 0.1]]], np.float32))
    numbers = measure(log_proba, np.array([0, 1]), LABELS)
    found = to_evaluation(numbers, LABELS, [Source("a", "0"), Source("b", "1")])
    assert found.method == "test set"
    assert [m.path for m in found.mistakes] == ["b"]
    assert not found.per_class[2].HasField("recall")
