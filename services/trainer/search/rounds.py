"""The rounds of a search: little is spent on many candidates, and much on the few that are left.

1. The cut: discriminant analysis, the quickest head that is nearly the best, on every cut. Where an
   item may have several labels, ridge regression, which tells all of them by one decomposition.
   Where there are images with texts, the cut of one part after the other, then their weights.
2. The head: the other kinds, on the best cut.
3. The finalists: the best of each kind answer the further repeats of the cross-validation.
4. Averages of finalists, which cost nothing more.

An answer is ready after the first contender; whoever runs out of time keeps what there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from services.common.heads.base import Floats
from services.trainer.data.split import SplitPlan
from services.trainer.fitters.base import FitError, Indices
from services.trainer.search.bank import Bank
from services.trainer.search.candidates import (
    ClassMeans,
    Family,
    HeadSpec,
    Lda,
    Logistic,
    Mlp,
    Ridge,
)
from services.trainer.search.cuts import Cut
from services.trainer.search.held_out import Contender, HeldOut, Trial, Watch, run_trials
from services.trainer.search.judge import judge_of
from services.trainer.search.select import Scores, best, excess, score
from services.trainer.search.space import Space

# With a median class smaller than this, a fold would train on single examples.
MIN_TO_COMPARE: Final = 3
# With a median class smaller than this, a network with a hidden layer has nothing to learn from.
MIN_FOR_MLP: Final = 50
# How many answer the further repeats, and how many an average has at most.
FINALISTS: Final = 5
# With so many examples or fewer all repeats are made from the beginning.
FEW: Final = 150
# Standard errors of the paired difference from the lowest loss within which a finalist is averaged.
NEAR: Final = 2.0

# The coordinates of all spaces together; what would go beyond is not tried.
MAX_SPACE_BYTES: Final = 1 << 30

About = tuple[tuple[str, str], ...]


@dataclass
class Rounds:
    """Owns the table of one search: every trial with its scores, in the order of trying.

    `named`: the names of the labels are examples in every trial but those of standardised vectors.
    None is tried without them: one more row a class, of whatever it be, makes up for the one that
    is held out of a class of few, and held-out losses would say that any names helped.
    """

    bank: Bank
    plan: SplitPlan
    items: Indices
    seed: int
    watch: Watch
    left_s: Callable[[], float]
    root: bool = True
    named: bool = False
    trials: list[Trial] = field(default_factory=list)
    scores: list[Scores | None] = field(default_factory=list)
    untried: list[tuple[HeadSpec, About, str]] = field(default_factory=list)
    held_bytes: int = 0
    cuts: dict[str, Cut] = field(default_factory=dict)  # those that were compared

    def run(self) -> int:
        """Run all rounds; the index of the trial that is taken, -1 when every one failed."""
        if not self.root:
            families: list[Family] = [Ridge(), *([] if self.bank.several else [ClassMeans()])]
            self._try_all(families, self.bank.last)
        else:
            self._compare_cuts()
            self._compare_heads(self._best_cut())
        self._extend(self._finalists())
        self._average()
        return self._taken()

    @property
    def _first(self) -> SplitPlan:
        """The folds that everything is tried on: with few examples all of them, since the luck of
        one division would choose."""
        return self.plan.part(0, self.plan.repeats if len(self.bank.y) <= FEW else 1)

    def _taken(self) -> int:
        """The widest average within one standard error of the lowest loss, or the lowest."""
        lowest = best(self.scores)
        bar = self.scores[lowest]
        for i in reversed(range(len(self.trials))):
            found = self.scores[i]
            if found is None or bar is None or not self.trials[i].members:
                continue
            gap, error = excess(found, bar)
            if gap <= error:
                return i
        return lowest

    def _near(self, i: int) -> bool:
        """Whether its loss is within NEAR standard errors of the lowest: who is worse spoils an
        average."""
        found, lowest = self.scores[i], self.scores[best(self.scores)]
        if found is None or lowest is None:
            return False
        gap, error = excess(found, lowest)
        return gap <= NEAR * error

    def _compare_cuts(self) -> None:
        for number in range(self.bank.cut_rounds):
            for cut in self.bank.cuts(number, self._best_cut()):
                self.cuts[str(cut)] = cut
                self._try_all([self._quick], cut)

    @property
    def _quick(self) -> Family:
        return Ridge() if self.bank.several else Lda()

    def _compare_heads(self, cut: Cut) -> None:
        last = self.bank.last
        self._try_all([Logistic()] if self.bank.several else [Ridge(), Logistic()], cut)
        if self.bank.views:
            self._try(self._quick, cut, views=True)
        if not self.bank.several:
            self._try_all([ClassMeans()], last)
        if not self.bank.joint:  # where features are left as they are, the longer part is heard
            self._try(Logistic(unit=float(self._dim(last))), last, standard=True)
        if not self.bank.several and np.median(self.bank.class_counts) >= MIN_FOR_MLP:
            self._try_all([Mlp(self.seed, self.watch.check)], cut)

    def _dim(self, cut: Cut) -> int:
        return sum(self.bank.vectors[name].shape[1] for name in cut.endpoints)

    def _best_cut(self) -> Cut:
        """The cut of the lowest loss so far."""
        lowest = best(self.scores)
        chosen = dict(self.trials[lowest].about).get("cut", "") if lowest >= 0 else ""
        return self.cuts.get(chosen, self.bank.last)

    def _try_all(self, families: Iterable[Family], cut: Cut) -> None:
        for family in families:
            self._try(family, cut)

    def _try(
        self, family: Family, cut: Cut, *, standard: bool = False, views: bool = False
    ) -> None:
        about: About = (("cut", str(cut)), ("scaling", "standard" if standard else "l2"))
        if views:
            about = (*about, ("views", str(len(self.bank.views))))
        if self.named and not standard:
            about = (*about, ("names", "as examples"))
        obstacle = self._obstacle(family, cut) if best(self.scores) >= 0 else ""
        if obstacle:
            self.untried += [(spec, about, obstacle) for spec in family.specs]
            self.watch.done += len(self._first.folds)
            return
        try:
            space = self._space(cut, standard, views)
        except FitError as cause:
            self._add(
                [Trial(spec, None, 0, 0.0, error=str(cause), of=about) for spec in family.specs]
            )
            return
        self.held_bytes += space.z.nbytes
        self._add(self._run(Contender(family, space, about), self._first))

    def _obstacle(self, family: Family, cut: Cut) -> str:
        """Why there is no time or no memory to try a family, or nothing."""
        cost = self._cost_s(family, cut, self._first)
        if cost > self.left_s():
            return f"it would take about {cost:.0f} s, more than was left of the budget"
        n = len(self.bank.y)
        size = 8 * n * min(n, self._dim(cut))
        if self.held_bytes + size > MAX_SPACE_BYTES:
            return (
                f"with it the features would take {(self.held_bytes + size) >> 20} MiB, the limit"
                f" is {MAX_SPACE_BYTES >> 20} MiB"
            )
        return ""

    def _space(self, cut: Cut, standard: bool, views: bool) -> Space:
        if standard:
            return Space.standardised(self.bank, cut)
        seen = tuple(self.bank.views) if views else ()
        return Space.of(self.bank, cut, views=seen, root=self.root, names=self.named)

    def _run(self, contender: Contender, plan: SplitPlan) -> list[Trial]:
        classes = len(self.bank.labels)
        return run_trials(contender, self.bank.y, classes, plan, self.items, self.watch)

    def _add(self, trials: Sequence[Trial]) -> None:
        y = self.bank.y[self.items]
        self.trials += trials
        self.scores += [score(t.held_out, y) if t.held_out else None for t in trials]

    def _cost_s(self, family: Family, cut: Cut, plan: SplitPlan) -> float:
        n, d = len(self.bank.y), self._dim(cut)
        one = family.estimate_s(int(n * plan.train_share), min(n, d), len(self.bank.labels))
        return one * len(plan.folds)

    def _finalists(self) -> list[int]:
        """The best of each family and space, lowest loss first."""
        order = sorted(
            (i for i, found in enumerate(self.scores) if found is not None),
            key=lambda i: self._loss(i),
        )
        seen, kept = set(), list[int]()
        for place, i in enumerate(order):
            key = (self.trials[i].spec.kind, self.trials[i].about)
            if key not in seen and (_linear(self.trials[i]) or place == 0):
                seen.add(key)
                kept.append(i)
        return kept[:FINALISTS]

    def _loss(self, i: int) -> float:
        found = self.scores[i]
        return np.inf if found is None else found.log_loss

    def _extend(self, finalists: Sequence[int]) -> None:
        """Let these answer the further repeats too."""
        rest = self.plan.part(self._first.repeats, self.plan.repeats)
        for i in finalists:
            trial = self.trials[i]
            assert trial.contender is not None
            assert trial.held_out is not None
            alone = replace(trial.contender, family=trial.contender.family.only(trial.index))
            if not rest.folds or self.left_s() <= 0:
                continue
            more = self._run(alone, rest)[0]
            if more.held_out is None:
                continue
            answers = trial.held_out.with_repeats(more.held_out)
            self.trials[i] = replace(trial, held_out=answers, seconds=trial.seconds + more.seconds)
            self.scores[i] = score(answers, self.bank.y[self.items])

    def _average(self) -> None:
        """Averages of the best finalists' logits, each calibrated by itself."""
        usable = [i for i in self._finalists() if _linear(self.trials[i]) and self._near(i)]
        for count in range(2, len(usable) + 1):
            members = tuple(self.trials[i] for i in usable[:count])
            answers = self._averaged(usable[:count])
            spec = HeadSpec("average", (("of", " + ".join(t.spec.kind for t in members)),))
            self._add([Trial(spec, None, 0, 0.0, answers, members=members)])

    def _averaged(self, members: Sequence[int]) -> HeldOut:
        """The mean of their calibrated logits: again logits, those of one linear head."""
        judge, answers = judge_of(self.bank.y), list[Floats]()
        held = [one for i in members if (one := self.trials[i].held_out) is not None]
        repeats = min(len(one.log_proba) for one in held)
        for i, one in zip(members, held, strict=True):
            found = self.scores[i]
            assert found is not None
            answers.append(judge.calibrated(one.log_proba[:repeats], found.calibration))
        return replace(held[0], log_proba=judge.averaged(answers), fold=held[0].fold[:repeats])


def _linear(trial: Trial) -> bool:
    """Whether its logits are linear in unit blocks, so that an average is again one linear head."""
    return trial.spec.kind in ("lda", "ridge", "logistic") and dict(trial.about)["scaling"] == "l2"
