"""The choice among candidates, on losses made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from services.common.heads.base import Calibration
from services.trainer.search.candidates import HeadSpec
from services.trainer.search.held_out import HeldOut, Trial
from services.trainer.search.select import Scores, best, excess, optimism, reasons, score

FOLDS = 5


def _trial(error: str = "", held_out: HeldOut | None = None) -> Trial:
    return Trial(HeadSpec("made up"), None, 0, 0.1, held_out, error)


def _scores(losses: list[float]) -> Scores:
    found = np.array(losses)
    return Scores(Calibration(), found, float(found.mean()), 0.1, 0.5)


def _answers(proba_of_truth: np.ndarray, y: np.ndarray) -> HeldOut:
    """Two classes; `proba_of_truth` `[m]`."""
    m = len(y)
    proba = np.empty((1, m, 2))
    proba[0, np.arange(m), y] = proba_of_truth
    proba[0, np.arange(m), 1 - y] = 1 - proba_of_truth
    return HeldOut(np.arange(m), np.log(proba).astype(np.float32), np.arange(m)[None] % FOLDS, 0.8)


def _lucky(candidates: int, m: int, seed: int) -> tuple[list[Trial], np.ndarray]:
    """Candidates that guess, each in its own way."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, m)
    made = [_answers(rng.uniform(0.2, 0.8, m), y) for _ in range(candidates)]
    return [_trial(held_out=one) for one in made], y


def test_the_best_is_the_lowest_loss_and_the_first_of_equals() -> None:
    assert best([None, _scores([2.0]), _scores([1.0]), _scores([1.0])]) == 2


def test_nothing_is_best_where_everything_failed() -> None:
    assert best([None, None]) == -1
    assert best([]) == -1


def test_the_excess_is_paired_so_that_hard_items_cancel_out() -> None:
    """The items differ much, the candidates by about the same on every item."""
    hard, worse = np.array([0.1, 0.5, 3.0, 1.0]), np.array([0.11, 0.10, 0.09, 0.10])
    gap, error = excess(_scores((hard + worse).tolist()), _scores(hard.tolist()))
    assert gap == pytest.approx(0.1)
    assert error == pytest.approx(np.std([0.11, 0.10, 0.09, 0.10], ddof=1) / 2)
    assert excess(_scores([0.5]), _scores([0.2])) == pytest.approx((0.3, 0.0))


def test_every_candidate_is_given_a_reason() -> None:
    trials = [_trial(), _trial(), _trial(), _trial(error="did not converge")]
    base = np.array([0.1, 0.5, 3.0, 1.0])
    near = _scores((base + np.array([0.2, -0.1, 0.1, -0.1])).tolist())
    far = _scores((base + 0.1).tolist())
    why = reasons(trials, [_scores(base.tolist()), near, far, None], 0)
    assert why[0] == "taken: the lowest held-out loss"
    assert why[1].startswith("left: as good as the one taken (+0.025 ± 0.0")
    assert why[2] == "left: its held-out loss is +0.100 ± 0.000 from the one taken"
    assert why[3] == "failed: did not converge"


def test_what_is_taken_without_having_the_lowest_loss_does_not_claim_it() -> None:
    scores = [_scores([0.50, 0.52]), _scores([0.51, 0.52])]
    taken = reasons([_trial(), _trial()], scores, 1)[1]
    assert taken == "taken: its held-out loss is within one standard error of the lowest"


def test_scores_are_those_of_calibrated_answers() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    right = rng.random(60) < 0.8
    found = score(_answers(np.where(right, 0.6, 0.4), y), y)  # right, but timid
    share = float(right.mean())
    entropy = -(share * np.log(share) + (1 - share) * np.log(1 - share))
    assert found.accuracy == pytest.approx(share)
    assert found.calibration.temperature < 1
    assert found.log_loss == pytest.approx(entropy, abs=0.01)


def test_a_timid_head_scores_as_a_bold_one_that_says_the_same() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    odds = rng.normal(1, 1, 200)
    timid, bold = (score(_answers(1 / (1 + np.exp(-odds * by)), y), y) for by in (0.3, 3.0))
    assert timid.log_loss == pytest.approx(bold.log_loss, abs=1e-4)


def test_losses_are_means_over_repeats() -> None:
    y = np.array([0, 1, 0, 1])
    one, other = (_answers(np.array(p), y) for p in ([0.9, 0.8, 0.7, 0.6], [0.6, 0.6, 0.9, 0.9]))
    both = score(one.with_repeats(other), y)
    assert both.losses.shape == (4,)
    assert both.losses.mean() == pytest.approx(both.log_loss)


def test_the_standard_error_comes_from_the_spread_of_folds() -> None:
    y = np.zeros(4, int)
    even = np.full((1, 4, 2), np.log(0.5), np.float32)
    two, one = np.array([[0, 0, 1, 1]]), np.zeros((1, 4), int)
    assert score(HeldOut(np.arange(4), even, two, 0.5), y).standard_error == pytest.approx(0)
    assert np.isnan(score(HeldOut(np.arange(4), even, one, 0.5), y).standard_error)


def test_the_same_repeats_again_do_not_make_the_loss_surer() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(100) % 2
    answers = _answers(rng.uniform(0.3, 0.95, 100), y)
    once = score(answers, y).standard_error
    twice = score(answers.with_repeats(answers), y).standard_error
    assert twice == pytest.approx(once, rel=0.1)


def test_one_candidate_has_nothing_to_be_optimistic_about() -> None:
    trials, y = _lucky(1, 100, 0)
    assert optimism(trials, y) == 0
    assert optimism([*trials, _trial(error="failed")], y) == 0


def test_the_luckiest_of_many_guessers_looks_better_than_it_is() -> None:
    """Who guesses is right half the time, and what is left of the best when that is taken away is
    about a half."""
    found, honest = [], []
    for seed in range(10):
        trials, y = _lucky(60, 60, seed)
        scores = [score(t.held_out, y) for t in trials if t.held_out]
        found.append(optimism(trials, y))
        honest.append(scores[best(scores)].accuracy - found[-1])
    assert np.mean(found) > 0.05
    assert np.mean(honest) == pytest.approx(0.5, abs=0.05)


def test_who_is_clearly_the_best_was_not_chosen_by_luck() -> None:
    trials, y = _lucky(20, 60, 0)
    clear = _trial(held_out=_answers(np.where(np.arange(60) % 10, 0.9, 0.2), y))
    assert optimism([*trials, clear], y) == 0
