"""The choice among candidates, on losses made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from services.trainer.search.candidates import ClassMeans, HeadSpec
from services.trainer.search.held_out import HeldOut, Trial
from services.trainer.search.select import Scores, choose, score

FAMILY = ClassMeans()


def _trial(name: str, rank: tuple[int, int], error: str = "") -> Trial:
    return Trial(HeadSpec(name, (("C", "1"),), rank), FAMILY, 0, 0.1, error=error)


def _scores(losses: list[float]) -> Scores:
    found = np.array(losses)
    return Scores(1.0, found, float(found.mean()), 0.1, 0.5)


def test_the_lowest_loss_within_a_family_is_taken() -> None:
    trials = [_trial("strong", (0, 0)), _trial("weak", (0, 1))]
    choice = choose(trials, [_scores([0.5, 0.6, 0.4]), _scores([0.5, 0.59, 0.4])])
    assert choice.chosen == 1
    assert choice.reasons[1] == "taken: the lowest held-out loss of all"


def test_the_simpler_family_is_taken_within_one_standard_error() -> None:
    trials = [_trial("simple", (0, 0)), _trial("complex", (1, 0))]
    choice = choose(trials, [_scores([0.5, 0.9, 0.4, 0.4]), _scores([0.6, 0.6, 0.5, 0.4])])
    assert choice.chosen == 0
    assert "within one standard error" in choice.reasons[0]
    assert "simple C=1 is simpler and as good" in choice.reasons[1]


def test_the_better_family_is_taken_beyond_one_standard_error() -> None:
    """The items differ much, the candidates by the same on every item: so they do differ."""
    hard, worse = np.array([0.1, 0.5, 3.0, 1.0]), np.array([0.11, 0.10, 0.09, 0.10])
    trials = [_trial("simple", (0, 0)), _trial("complex", (1, 0))]
    choice = choose(trials, [_scores((hard + worse).tolist()), _scores(hard.tolist())])
    assert choice.chosen == 1
    assert choice.reasons[0].startswith("left: its held-out loss is 0.100 ± 0.004 above")


def test_equal_losses_go_to_the_lower_rank() -> None:
    trials = [_trial("b", (0, 1)), _trial("a", (0, 0))]
    assert choose(trials, [_scores([0.5, 0.5]), _scores([0.5, 0.5])]).chosen == 1


def test_a_failed_candidate_is_never_taken_and_says_why() -> None:
    trials = [_trial("broken", (0, 0), error="did not converge"), _trial("works", (1, 0))]
    choice = choose(trials, [None, _scores([2.0, 2.0])])
    assert choice.chosen == 1
    assert choice.reasons[0] == "failed: did not converge"


def test_scores_are_those_of_calibrated_answers() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    sure = np.where(rng.random(60) < 0.8, y, 1 - y)  # right in 4 of 5 cases
    proba = np.full((1, 60, 2), 0.4, np.float32)  # but timid
    proba[0, np.arange(60), sure] = 0.6
    found = score(HeldOut(np.arange(60), np.log(proba), np.arange(60)[None] % 5, 0.8), y)
    share = float((sure == y).mean())
    entropy = -(share * np.log(share) + (1 - share) * np.log(1 - share))
    assert found.accuracy == pytest.approx(share)
    assert found.temperature < 1
    assert found.log_loss == pytest.approx(entropy, abs=0.01)


def test_the_standard_error_comes_from_the_spread_of_folds() -> None:
    proba = np.full((1, 4, 2), 0.5, np.float32)
    found = score(
        HeldOut(np.arange(4), np.log(proba), np.array([[0, 0, 1, 1]]), 0.5), np.zeros(4, int)
    )
    assert found.standard_error == pytest.approx(0)
    one = score(HeldOut(np.arange(4), np.log(proba), np.zeros((1, 4), int), 0.5), np.zeros(4, int))
    assert np.isnan(one.standard_error)
