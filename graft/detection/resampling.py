"""How far average precision may be off because it was measured on these pictures and no others.

The pictures are drawn with replacement, as many as there are, again and again; the range is the
middle part of what comes out (Efron, 1979, "Bootstrap methods: another look at the jackknife"): 95%
and a little more, since few pictures spread too little when they are drawn from themselves (the
expanded percentiles of Hesterberg, 2014, "What teachers should know about the bootstrap"). Pictures
are drawn, not boxes: those of one picture succeed and fail together. For the same reason groups of
pictures that are nearly the same are drawn whole (the cluster bootstrap of Field and Welsh, 2007,
"Bootstrapping clustered data").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from graft.detection.average_precision import MOST, RECALLS
from graft.detection.matching import judge, ranked
from graft.detection.overlap import Bools
from graft.detection.scene import Floats, Indices, Scene, bearing
from graft.scores import Z_95, wilson_interval

DRAWS: Final = 400
LEVEL: Final = 0.95
"""The share of cases in which the range is to hold the truth; Z_95 is its point."""
_AT_ONCE: Final = 2_000_000
"""Draws times answers that are held in memory at once."""


def map50_range(
    scenes: Sequence[Scene], labels: int, seed: int = 0, groups: Indices | None = None
) -> tuple[float, float] | None:
    """The range of the mean average precision at IoU 0.5; None where fewer than two groups have a
    thing to find. Pictures that are nearly the same share a group, `[n]` (each its own by default).
    Of answers with one score the copies of one stand together.

    It is no narrower than that of a share of as many trials as there are things (Wilson's
    interval): draws of pictures on which all was found would promise that all will be. Things of
    one group count together (see `independent_share`).
    """
    rng = np.random.default_rng(seed)
    of = np.arange(len(scenes)) if groups is None else np.unique(groups, return_inverse=True)[1]
    things = np.array([int((~scene.truth.crowd).sum()) for scene in scenes])
    if len(np.unique(of[things > 0])) < 2:
        return None
    count = int(of.max()) + 1
    times = np.concatenate([np.ones((1, count), np.int64), drawn(count, DRAWS, rng)])[:, of]
    estimate, *found = map50_of_draws(scenes, labels, times).tolist()
    tail = _tail(count)
    low, high = np.nanquantile(found, [tail, 1 - tail]).tolist()
    trials = float(things.sum()) * independent_share(things, of)
    least, most = wilson_interval(estimate * trials, trials)
    return min(low, least), max(high, most)


def independent_share(things: Indices, groups: Indices) -> float:
    """What share of so many `things` of each picture count as independent trials, where those of
    `groups`, both `[n]`, go together; 1 where there are none.

    A thing in a group of m pictures stands for m trials with one outcome: of t things in all
    t^2 / sum of m over things are independent (the effective sample size of Kish, 1965, "Survey
    sampling").
    """
    _, of, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    together = int(things @ sizes[of])
    return int(things.sum()) / together if together else 1.0


def _tail(count: int) -> float:
    """The share of draws of `count` > 1 groups of pictures that is left out on either side.

    Phi(-sqrt(n / (n - 1)) t), where t is the point of Student's distribution with n - 1 degrees of
    freedom that leaves 2.5% beyond it, by its expansion in 1 / (n - 1) (Abramowitz and Stegun,
    26.7.5).
    """
    z, free = Z_95, count - 1
    t = z + (z**3 + z) / (4 * free) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * free**2)
    return math.erfc(t * math.sqrt(count / free) / math.sqrt(2)) / 2


def map50(scenes: Sequence[Scene], labels: int) -> float:
    """The mean average precision at IoU 0.5 of the pictures as they are; NaN without a thing."""
    return float(map50_of_draws(scenes, labels, np.ones((1, len(scenes)), np.int64))[0])


def drawn(count: int, draws: int, rng: np.random.Generator) -> Indices:
    """How many times each of `count` pictures is in each draw with replacement, [draws, count]."""
    chosen = (rng.integers(0, count, count) for _ in range(draws))
    return np.stack([np.bincount(some, minlength=count) for some in chosen])


def map50_of_draws(scenes: Sequence[Scene], labels: int, times: Indices) -> Floats:
    """The mean average precision at IoU 0.5 [b] of draws that have each picture so many `times`
    [b, n]; NaN for a draw without a thing. The answers are matched once for all draws."""
    total, known = np.zeros(len(times)), np.zeros(len(times))
    for label, pictures in enumerate(bearing(scenes, labels)):
        if not pictures:
            continue
        found = _of_label([scenes[n] for n in pictures], label, times[:, pictures])
        there = ~np.isnan(found)
        total[there] += found[there]
        known += there
    return np.where(known > 0, total / np.maximum(known, 1), np.nan)


def _of_label(scenes: Sequence[Scene], label: int, times: Indices) -> Floats:
    """Average precision of one label, [b]."""
    judged = [judge(scene, label) for scene in scenes]
    looked = [
        np.isin(one.numbers, ranked(scene, label)[: MOST[-1]])
        for scene, one in zip(scenes, judged, strict=True)
    ]
    kept = list(zip(judged, looked, strict=True))
    scores = np.concatenate([one.scores[some] for one, some in kept])
    hits = np.concatenate([one.hits[some] for one, some in kept])
    picture = np.repeat(np.arange(len(scenes)), [int(some.sum()) for some in looked])
    order = np.argsort(-scores, kind="stable")
    own = [int(((s.truth.labels == label) & ~s.truth.crowd).sum()) for s in scenes]
    things = times @ np.array(own, np.int64)
    found = np.full(len(times), np.nan)
    step = max(1, _AT_ONCE // max(len(order), 1))
    for start in range(0, len(times), step):
        part = slice(start, start + step)
        weights = times[part][:, picture[order]]
        found[part] = _precision(weights, hits[order], things[part])
    return found


def _precision(weights: Indices, hits: Bools, things: Indices) -> Floats:
    """Average precision [b] where each answer, most certain first, counts `weights` [b, d] times;
    NaN where there are no `things` [b]."""
    right = np.cumsum(weights * hits, axis=1)
    given = np.cumsum(weights, axis=1)
    precision = right / np.maximum(given, 1)
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    padded = np.pad(best, ((0, 0), (0, 1)))  # 0 at recalls that are not reached
    recall = right / np.maximum(things, 1)[:, None]
    means = [
        row[np.searchsorted(reached, RECALLS)].mean()
        for row, reached in zip(padded, recall, strict=True)
    ]
    return np.where(things > 0, np.array(means), np.nan)
