"""The search where an example may bear several labels, from embeddings to a head."""

from __future__ import annotations

import numpy as np
import pytest

from graft.errors import Cancelled, FailedPrecondition
from services.common.heads.base import Floats
from services.trainer.data.split import stratified_folds
from services.trainer.search import run
from services.trainer.search.bank import Bank, Vectors
from services.trainer.search.cuts import DEFAULT
from services.trainer.search.deliver import deliver
from services.trainer.search.held_out import Watch
from services.trainer.search.judge import SEVERAL_LABELS
from services.trainer.search.rounds import Rounds
from services.trainer.search.run import SearchResult, SearchSettings, search
from services.trainer.search.thresholds import EVEN
from services.trainer.search.unknown import fit_unknown

LABELS = ("hat", "shoe", "bag", "belt")
DIM = 24
MEANS = np.random.default_rng(9).normal(size=(4, DIM))


def _examples(n: int, seed: int = 0, noise: float = 1.0) -> tuple[Vectors, np.ndarray]:
    """Each label adds its own direction; some examples bear none."""
    rng = np.random.default_rng(seed)
    borne = rng.random((n, 4)) < [0.5, 0.3, 0.2, 0.2]
    return (borne @ MEANS + noise * rng.normal(size=(n, DIM))).astype(np.float32), borne


def _bank(n: int, *, seed: int = 0, noise: float = 1.0) -> Bank:
    """The first endpoint knows only half of what the last one does."""
    x, borne = _examples(n, seed, noise)
    return Bank({"early": x[:, : DIM // 2], DEFAULT: x}, borne, LABELS, np.arange(n))


def _joined(bank: Bank, endpoints: tuple[str, ...]) -> Floats:
    return np.concatenate([bank.vectors[name].astype(np.float32) for name in endpoints], axis=1)


def _exactly(found: SearchResult, bank: Bank) -> float:
    """The share of examples all of whose labels the head answers."""
    borne = found.head.answer(_joined(bank, found.endpoints)).borne
    return float(np.all(borne == bank.y, axis=1).mean())


def test_a_head_of_several_labels_answers_new_examples_exactly() -> None:
    found = search(_bank(120))
    assert found.head.several
    assert _exactly(found, _bank(500, seed=1)) > 0.6  # chance: 0.3 to 0.05
    assert {"ridge", "logistic"} <= {row.kind for row in found.rows}
    assert len({row.parameters["cut"] for row in found.rows}) > 2
    assert sum(row.chosen for row in found.rows) == 1


def test_held_out_answers_are_those_of_a_calibrated_head() -> None:
    found, y = search(_bank(200)), _bank(200).y
    assert found.held_out is not None
    proba = np.exp(found.held_out.log_proba)
    assert proba.shape[1:] == (200, 4)
    np.testing.assert_allclose(proba.mean(axis=(0, 1)), y.mean(axis=0), atol=0.04)


def test_it_is_repeated_to_the_bit() -> None:
    first, second = search(_bank(60)), search(_bank(60))
    for name, array in first.head.to_arrays().items():
        np.testing.assert_array_equal(second.head.to_arrays()[name], array)
    assert first.parameters == second.parameters


def test_the_budget_leaves_candidates_untried_and_an_answer_all_the_same() -> None:
    found = search(_bank(60), SearchSettings(budget_s=0.0))
    assert any(row.reason.startswith("not tried") for row in found.rows)
    assert found.head.several
    assert found.held_out is not None


def test_it_is_cancelled_between_fits_or_ended_with_the_best_so_far() -> None:
    told = list[int]()
    with pytest.raises(Cancelled):
        search(_bank(60), progress=lambda done, _: told.append(done), cancelled=lambda: True)
    kept = search(_bank(60), enough=lambda: True)
    assert kept.head.several
    assert any(row.reason.startswith("not tried") for row in kept.rows)


def test_an_average_of_heads_is_one_linear_head_that_answers_as_their_mean() -> None:
    bank = _bank(60, noise=1.5)
    plan = stratified_folds(bank.y)
    watch = Watch(lambda done, total: None, lambda: False, 1)
    rounds = Rounds(bank, plan, np.arange(60), 0, watch, lambda: 1e9)
    rounds.run()
    trial = next(trial for trial in rounds.trials if trial.members)
    made = deliver(trial, bank, rounds.items)
    expected = np.zeros((60, 4))
    for member in trial.members:
        assert member.held_out is not None
        calibration = SEVERAL_LABELS.calibration(member.held_out.log_proba, bank.y)
        alone = deliver(member, bank, rounds.items)
        logits = alone.head.logits(_joined(bank, alone.endpoints)) / calibration.temperature
        expected += (logits + calibration.offset) / len(trial.members)
    np.testing.assert_allclose(made.head.logits(_joined(bank, made.endpoints)), expected, atol=1e-4)


def test_another_head_of_the_kind_is_fitted_to_other_examples() -> None:
    bank = _bank(60)
    refit = search(bank).refit
    assert refit is not None
    logits = refit.logits(np.arange(50), bank.y[:50], 4, np.arange(50, 60))
    assert ((logits > 0) == bank.y[50:]).mean() > 0.8


def test_what_is_unlike_all_examples_is_unknown_and_bearing_no_label_is_not() -> None:
    bank = _bank(200)
    found = search(bank)
    assert found.held_out is not None
    unknown = fit_unknown(found.examples, found.held_out.items, found.held_out.log_proba)
    assert unknown.familiarity.odds_weight == 0
    assert unknown.measured_kept_share == pytest.approx(0.95, abs=0.02)
    head = found.head.calibrated(found.head.calibration, unknown.familiarity)
    x = _joined(bank, found.endpoints)
    bare = ~bank.y.any(axis=1)
    assert head.answer(x[bare]).unknown.mean() < 0.2
    strange = np.random.default_rng(1).normal(size=x.shape).astype(np.float32) * np.float32(9)
    assert head.answer(strange).unknown.mean() > 0.8


@pytest.mark.parametrize(
    "borne",
    [
        np.ones((6, 2), np.bool_),
        np.tile([[True, False]], (6, 1)),
        np.zeros((6, 2), np.bool_),
    ],
)
def test_labels_that_all_bear_or_none_are_refused(borne: np.ndarray) -> None:
    x = _examples(6)[0]
    with pytest.raises(FailedPrecondition, match="nothing to tell apart") as caught:
        search(Bank({DEFAULT: x}, borne, ("a", "b"), np.arange(6)))
    assert caught.value.reason == "DATASET_UNTRAINABLE"


def test_a_label_that_all_bear_stands_beside_others_and_is_always_answered() -> None:
    bank = _bank(60)
    bank.y[:, 0] = True
    found = search(bank)
    borne = found.head.answer(_joined(bank, found.endpoints)).borne
    assert borne is not None
    assert borne[:, 0].all()


def test_a_label_of_one_example_is_learned_and_named_as_not_measured() -> None:
    bank = _bank(60)
    bank.y[:, 3] = False
    bank.y[7, 3] = True
    found = search(bank)
    assert found.plan.never_tested.tolist() == [7]
    assert any("1 of 4 classes have a single example (belt)" in note for note in found.notes)


def test_one_class_is_enough_where_it_may_be_absent() -> None:
    bank = _bank(60)
    found = search(Bank(bank.vectors, bank.y[:, :1], ("hat",), bank.groups))
    assert found.head.labels == ("hat",)
    new = _bank(300, seed=1)
    assert _exactly(found, Bank(new.vectors, new.y[:, :1], ("hat",), new.groups)) > 0.8


def test_two_examples_give_a_head_and_no_number() -> None:
    x = _examples(2)[0]
    borne = np.array([[True, True], [False, True]])
    found = search(Bank({DEFAULT: x}, borne, ("a", "b"), np.arange(2)))
    assert found.held_out is None
    assert found.head.calibration.thresholds is not None
    assert found.head.calibration.thresholds.tolist() == [EVEN, EVEN]
    answered = found.head.answer(x).borne
    assert answered is not None
    np.testing.assert_array_equal(answered, borne)


def test_of_very_many_examples_a_part_is_fitted_and_the_report_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run, "MAX_COMPARED", 150)
    found = search(_bank(400))
    assert 150 <= len(found.kept) < 160
    assert f"fitted to {len(found.kept)} examples drawn at random of 400" in found.notes[-1]


def test_thousands_of_labels_are_answered_within_bounds() -> None:
    """Each example bears one common label and one of 2,000 that two examples share."""
    rng = np.random.default_rng(0)
    borne = np.zeros((4000, 2005), np.bool_)
    borne[np.arange(4000), np.arange(4000) % 2000] = True
    borne[np.arange(4000), 2000 + rng.integers(0, 5, 4000)] = True
    x = rng.normal(size=(4000, 8)).astype(np.float32)
    bank = Bank({DEFAULT: x}, borne, tuple(map(str, range(2005))), np.arange(4000))
    found = search(bank, SearchSettings(budget_s=0.0))
    assert found.head.several
    assert found.held_out is not None
    assert found.held_out.log_proba.size <= 30_000_000
