"""Whether to train the tail of the backbone, and whether to keep what came of it. Pure.

Tuning is tried where a gain could be seen at all: enough examples of a class for pairs, enough
held-out mistakes for a difference beyond chance, enough time. It is taken only where it earns its
place: on the same folds its held-out log loss must lie below the frozen network's by more than one
standard error of the difference, item by item, and it may not answer less often right.

Networks of texts are another matter. Trained to tell what a text is about, they gain from a few
examples of what is asked nearly always (Tunstall et al., 2022, "Efficient few-shot learning without
prompts"), and sixteen texts cannot prove it. So there the burden is turned round: tuning is
`expected` to pay, and left only where it makes more mistakes, by more than one standard error, than
it mends (log losses of sixteen answers say more of their temperature than of them).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from services.trainer.fitters.base import Doubles

FOLDS = 3
"""Each costs a training; a third held out leaves the tail enough to learn from."""
MIN_PER_CLASS = 5
"""Of the median class: three in training make pairs, two are held out."""
MIN_MISTAKES = 10
"""Held-out mistakes of the frozen network. Of m mistakes that a tail mends and none that it makes,
the gain is m and its standard error about the root of m: fewer leave nothing to show."""
ROUND_STEPS = 5
"""Steps of the optimiser between two looks at the held-out examples, at least."""
MAX_ROUNDS = 6
USUAL_ROUNDS = 4
"""For the estimate: 2 to 5 where a tail was taken on the draws of benchmarks/tuning.py."""
PATIENCE = 2
"""Rounds without a lower loss after which a fold ends."""
MAX_ACTIVATION_BYTES = 1 << 30
"""Of the cached activations, all views together."""


@dataclass(frozen=True)
class Verdict:
    """A decision and its evidence in a sentence."""

    yes: bool
    reason: str


TRUNK_SHARE = 1 / 3
"""Of the layers of a transformer, those before the cut: picked on the training halves of four sets
of texts, whose test halves had no part in it."""


def choose_cut(shapes: Mapping[str, Sequence[int]]) -> str | None:
    """Where to cut a network with these endpoints: at the deepest feature map that is finer than
    the last one, so that the last stage of the network is trained. None where there is none.

    `shapes`: of one item at each endpoint, [h, w, c] or [d]. Of maps as fine, the one with fewer
    numbers. The states of a transformer, [tokens, d] after each layer and named in their order, are
    all as fine: there it is at TRUNK_SHARE of them.
    """
    states = sorted((len(name), name) for name, shape in shapes.items() if len(shape) == 2)
    if len(states) > 1:
        return states[int(TRUNK_SHARE * (len(states) - 1))][1]
    maps = {name: tuple(shape) for name, shape in shapes.items() if len(shape) == 3}
    if not maps:
        return None
    last = min(shape[0] * shape[1] for shape in maps.values())
    finer = [name for name, shape in maps.items() if shape[0] * shape[1] > last]
    return min(finer, key=lambda n: (maps[n][0] * maps[n][1], prod(maps[n]), n), default=None)


@dataclass(frozen=True)
class Costs:
    """Measured seconds a row: of a step of training and of a forward pass."""

    step_s: float
    forward_s: float

    def trial_s(self, n: int, views: int, batch: int) -> float:
        """About how long cross-validation and the training on all n examples take."""
        train = n * (FOLDS - 1) // FOLDS
        step_s = epochs_of(train, batch) * train * self.step_s
        look_s = (views * train + n - train) * self.forward_s
        folds_s = FOLDS * (look_s + (USUAL_ROUNDS + PATIENCE) * (step_s + look_s))
        return folds_s + USUAL_ROUNDS * epochs_of(n, batch) * n * self.step_s


def epochs_of(n: int, batch: int) -> int:
    """Epochs in a round of at least ROUND_STEPS steps, on n examples."""
    return -(-ROUND_STEPS // max(1, n // batch))


@dataclass(frozen=True)
class Prospect:
    """What is known before anything is trained. `seconds`: what trying would take; `seconds_left`:
    of the budget. `mistakes` of `measured` held-out answers of the frozen network were wrong.
    `expected`: whether tuning usually pays for such a network."""

    median_class: float
    mistakes: int
    measured: int
    activation_bytes: int
    seconds: float
    seconds_left: float
    expected: bool = False


def worth_trying(prospect: Prospect) -> Verdict:
    """Whether tuning could pay, before the first step."""
    p = prospect
    share = f"{p.mistakes} of {p.measured} held-out answers wrong"
    if p.median_class < MIN_PER_CLASS:
        why = f"it needs {MIN_PER_CLASS} examples of a class or more; got {p.median_class:g}"
    elif p.mistakes < (1 if p.expected else MIN_MISTAKES):
        why = f"the frozen network leaves too little to gain: {share}"
    elif p.activation_bytes > MAX_ACTIVATION_BYTES:
        most = MAX_ACTIVATION_BYTES >> 20
        why = f"its activations would take {p.activation_bytes >> 20} MiB, the limit is {most} MiB"
    elif p.seconds > p.seconds_left:
        why = f"it would take about {p.seconds:.0f} s, {max(p.seconds_left, 0.0):.0f} s are left"
    else:
        return Verdict(True, f"tried: the frozen network has {share}")
    return Verdict(False, f"not tried: {why}")


@dataclass(frozen=True)
class Comparison:
    """The frozen network and the tuned one on the same held-out items: log losses in nats `[m]`,
    and whether each is right, 1 or 0 `[m]`. `folds`: how many of FOLDS were run."""

    frozen_losses: Doubles
    tuned_losses: Doubles
    frozen_right: Doubles
    tuned_right: Doubles
    folds: int

    @property
    def frozen_accuracy(self) -> float:
        """The share that the frozen network answers right."""
        return float(self.frozen_right.mean())

    @property
    def tuned_accuracy(self) -> float:
        """The share that the tuned one answers right."""
        return float(self.tuned_right.mean())

    @property
    def gain(self) -> float:
        """By how much the mean loss is lower."""
        return float((self.frozen_losses - self.tuned_losses).mean())

    @property
    def error(self) -> float:
        """The standard error of the gain: how hard the items are cancels out."""
        gaps = self.frozen_losses - self.tuned_losses
        return float(gaps.std(ddof=1) / np.sqrt(len(gaps))) if len(gaps) > 1 else float("inf")


def keep(found: Comparison, *, expected: bool = False) -> Verdict:
    """Whether the tuned tail earned its place, or where that is `expected` did not lose it."""
    before, after = (f"{100 * a:.1f}%" for a in (found.frozen_accuracy, found.tuned_accuracy))
    numbers = (
        f"held-out log loss lower by {found.gain:.3f} ± {found.error:.3f},"
        f" accuracy {before} frozen, {after} tuned"
    )
    if expected:
        if _loses(found.tuned_right, found.frozen_right):
            return Verdict(False, f"left: it makes more mistakes than it mends ({numbers})")
        return Verdict(
            True, f"taken: it usually pays for texts, and loses nothing here ({numbers})"
        )
    if found.folds < FOLDS:
        return Verdict(False, "left: no length of training helped in the first fold")
    if not found.gain > found.error:
        return Verdict(False, f"left: no gain beyond one standard error ({numbers})")
    if found.tuned_accuracy < found.frozen_accuracy:
        return Verdict(False, f"left: it answers less often right ({numbers})")
    return Verdict(True, f"taken: a gain beyond one standard error ({numbers})")


def _loses(mine: Doubles, theirs: Doubles) -> bool:
    """Whether these are right less often, item by item `[m]`, beyond one standard error."""
    gaps = mine - theirs
    error = float(gaps.std(ddof=1) / np.sqrt(len(gaps))) if len(gaps) > 1 else 0.0
    return float(gaps.mean()) < -error


def keep_expected(verdict: Verdict, found: Comparison, search_right: Doubles) -> Verdict:
    """The same as `keep_over` where tuning is expected to pay. `search_right` `[m]`: the share of
    repeats in which the search's head was right; NaN where it was not asked."""
    both = np.isfinite(search_right)
    mine, theirs = found.tuned_right[both], search_right[both]
    if not verdict.yes or not len(mine) or not _loses(mine, theirs):
        return verdict
    before, after = (f"{100 * float(a.mean()):.1f}%" for a in (theirs, mine))
    return Verdict(
        False,
        "left: it makes more mistakes than the best head that the search found for the frozen"
        f" network (accuracy {before} frozen, {after} tuned)",
    )


def keep_over(verdict: Verdict, tuned_loss: float, search_loss: float) -> Verdict:
    """A tail that is to be kept must also answer better than whatever head the search found for the
    frozen network, though that one had more examples to learn from in each fold."""
    if not verdict.yes or tuned_loss < search_loss:
        return verdict
    return Verdict(
        False,
        "left: it gains over the same heads on the frozen network, not over the best that the"
        f" search found there (held-out log loss {tuned_loss:.3f} tuned, {search_loss:.3f} frozen)",
    )
