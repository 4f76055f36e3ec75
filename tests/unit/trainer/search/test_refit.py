"""The chosen kind of head on other examples: the answers of a fit made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from services.trainer.data.split import stratified_folds
from services.trainer.fitters.ridge import fit_ridge
from services.trainer.search.bank import Bank
from services.trainer.search.calibrate import fit_temperature
from services.trainer.search.candidates import Family, Lda, Ridge
from services.trainer.search.cuts import LAST
from services.trainer.search.held_out import Contender, HeldOut, Trial, Watch, run_trials
from services.trainer.search.refit import refit
from services.trainer.search.space import Space

Y = np.arange(60) % 4
ITEMS = np.arange(60)
TRAIN, TEST = np.flatnonzero((Y != 3) & (ITEMS < 45)), np.arange(45, 60)


@pytest.fixture(scope="module")
def bank() -> Bank:
    x = np.random.default_rng(0).normal(size=(4, 30))[Y]
    x += np.random.default_rng(1).normal(size=x.shape)
    return Bank({"default": x.astype(np.float32)}, Y, tuple("abcd"), ITEMS)


def _trials(bank: Bank, family: Family) -> list[Trial]:
    contender = Contender(family, Space.of(bank, LAST), (("cut", str(LAST)),))
    watch = Watch(lambda done, total: None, lambda: False, 1)
    return run_trials(contender, Y, 4, stratified_folds(Y), ITEMS, watch)


def test_it_answers_as_a_fit_to_those_examples_alone(bank: Bank) -> None:
    trial = _trials(bank, Ridge())[0]
    assert trial.contender is not None
    z = trial.contender.space.z
    expected = fit_ridge(z[TRAIN], Y[TRAIN], 3).logits(z[TEST]) / 2.5
    found = refit(trial, 2.5, Y)(TRAIN, Y[TRAIN], 3, TEST)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_an_average_answers_as_the_mean_of_its_tempered_members(bank: Bank) -> None:
    members = (_trials(bank, Ridge())[0], _trials(bank, Lda())[2])
    found = refit(_average(members), 2.0, Y)(TRAIN, Y[TRAIN], 3, TEST)
    alone = [refit(member, _temperature(member), Y)(TRAIN, Y[TRAIN], 3, TEST) for member in members]
    np.testing.assert_allclose(found, np.mean(alone, axis=0) / 2, rtol=1e-4, atol=1e-5)


def _average(members: tuple[Trial, ...]) -> Trial:
    first = members[0]
    return Trial(first.spec, None, 0, 0.0, held_out=first.held_out, members=members)


def _temperature(trial: Trial) -> float:
    assert isinstance(trial.held_out, HeldOut)
    return fit_temperature(trial.held_out.log_proba, Y)
