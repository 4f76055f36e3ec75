"""The delivered head: fitted to all examples; an average as the mean of its members."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graft.errors import Internal
from services.trainer.data.split import stratified_folds
from services.trainer.search.bank import Bank
from services.trainer.search.calibrate import fit_temperature
from services.trainer.search.candidates import Family, HeadSpec, Lda, Logistic, Mlp, Ridge
from services.trainer.search.cuts import DEFAULT, LAST, Cut
from services.trainer.search.deliver import deliver, refit_of
from services.trainer.search.held_out import Contender, Trial, Watch, run_trials
from services.trainer.search.space import Space

Y, ITEMS, LABELS = np.arange(60) % 3, np.arange(60), ("a", "b", "c")
JOINED = Cut((DEFAULT, "late"), (1.0, 0.6))
ALL = Cut((DEFAULT, "late", "early"), (1.0, 0.6, 0.36))
EARLY = Cut(("early",), (1.0,))


@pytest.fixture(scope="module")
def bank() -> Bank:
    """The early endpoint is never negative, so that its root is taken."""
    rng = np.random.default_rng(0)

    def blobs(d: int) -> np.ndarray:
        return (rng.normal(size=(3, d))[Y] + 1.5 * rng.normal(size=(60, d))).astype(np.float32)

    return Bank(
        {"early": np.abs(blobs(9)), "late": blobs(12), DEFAULT: blobs(20)}, Y, LABELS, ITEMS
    )


def _trials(bank: Bank, family: Family, cut: Cut, views: tuple[str, ...] = ()) -> list[Trial]:
    contender = Contender(family, Space.of(bank, cut, views=views), (("cut", str(cut)),))
    watch = Watch(lambda done, total: None, lambda: False, 1)
    return run_trials(contender, Y, 3, stratified_folds(Y), ITEMS, watch)


def _average(*members: Trial) -> Trial:
    return Trial(HeadSpec("average"), None, 0, 0.0, members[0].held_out, members=members)


def _vectors(bank: Bank, endpoints: tuple[str, ...]) -> np.ndarray:
    return bank.joined(Cut(endpoints, (1.0,) * len(endpoints)))


def _temperature(trial: Trial) -> float:
    assert trial.held_out is not None
    return fit_temperature(trial.held_out.log_proba, Y)


@pytest.mark.parametrize("family", [Ridge(), Lda(), Logistic(), Mlp(0)], ids=str)
def test_a_candidate_is_fitted_to_all_examples(bank: Bank, family: Family) -> None:
    trial = _trials(bank, family, JOINED)[-1]
    assert trial.contender is not None
    made = deliver(trial, bank, ITEMS)
    z = trial.contender.space.z
    fit = family.only(trial.index).fit(z, Y, 3, copies=1, final=True)[0]
    assert made.endpoints == JOINED.endpoints
    assert made.head.labels == LABELS
    logits = made.head.logits(_vectors(bank, made.endpoints))
    np.testing.assert_allclose(logits, fit.logits(z), atol=1e-3)


def test_an_average_over_cuts_answers_as_the_mean_of_tempered_logits(bank: Bank) -> None:
    members = (
        _trials(bank, Lda(), JOINED)[3],
        _trials(bank, Ridge(), EARLY)[0],
        _trials(bank, Logistic(), ALL)[4],
        _trials(bank, Lda(), LAST)[1],
    )
    made = deliver(_average(*members), bank, ITEMS)
    assert made.endpoints == (DEFAULT, "late", "early")
    assert [(b.length, b.root) for b in made.head.blocks.blocks] == [
        (1.0, False),
        (1.0, False),
        (1.0, True),
    ]
    expected = []
    for member in members:
        alone = deliver(member, bank, ITEMS)
        logits = alone.head.logits(_vectors(bank, alone.endpoints))
        expected.append(logits / _temperature(member))
    found = made.head.logits(_vectors(bank, made.endpoints))
    np.testing.assert_allclose(found, np.mean(expected, axis=0), atol=1e-4)


def test_an_average_over_parts_keeps_them_together_and_knows_a_missing_one(bank: Bank) -> None:
    vectors = {
        "image:early": bank.vectors["early"].copy(),
        "image:default": bank.vectors["late"].copy(),
        "text:default": bank.vectors[DEFAULT].copy(),
    }
    vectors["image:early"][:4], vectors["image:default"][:4] = 0, 0
    joint = replace(bank, vectors=vectors, joint=True)
    small = Cut(("image:default", "text:default"), (1.0, 0.5))
    large = Cut(("image:default", "image:early", "text:default"), (0.8, 0.6, 1.0))
    members = (_trials(joint, Lda(), small)[2], _trials(joint, Ridge(), large)[0])
    made = deliver(_average(*members), joint, ITEMS)
    assert made.endpoints == ("image:default", "image:early", "text:default")
    expected = []
    for member in members:
        alone = deliver(member, joint, ITEMS)
        logits = alone.head.logits(_vectors(joint, alone.endpoints))
        expected.append(logits / _temperature(member))
    found = made.head.logits(_vectors(joint, made.endpoints))
    np.testing.assert_allclose(found, np.mean(expected, axis=0), atol=1e-4)


def test_an_average_of_one_is_that_one_tempered(bank: Bank) -> None:
    trial = _trials(bank, Ridge(), JOINED)[0]
    alone, made = (deliver(t, bank, ITEMS).head for t in (trial, _average(trial)))
    x = _vectors(bank, JOINED.endpoints)
    np.testing.assert_allclose(made.logits(x), alone.logits(x) / _temperature(trial), atol=1e-4)


def test_a_head_that_cannot_be_fitted_to_all_is_an_internal_error(bank: Bank) -> None:
    trial = _trials(bank, Ridge(), LAST)[0]
    assert trial.contender is not None
    space = replace(trial.contender.space, z=np.zeros_like(trial.contender.space.z))
    broken = replace(trial, contender=replace(trial.contender, space=space))
    for each in (broken, _average(trial, broken)):
        with pytest.raises(Internal, match=r"could not be fitted to all examples: .*alike"):
            deliver(each, bank, ITEMS)


@pytest.mark.parametrize("averaged", [False, True])
@pytest.mark.parametrize("views", [(), ("same", "moved")])
def test_a_refit_answers_as_a_fit_to_those_examples_alone(
    bank: Bank, averaged: bool, views: tuple[str, ...]
) -> None:
    """Fewer classes and other numbers for them than the search had."""
    moved = {name: v + np.float32(0.1) for name, v in bank.vectors.items()}
    seen = replace(bank, views={"same": bank.vectors, "moved": moved})
    trial = _trials(seen, Lda(), JOINED, views)[2]
    assert trial.contender is not None
    space = trial.contender.space
    train, test = np.flatnonzero((Y != 1) & (ITEMS < 40)), np.arange(40, 60)
    y = (Y[train] == 0).astype(np.int64)
    other = _trials(seen, Ridge(), LAST)[0]
    refit = refit_of(_average(trial, other) if averaged else trial, Y)
    found = refit.logits(train, y, 2, test)
    copies = 1 + len(views)
    rows, labels = space.z[space.rows(train)], np.tile(y, copies)
    fit = Lda().only(2).fit(rows, labels, 2, copies=copies, final=False)[0]
    assert found.dtype == np.float32
    expected = fit.logits(space.z[test]) / _temperature(trial)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
