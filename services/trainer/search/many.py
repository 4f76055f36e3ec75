"""A head for very many examples: compared on a part of them, fitted to all as they stream by.

Discriminant analysis needs sums only, so that memory does not grow with the examples and time grows
in proportion. A few thousand examples that had no part in the comparison are held out of the first
sums, and added for the delivered head. Nothing that is nearly the same as one of them is compared
on, or in the first sums.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from services.common.heads.base import Calibration, Floats, log_softmax
from services.common.heads.head import Head
from services.common.heads.linear import LinearHead
from services.trainer.data.split import stratified_groups, stratified_sample
from services.trainer.fitters.base import FitError, Indices, LinearFit, Truth, several
from services.trainer.fitters.lda import SHRINKAGES, Moments, fit_lda
from services.trainer.search.bank import Bank
from services.trainer.search.calibrate import deliver_temperature, temper
from services.trainer.search.examples import check_finite
from services.trainer.search.held_out import HeldOut
from services.trainer.search.select import Scores, best, score

CHUNK: Final = 4_096
"""Rows in memory as float32 at once."""
MAX_HELD_OUT: Final = 5_000
MAX_HELD_SCORES: Final = 30_000_000


@dataclass(frozen=True)
class Division:
    """`compared`: what candidates are tried on; `held_out`: what the sums are tried on, whole
    groups of which none is among those of `compared`; ascending."""

    compared: Indices
    held_out: Indices


@dataclass(frozen=True)
class Fitted:
    """A calibrated head of all examples; `held_out` has its answers before it knew the items."""

    head: Head
    shrinkage: float
    held_out: HeldOut
    scores: Scores
    seconds: float


def divide(y: Truth, groups: Indices, seed: int, compared: int) -> Division:
    """About `compared` examples of classes `y` `[n]`, or with labels `[n, c]`, of each class a part
    of like share and two at least, and up to MAX_HELD_OUT examples of other `groups` `[n]`."""
    rng = np.random.default_rng([seed, 5])
    some = stratified_groups(y, groups, compared, rng)
    taken = some[stratified_sample(y[some], compared, rng)]  # where they are of large groups
    classes = y.shape[1] if several(y) else int(y.max()) + 1
    rest = np.setdiff1d(np.arange(len(y)), some)
    most = min(MAX_HELD_OUT, MAX_HELD_SCORES // classes, len(rest) // 2)
    return Division(taken, rest[_whole_groups(groups[rest], most, rng)])


def _whole_groups(groups: Indices, most: int, rng: np.random.Generator) -> Indices:
    """The examples of random groups `[n]`, ascending: as many as come to `most` examples, one after
    the other where it fits."""
    unit, sizes = np.unique(groups, return_inverse=True, return_counts=True)[1:]
    kept = np.zeros(len(sizes), np.bool_)
    for number in rng.permutation(len(sizes)).tolist():
        kept[number] = sizes[number] <= most
        most -= int(sizes[number]) if kept[number] else 0
        if most <= 0:
            break
    return np.flatnonzero(kept[unit.reshape(-1)])


def fit_all(
    bank: Bank,
    rival: Head,
    endpoints: tuple[str, ...],
    part: Division,
    check: Callable[[], None],
) -> Fitted | None:
    """The head fitted to all examples in the features of `rival`, the best of the comparison; None
    where the rival answers the held-out examples better, or there are none. `check` is called
    between chunks."""
    if not len(part.held_out):
        return None
    began = time.perf_counter()
    y = bank.y[part.held_out]
    learned = np.setdiff1d(np.arange(len(bank.y)), part.held_out)
    moments = _moments(bank, rival, endpoints, learned, check)
    tested = _features(bank, rival, endpoints, part.held_out)
    fold = np.zeros((1, len(y)), np.int64)
    share = len(learned) / len(bank.y)
    try:
        fits = fit_lda(moments, SHRINKAGES)
        answers = [HeldOut(part.held_out, _answers(fit, tested)[None], fold, share) for fit in fits]
        scores: list[Scores | None] = [score(one, y) for one in answers]
        lowest = best(scores)
        theirs = score(HeldOut(part.held_out, _of(rival, bank, endpoints, part), fold, share), y)
        found = scores[lowest]
        if found is None or theirs.log_loss <= found.log_loss:
            return None
        everything = moments + _moments(bank, rival, endpoints, part.held_out, check)
        (fit,) = fit_lda(everything, SHRINKAGES[lowest : lowest + 1])
    except FitError:
        return None
    answered = answers[lowest]
    temperature = deliver_temperature(answered.log_proba, y)
    head = LinearHead(
        bank.labels,
        fit.weight.astype(np.float32),
        fit.bias.astype(np.float32),
        blocks=rival.blocks,
    ).calibrated(Calibration(temperature))
    told = HeldOut(part.held_out, temper(answered.log_proba, temperature), fold, share)
    seconds = time.perf_counter() - began
    return Fitted(head, SHRINKAGES[lowest], told, found, seconds)


def _moments(
    bank: Bank, head: Head, endpoints: tuple[str, ...], rows: Indices, check: Callable[[], None]
) -> Moments:
    total: Moments | None = None
    for some in _chunks(rows):
        check()
        z = _features(bank, head, endpoints, some)
        found = Moments.of(z, bank.y[some], len(bank.labels))
        total = found if total is None else total + found
    assert total is not None
    return total


def _chunks(rows: Indices) -> Iterator[Indices]:
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]


def _features(bank: Bank, head: Head, endpoints: tuple[str, ...], rows: Indices) -> Floats:
    return head.blocks.features(_joined(bank, endpoints, rows))


def _joined(bank: Bank, endpoints: tuple[str, ...], rows: Indices) -> Floats:
    parts = [bank.vectors[name][rows].astype(np.float32) for name in endpoints]
    x = np.concatenate(parts, axis=1)
    check_finite(x, rows)
    return x


def _answers(fit: LinearFit, z: Floats) -> Floats:
    return log_softmax(fit.logits(z.astype(np.float64)).astype(np.float32))


def _of(head: Head, bank: Bank, endpoints: tuple[str, ...], part: Division) -> Floats:
    return head.log_proba(_joined(bank, endpoints, part.held_out))[None]
