"""The rounds: which candidates are tried where, what time runs out for, and what is taken."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from services.common.heads.base import Calibration
from services.trainer.data.split import stratified_folds
from services.trainer.fitters.lda import SHRINKAGES
from services.trainer.fitters.logistic import STRENGTHS
from services.trainer.search import rounds as rounds_module
from services.trainer.search.bank import Bank
from services.trainer.search.calibrate import temper
from services.trainer.search.candidates import HeadSpec
from services.trainer.search.cuts import DEFAULT, candidate_cuts
from services.trainer.search.held_out import Trial, Watch, measured_items
from services.trainer.search.rounds import FEW, FINALISTS, MIN_FOR_MLP, NEAR, Rounds
from services.trainer.search.select import Scores, best, excess

LABELS = ("a", "b", "c")
DIMS = {"early": 12, DEFAULT: 16}
LINEAR = ("lda", "ridge", "logistic")


def _bank(n: int, *, telling: tuple[str, ...] = (DEFAULT,), views: int = 0, seed: int = 0) -> Bank:
    """Only the endpoints that are `telling` know anything of the classes."""
    rng, y = np.random.default_rng(seed), np.arange(n) % 3
    vectors = {}
    for name, d in DIMS.items():
        means = rng.normal(size=(3, d)) * (name in telling)
        vectors[name] = (means[y] + rng.normal(size=(n, d))).astype(np.float32)
    seen = {
        f"view {i}": {k: v + np.float32(0.01) for k, v in vectors.items()} for i in range(views)
    }
    return Bank(vectors, y, LABELS, np.arange(n), seen)


def _rounds(
    bank: Bank,
    *,
    left_s: Callable[[], float] = lambda: 1e9,
    root: bool = True,
    repeats: int = 2,
) -> tuple[Rounds, int]:
    plan = stratified_folds(bank.y, folds=3, repeats=repeats)
    watch = Watch(lambda done, total: None, lambda: False, 1000)
    items = measured_items(bank.y, 3, plan, 100, 0)
    rounds = Rounds(bank, plan, items, 0, watch, left_s, root)
    return rounds, rounds.run()


def _kinds(trials: list[Trial]) -> list[tuple[str, str]]:
    """Kind and cut of every contender's first candidate, in the order of trying."""
    return [
        (t.spec.kind, dict(t.about)["cut"])
        for t in trials
        if t.contender is not None and not t.index
    ]


def _single(rounds: Rounds) -> list[int]:
    return [i for i, trial in enumerate(rounds.trials) if not trial.members]


def _averages(rounds: Rounds) -> list[int]:
    return [i for i, trial in enumerate(rounds.trials) if trial.members]


def _score(rounds: Rounds, i: int) -> Scores:
    found = rounds.scores[i]
    assert found is not None
    return found


@pytest.fixture(scope="module")
def few() -> tuple[Rounds, int]:
    return _rounds(_bank(90, telling=("early", DEFAULT)))


@pytest.fixture(scope="module")
def many() -> tuple[Rounds, int]:
    return _rounds(_bank(FEW + 30, telling=("early", DEFAULT)))


def test_discriminant_analysis_tries_every_cut_and_the_other_heads_the_best(
    few: tuple[Rounds, int],
) -> None:
    rounds, _ = few
    cuts = [str(cut) for cut in candidate_cuts(("early", DEFAULT))]
    kinds = _kinds(rounds.trials)
    assert kinds[: len(cuts)] == [("lda", cut) for cut in cuts]
    losses = [_score(rounds, i).log_loss for i in range(len(cuts) * len(SHRINKAGES))]
    cut = dict(rounds.trials[int(np.argmin(losses))].about)["cut"]
    assert kinds[len(cuts) :] == [
        ("ridge", cut),
        ("logistic", cut),
        ("class_mean", "default"),
        ("logistic", "default"),
    ]
    scalings = [dict(rounds.trials[i].about)["scaling"] for i in _single(rounds)]
    assert scalings.count("standard") == len(STRENGTHS)
    assert len(rounds.scores) == len(rounds.trials)
    assert rounds.untried == []


def test_where_only_an_early_endpoint_knows_the_classes_its_cut_is_taken() -> None:
    rounds, chosen = _rounds(_bank(90, telling=("early",)))
    assert "early" in dict(rounds.trials[chosen].about)["cut"]
    assert "early" in dict(_kinds(rounds.trials))["ridge"]


def test_views_are_tried_by_discriminant_analysis_on_the_best_cut() -> None:
    rounds, _ = _rounds(_bank(60, views=2))
    seen = [t for t in rounds.trials if "views" in dict(t.about) and not t.members]
    assert {t.spec.kind for t in seen} == {"lda"}
    assert {dict(t.about)["views"] for t in seen} == {"2"}
    assert all(t.contender is not None and t.contender.space.copies == 3 for t in seen)


@pytest.mark.parametrize(("n", "tried"), [(3 * MIN_FOR_MLP, True), (3 * MIN_FOR_MLP - 3, False)])
def test_a_network_is_tried_on_classes_of_enough_examples(n: int, tried: bool) -> None:
    rounds, _ = _rounds(_bank(n), repeats=1)
    assert ("mlp" in [trial.spec.kind for trial in rounds.trials]) == tried


def test_classes_too_small_to_compare_get_two_heads_on_the_last_layer() -> None:
    rounds, chosen = _rounds(_bank(6), root=False)
    assert _kinds(rounds.trials) == [("ridge", "default"), ("class_mean", "default")]
    assert chosen >= 0
    for trial in rounds.trials:
        assert trial.contender is not None
        assert not trial.contender.space.blocks.blocks[0].root


def test_without_time_the_first_contender_is_tried_and_the_others_are_named() -> None:
    rounds, chosen = _rounds(_bank(FEW + 30), left_s=lambda: 0.0)
    first = [i for i in _single(rounds) if rounds.trials[i].contender]
    assert len(first) == len(SHRINKAGES)
    assert _kinds(rounds.trials) == [("lda", "default")]
    assert chosen >= 0
    assert all(_answers(rounds, i) == 1 for i in first)
    cuts = len(candidate_cuts(("early", DEFAULT)))
    others = (cuts - 1) * len(SHRINKAGES) + 2 * len(STRENGTHS) + 2 + 1  # ridge, means, network
    assert len(rounds.untried) == len(set(rounds.untried)) == others
    assert all("more than was left of the budget" in why for _, _, why in rounds.untried)


def test_with_little_time_the_cheap_are_tried_and_the_dear_are_not() -> None:
    rounds, _ = _rounds(_bank(3 * MIN_FOR_MLP), left_s=lambda: 0.2)
    tried = {kind for kind, _ in _kinds(rounds.trials)}
    assert {"lda", "ridge", "class_mean"} <= tried
    assert {spec.kind for spec, _, _ in rounds.untried} == {"mlp"}


def test_without_memory_the_first_contender_is_tried_and_the_others_say_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rounds_module, "MAX_SPACE_BYTES", 8 * 90 * DIMS[DEFAULT])
    rounds, chosen = _rounds(_bank(90))
    assert _kinds(rounds.trials) == [("lda", "default")]
    assert chosen >= 0
    assert rounds.untried
    assert all("the features would take" in why for _, _, why in rounds.untried)


def test_time_that_runs_out_ends_the_search_where_it_is() -> None:
    left = iter([1e9] * 4)
    rounds, chosen = _rounds(_bank(90), left_s=lambda: next(left, 0.0))
    assert len(_kinds(rounds.trials)) == 5
    assert rounds.untried
    assert chosen >= 0


def _answers(rounds: Rounds, i: int) -> int:
    held_out = rounds.trials[i].held_out
    assert held_out is not None
    return len(held_out.log_proba)


def test_of_few_examples_everything_answers_all_repeats(few: tuple[Rounds, int]) -> None:
    assert {_answers(few[0], i) for i in range(len(few[0].trials))} == {2}


def test_of_more_examples_the_best_of_each_kind_answer_the_further_repeats(
    many: tuple[Rounds, int],
) -> None:
    rounds, chosen = many
    extended = [i for i in _single(rounds) if _answers(rounds, i) == 2]
    assert 1 < len(extended) <= FINALISTS
    keys = [(rounds.trials[i].spec.kind, rounds.trials[i].about) for i in extended]
    assert len(set(keys)) == len(keys)
    assert _answers(rounds, chosen) == 2
    for i in extended:
        held_out = rounds.trials[i].held_out
        assert held_out is not None
        assert not set(held_out.fold[0]) & set(held_out.fold[1])


def test_an_average_is_the_mean_of_tempered_finalists_that_are_near_the_lowest(
    many: tuple[Rounds, int], few: tuple[Rounds, int]
) -> None:
    for rounds, _ in (few, many):
        lowest = _score(rounds, best([rounds.scores[i] for i in _single(rounds)]))
        assert _averages(rounds)
        for i in _averages(rounds):
            tempered = []
            for member in rounds.trials[i].members:
                place = [i for i, trial in enumerate(rounds.trials) if trial is member]
                found = _score(rounds, place[0])
                gap, error = excess(found, lowest)
                assert gap <= NEAR * error
                assert member.spec.kind in LINEAR
                assert dict(member.about)["scaling"] == "l2"
                assert member.held_out is not None
                tempered.append(temper(member.held_out.log_proba, found.calibration.temperature))
            held_out = rounds.trials[i].held_out
            assert held_out is not None
            mean = temper(np.mean(tempered, axis=0), 1.0)
            np.testing.assert_allclose(held_out.log_proba, mean, atol=1e-6)


def test_who_is_far_from_the_lowest_is_in_no_average() -> None:
    """The last layer knows nothing, so that whoever sees it alone is far from the others."""
    rounds, _ = _rounds(_bank(240, telling=("early",)))
    members = [m for i in _averages(rounds) for m in rounds.trials[i].members]
    finalists = {dict(rounds.trials[i].about)["cut"] for i in _single(rounds)}
    assert "default" in finalists
    assert "default" not in {dict(member.about)["cut"] for member in members}


@pytest.mark.parametrize("seed", range(6))
def test_the_widest_average_that_is_as_good_as_the_lowest_is_taken(seed: int) -> None:
    rounds, chosen = _rounds(_bank(90, telling=("early", DEFAULT), seed=seed))
    lowest = best(rounds.scores)

    def as_good(i: int) -> bool:
        gap, error = excess(_score(rounds, i), _score(rounds, lowest))
        return gap <= error

    good = [i for i in _averages(rounds) if as_good(i)]
    widest = max(good, key=lambda i: len(rounds.trials[i].members), default=lowest)
    assert chosen == widest


def test_an_endpoint_that_is_not_finite_fails_its_cuts_and_no_others() -> None:
    bank = _bank(30)
    bank.vectors["early"][3, 0] = np.nan
    rounds, chosen = _rounds(bank)
    for trial, found in zip(rounds.trials, rounds.scores, strict=True):
        assert (found is None) == ("not finite" in trial.error)
    assert sum(found is None for found in rounds.scores) == 3 * len(SHRINKAGES)
    assert dict(rounds.trials[chosen].about)["cut"] == "default"


def test_the_same_arguments_give_the_same_bits(few: tuple[Rounds, int]) -> None:
    again, chosen = _rounds(_bank(90, telling=("early", DEFAULT)))
    assert chosen == few[1]
    for one, other in zip(few[0].trials, again.trials, strict=True):
        assert one.held_out is not None
        assert other.held_out is not None
        np.testing.assert_array_equal(one.held_out.log_proba, other.held_out.log_proba)


@pytest.mark.parametrize(("errors", "taken"), [(0.9, 1), (1.1, 0), (2.0, 0)])
def test_an_average_is_taken_within_one_standard_error_of_the_lowest_only(
    errors: float, taken: int
) -> None:
    bank, noise = _bank(90), np.tile([-1.0, 1.0], 45)
    error = float(noise.std(ddof=1) / np.sqrt(90))
    single = Trial(HeadSpec("lda"), None, 0, 0.0)
    average = Trial(HeadSpec("average"), None, 0, 0.0, members=(single, single))
    watch = Watch(lambda done, total: None, lambda: False, 1)
    rounds = Rounds(bank, stratified_folds(bank.y), np.arange(90), 0, watch, lambda: 1.0)
    rounds.trials = [single, average]
    for losses in (np.full(90, 5.0), 5.0 + noise + errors * error):
        rounds.scores.append(Scores(Calibration(), losses, float(losses.mean()), 0.1, 0.5))
    assert rounds._taken() == taken


def test_of_two_parts_the_cut_of_one_is_chosen_then_of_the_other_then_their_weights() -> None:
    """Only the early layer of the images and the last of the texts know anything."""
    rng, y = np.random.default_rng(0), np.arange(90) % 3
    vectors = {}
    for name, telling in (
        ("image:early", True),
        ("image:default", False),
        ("text:early", False),
        ("text:default", True),
    ):
        means = rng.normal(size=(3, 12)) * telling
        vectors[name] = (means[y] + 2 * rng.normal(size=(90, 12))).astype(np.float32)
    bank = Bank(vectors, y, LABELS, np.arange(90), joint=True)
    rounds, chosen = _rounds(bank)
    kinds = _kinds(rounds.trials)
    cuts = list(dict.fromkeys(cut for kind, cut in kinds if kind == "lda"))
    assert cuts[0] == str(bank.last)
    assert len(cuts) == bank.cut_count
    (taken,) = {cut for kind, cut in kinds if kind == "ridge"}  # that on which heads are compared
    assert "image:early" in taken
    assert "text:default" in taken
    assert all("image:early" in cut for cut in cuts[len(candidate_cuts(("early", DEFAULT))) :])
    assert not any(dict(trial.about).get("scaling") == "standard" for trial in rounds.trials)
    assert rounds.scores[chosen] is not None
