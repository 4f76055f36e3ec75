"""The heads that the search tries, in families whose members share the work of a fold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol, Self

from services.trainer.fitters import lda, logistic
from services.trainer.fitters.base import Doubles, Fit, Indices, Truth
from services.trainer.fitters.class_mean import fit_class_mean
from services.trainer.fitters.lda import Moments, fit_lda
from services.trainer.fitters.logistic import FINAL_TOLERANCE, SEARCH_TOLERANCE, fit_path
from services.trainer.fitters.mlp import BATCH, MAX_EPOCHS, SEEDS, UNITS, fit_mlp
from services.trainer.fitters.ridge import fit_ridge

# Rough costs for the estimate: evaluations of a logistic loss along one path, operations a second.
_EVALUATIONS = 90
_OPERATIONS_PER_S = 5e9
_MATRIX_OPERATIONS_PER_S = 1e10  # of nothing but products of large matrices


@dataclass(frozen=True)
class HeadSpec:
    """What was asked for (the fit is what came out): a kind, and what is set of it."""

    kind: str
    parameters: tuple[tuple[str, str], ...] = ()


class Family(Protocol):
    """Candidates of one kind."""

    @property
    def specs(self) -> tuple[HeadSpec, ...]:
        """The candidates, in the order in which `fit` answers."""

    def only(self, index: int) -> Self:
        """The family of one candidate alone."""

    def fit(self, z: Doubles, y: Truth, classes: int, *, copies: int, final: bool) -> list[Fit]:
        """A fit for every candidate to rows `[copies * n, r]` with classes `[copies * n]`; Ridge
        and Logistic take bool `[copies * n, c]`, too, where a row may bear several labels.

        Precise enough to compare them, or (`final`) to serve. Raises FitError.
        """

    def estimate_s(self, n: int, r: int, c: int) -> float:
        """About how many seconds `fit` takes on n rows of r coordinates in c classes."""


@dataclass(frozen=True)
class ClassMeans:
    """The nearest class mean: nothing to choose."""

    @property
    def specs(self) -> tuple[HeadSpec, ...]:
        return (HeadSpec("class_mean"),)

    def only(self, index: int) -> Self:
        return self

    def fit(self, z: Doubles, y: Indices, classes: int, *, copies: int, final: bool) -> list[Fit]:
        return [fit_class_mean(z, y, classes)]

    def estimate_s(self, n: int, r: int, c: int) -> float:
        return n * r * 10 / _OPERATIONS_PER_S


@dataclass(frozen=True)
class Ridge:
    """Ridge regression, which chooses its strength itself, by exact leave-one-out."""

    @property
    def specs(self) -> tuple[HeadSpec, ...]:
        return (HeadSpec("ridge", (("strength", "leave-one-out"),)),)

    def only(self, index: int) -> Self:
        return self

    def fit(self, z: Doubles, y: Truth, classes: int, *, copies: int, final: bool) -> list[Fit]:
        return [fit_ridge(z, y, classes, copies=copies)]

    def estimate_s(self, n: int, r: int, c: int) -> float:
        rank = min(n, r)
        return (20.0 * rank**3 + 12.0 * n * rank * (rank + c)) / _OPERATIONS_PER_S


@dataclass(frozen=True)
class Lda:
    """Discriminant analysis along a path of shrinkages."""

    shrinkages: tuple[float, ...] = lda.SHRINKAGES

    @property
    def specs(self) -> tuple[HeadSpec, ...]:
        return tuple(HeadSpec("lda", (("shrinkage", f"{s:g}"),)) for s in self.shrinkages)

    def only(self, index: int) -> Self:
        return replace(self, shrinkages=(self.shrinkages[index],))

    def fit(self, z: Doubles, y: Indices, classes: int, *, copies: int, final: bool) -> list[Fit]:
        return [*fit_lda(Moments.of(z, y, classes), self.shrinkages, copies=copies)]

    def estimate_s(self, n: int, r: int, c: int) -> float:
        paths = 2.0 * len(self.shrinkages) * r * r * c
        return (2.0 * n * r * r + 10.0 * r**3 + paths) / _MATRIX_OPERATIONS_PER_S


@dataclass(frozen=True)
class Logistic:
    """L2 logistic regression along a path of strengths; `only` leads to the last of them.

    `unit`: the length of a row, squared: C is a share of it.
    """

    unit: float = 1.0
    strengths: tuple[float, ...] = logistic.STRENGTHS
    told: tuple[float, ...] = logistic.STRENGTHS

    @property
    def specs(self) -> tuple[HeadSpec, ...]:
        return tuple(HeadSpec("logistic", (("C", f"{c:g}"),)) for c in self.told)

    def only(self, index: int) -> Self:
        wanted = self.told[index]
        path = tuple(c for c in self.strengths if c <= wanted)
        return replace(self, strengths=path, told=(wanted,))

    def fit(self, z: Doubles, y: Truth, classes: int, *, copies: int, final: bool) -> list[Fit]:
        path = [c / self.unit / copies for c in self.strengths]
        tolerance = FINAL_TOLERANCE if final else SEARCH_TOLERANCE
        return [*fit_path(z, y, classes, path, tolerance=tolerance)[-len(self.told) :]]

    def estimate_s(self, n: int, r: int, c: int) -> float:
        return _EVALUATIONS * 4.0 * n * r * c / _OPERATIONS_PER_S


@dataclass(frozen=True)
class Mlp:
    """Small networks of several seeds, averaged."""

    seed: int
    check: Callable[[], None] = field(default=lambda: None, compare=False, repr=False)

    @property
    def specs(self) -> tuple[HeadSpec, ...]:
        return (HeadSpec("mlp", (("units", str(UNITS)), ("networks", str(SEEDS)))),)

    def only(self, index: int) -> Self:
        return self

    def fit(self, z: Doubles, y: Indices, classes: int, *, copies: int, final: bool) -> list[Fit]:
        return [fit_mlp(z, y, classes, seed=self.seed, check=self.check)]

    def estimate_s(self, n: int, r: int, c: int) -> float:
        step = 6.0 * BATCH * UNITS * (r + c) + 40.0 * UNITS * (r + c)
        return SEEDS * MAX_EPOCHS * (n / BATCH + 1) * step / _OPERATIONS_PER_S
