"""What more examples would bring: from accuracies on subsamples to forecasts with a range. Pure.

The shares right at each size become probits with a covariance: the same examples are tested at all
sizes, so that errors of the level are shared and those of the growth are small. The covariance is
taken over groups of examples; one example, half right and half wrong, is added to every share
(Jeffreys' prior), so that nothing is certain after ten answers. A model is also lucky or not with
the examples it is trained on: LUCK / n is added to the variance for n of them, both where a model
was measured and where one is forecast.

A class has few examples, so that it borrows from all: its level from the spread of the levels of
all classes (method of moments), its growth half from the growth measured on all classes together.

Constants: the lucks are the spread of models trained on different draws, the mean growth the gain
of a doubling. They and the other priors were chosen among a few values while looking at draws from
five photo sets with three backbones (mobilenet_v2_100_224, mobilenet_v1_050_160, prototype_96) and
a shrinkage LDA, so that figures on those three flatter them. Two others in the results of
benchmarks/forecast.py (mobilenet_v1_025_128, mobilenet_v2_100_224_inat_bird) had no part in it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from services.trainer.evaluate import growth
from services.trainer.evaluate.growth import Curves, Level, Series, Values
from services.trainer.evaluate.learning_curve import Indices, Measured

LEVEL = 0.8
RATIOS = (1.0, 1.5, 2.0, 3.0, 4.0)
DOUBLE = 2.0
MOST = RATIOS[-1]
# A smaller gain of recall or accuracy is not worth the work of collecting.
WORTH = 0.03
MAX_CLASSES = 50

LUCK = 0.25
CLASS_LUCK = 1.0  # of the recall of a class: what one class wins by luck, another loses
_MISFIT = 0.03  # no curve follows the law exactly (probits)
_ANY_LEVEL = Level(0.7, 0.7)  # two thirds of all models are right in 50 to 92% of cases
_ANY_GROWTH = growth.weak_prior(mean=0.2, shape=3.0, flat=0.05)
_CLASS_SPREAD = 0.5  # the least that levels of classes are taken to differ
_QUANTILES = ((1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2)
_AMOUNTS = (0.25, 0.75)
_UNTESTED = 1e6


class Verdict(Enum):
    """What is to be said about more examples."""

    HELPS = "helps"
    LITTLE = "brings little, or it cannot be told"
    USELESS = "will not help"


@dataclass(frozen=True)
class Range:
    """A number with the range that holds the truth in 80% of cases."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class Point:
    """The accuracy with `examples_per_class` examples of each class, on average."""

    examples_per_class: float
    accuracy: Range


@dataclass(frozen=True)
class ClassOutlook:
    """What more examples of class `index` bring while the others grow in step.

    `recall_then` is expected with twice the examples. `more_low` to `more_high` more reach it on
    the middle half of all curves (on one in four fewer do, on one in four it takes more); `capped`:
    the high end is as far as is looked, MOST times today's. Both are 0 for Verdict.USELESS.
    """

    index: int
    count: int
    recall_now: float
    recall_then: float
    more_low: int
    more_high: int
    capped: bool
    verdict: Verdict


@dataclass(frozen=True)
class Forecast:
    """`measured` and `expected` ascend; `expected[0]` is today. `gain_double`: what twice
    the examples add to the accuracy, the luck of both models included; `gain_most`: what four times
    as many add on average over models. `classes`: those that gain most first, at
    most MAX_CLASSES; classes that were never tested are left out."""

    measured: tuple[Point, ...]
    expected: tuple[Point, ...]
    gain_double: Range
    gain_most: Range
    verdict: Verdict
    classes: tuple[ClassOutlook, ...]


def forecast(measured: Measured, *, accuracy_now: float | None = None) -> Forecast:
    """The forecast for the model trained on all examples.

    `accuracy_now`: an estimate for that model from elsewhere, such as cross-validation, which the
    curve is then moved to; otherwise the curve's own.
    """
    everyone = np.zeros(len(measured.y), np.int64)
    series = series_of(measured, everyone, 1)
    posterior = growth.fit(series, _ANY_LEVEL, _ANY_GROWTH)
    shift = _shift(posterior, accuracy_now)
    total = float(measured.counts.sum())
    certain = growth.curves(posterior.shifted(shift))
    most = _range(certain, _gain(certain, MOST))
    expected_double = _range(certain, _gain(certain, DOUBLE)).estimate
    return Forecast(
        tuple(_measured_points(measured, series)),
        tuple(_expected_points(posterior.shifted(shift), total, len(measured.counts))),
        _lucky_gain(certain, total),
        most,
        _verdict(expected_double, most.high),
        _classes(measured, series, posterior, shift),
    )


def _shift(posterior: growth.Posterior, accuracy_now: float | None) -> float:
    if accuracy_now is None:
        return 0.0
    share = np.clip(accuracy_now, 0.001, 0.999)  # the probit of 0 or 1 is infinite
    return float(ndtri(share) - _mean_level(posterior))


def _mean_level(posterior: growth.Posterior) -> float:
    return float((posterior.weight * posterior.mean).sum())


def _range(found: Curves, values: Values) -> Range:
    low, middle, high = found.quantiles(values, _QUANTILES)[0]
    return Range(float(middle), float(low), float(high))


def _gain(found: Curves, ratio: float) -> Values:
    return np.asarray(ndtr(found.at(ratio)) - ndtr(found.at(1.0)))


def _lucky_gain(found: Curves, total: float) -> Range:
    """What doubling adds: two models, each with its own luck."""
    curves, luck = found.with_luck(LUCK / total * (1 + 1 / DOUBLE))
    return _range(curves, ndtr(curves.at(DOUBLE) + luck) - ndtr(curves.at(1.0)))


def _verdict(gain_double: float, highest_gain: float) -> Verdict:
    if highest_gain < WORTH:
        return Verdict.USELESS
    return Verdict.HELPS if gain_double >= WORTH else Verdict.LITTLE


def _expected_points(posterior: growth.Posterior, total: float, classes: int) -> list[Point]:
    """No curve falls; the middle of all of them, an interpolated one, must be kept from it."""
    made: list[Point] = []
    for ratio in RATIOS:
        curves = growth.curves(posterior, LUCK / (total * ratio))
        found = _range(curves, ndtr(curves.at(ratio)))
        if made:
            found = replace(found, estimate=max(found.estimate, made[-1].accuracy.estimate))
        made.append(Point(total * ratio / classes, found))
    return made


def _measured_points(measured: Measured, series: Series) -> list[Point]:
    per_class = measured.trained.mean(axis=1)
    half = -ndtri(_QUANTILES[0]) * np.sqrt(series.covariance[0].diagonal())
    middle = series.z[0]
    bounds = ndtr(np.stack([middle, middle - half, middle + half], axis=1))
    return [
        Point(float(n), Range(*map(float, each))) for n, each in zip(per_class, bounds, strict=True)
    ]


def series_of(measured: Measured, owner: Indices, count: int) -> Series:
    """What was measured for each of `count` owners; `owner` `[n]`: whose each example is, either
    all of one owner or each of its class."""
    tested = np.flatnonzero(~np.isnan(measured.right).all(axis=0))
    mine, right = owner[tested], measured.right[:, tested]
    seen = ~np.isnan(right)
    weight = _sums(seen.astype(np.float64), mine, count) + 1
    share = (_sums(np.where(seen, right, 0.0), mine, count) + 0.5) / weight
    off = np.where(seen, right - share[:, mine], 0.0) / weight[:, mine]
    spread = _over_groups(off, mine, measured.groups[tested], count)
    halves = np.stack([share / weight, (share - 1) / weight])  # the added example
    spread += 0.5 * np.einsum("hjs,hks->sjk", halves, halves)
    z = ndtri(share)
    density = _density(z)
    spread /= np.einsum("js,ks->sjk", density, density)
    trained = measured.trained if count > 1 else measured.trained.sum(axis=1, keepdims=True)
    counts = measured.counts if count > 1 else measured.counts.sum(keepdims=True)
    luck = (CLASS_LUCK if count > 1 else LUCK) / np.maximum(trained, 1)
    spread += (luck[-1])[:, None, None]
    at = np.arange(len(z))
    own = luck / measured.fits[:, None] + _MISFIT**2 + np.where(weight > 1, 0, _UNTESTED)
    spread[:, at, at] += own.T
    return Series(np.log2(np.maximum(trained, 1) / np.maximum(counts, 1)).T, z.T, spread)


def _sums(values: Values, owner: Indices, count: int) -> Values:
    """`[j, count]`: the sum of `values` `[j, n]` over the examples of each owner."""
    return np.stack([np.bincount(owner, row, minlength=count) for row in values])


def _over_groups(off: Values, owner: Indices, groups: Indices, count: int) -> Values:
    """`[count, j, j]`: the covariance of shares from deviations `off` `[j, n]`, groups being what
    was drawn independently."""
    pairs, unit = np.unique(np.stack([owner, groups]), axis=1, return_inverse=True)
    of_unit = _sums(off, unit.reshape(-1), pairs.shape[1])
    found = np.zeros((count, len(off), len(off)))
    np.add.at(found, pairs[0], np.einsum("ju,ku->ujk", of_unit, of_unit))
    units = np.maximum(np.bincount(pairs[0], minlength=count), 1)
    return found * ((units + 1) / units)[:, None, None]


def _classes(
    measured: Measured, overall: Series, posterior: growth.Posterior, shift: float
) -> tuple[ClassOutlook, ...]:
    count = len(measured.counts)
    if count < 2:
        return ()
    series = series_of(measured, measured.y, count)
    tested = (np.diagonal(series.covariance, axis1=1, axis2=2) < _UNTESTED / 2).any(axis=1)
    present = np.flatnonzero(tested)
    if not len(present):
        return ()
    chosen = Series(series.x[present], series.z[present], series.covariance[present])
    rise = _mean_level(posterior) - float(overall.z[0, -1])
    prior = (posterior.weight[0] + _ANY_GROWTH) / 2
    found = growth.fit(chosen, _class_level(chosen, rise), prior).shifted(shift)
    outlooks = _outlooks(growth.curves(found), present, measured.counts[present])
    return tuple(sorted(outlooks, key=_by_gain)[:MAX_CLASSES])


def _by_gain(found: ClassOutlook) -> tuple[bool, float, int]:
    gain = found.recall_then - found.recall_now
    return found.verdict is Verdict.USELESS, -gain, found.index


def _class_level(series: Series, rise: float) -> Level:
    """The levels of all classes together: their mean, `rise` above what was measured at the largest
    size, and how far they differ beyond what chance explains (method of moments, on shares, where
    no variance is large)."""
    z, variance = series.z[:, -1], series.covariance[:, -1, -1]
    known = variance < _UNTESTED / 2
    if not known.any():
        return Level(float(z.mean()) + rise, _CLASS_SPREAD)
    z, variance = z[known], variance[known]
    share, density = ndtr(z), _density(z)
    mean = float(ndtri(share.mean()))
    beyond = float(share.var() - (variance * density**2).mean()) / float(_density(mean)) ** 2
    return Level(mean + rise, float(np.sqrt(max(beyond, _CLASS_SPREAD**2))))


def _density(z: Values | float) -> Values:
    """Of the standard normal distribution."""
    return np.asarray(np.exp(-np.square(z) / 2) / np.sqrt(2 * np.pi))


def _outlooks(found: Curves, classes: Indices, counts: Indices) -> list[ClassOutlook]:
    now = found.quantiles(found.at(1.0), (0.5,))[:, 0]
    then = found.quantiles(found.at(DOUBLE), (0.5,))[:, 0]
    highest = found.quantiles(_gain(found, MOST), _QUANTILES)[:, 2]
    needed = found.quantiles(_ratios(found, then - now), _AMOUNTS)
    made = []
    for i, (index, count) in enumerate(zip(classes.tolist(), counts.tolist(), strict=True)):
        recall_now, recall_then = float(ndtr(now[i])), float(ndtr(then[i]))
        verdict = _verdict(recall_then - recall_now, highest[i])
        low, high = (max(1, round(count * (float(ratio) - 1))) for ratio in needed[i])
        if verdict is Verdict.USELESS:
            low = high = 0
        capped = bool(needed[i, 1] >= MOST)
        made.append(ClassOutlook(index, count, recall_now, recall_then, low, high, capped, verdict))
    return made


def _ratios(found: Curves, rise: NDArray[np.float64]) -> Values:
    """How many times today's examples lift each curve by `rise` `[s]` (probits), at most MOST."""
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = rise[:, None] / found.beta
        c = np.where(found.exponent == 0, 1.0, found.exponent)
        bent = -np.log2(np.maximum(1 - steps * c * np.log(2), 0)) / c
    x = np.where(found.exponent == 0, steps, bent)
    most = np.log2(MOST)
    return np.asarray(2 ** np.clip(np.nan_to_num(x, nan=most, posinf=most), 0, most))
