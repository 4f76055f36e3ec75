"""The curve that accuracy follows as examples are added, and what is known of it. Pure.

Learning curves follow inverse power laws (Figueroa et al., 2012, "Predicting sample size required
for classification performance"). The law is taken here on the probit scale, z = Phi^-1(accuracy),
where errors cannot become negative and a gain counts alike at every level:

    z(r) = alpha + beta (1 - r^-c) / (c ln 2),    r examples for each one that there is today,

alpha being today's level and beta the gain of the next doubling; for c = 0 it is beta log2 r. For
Gaussian classes whose means are estimated, z = z_inf / sqrt(1 + kappa / n) (Raudys and Jain, 1991,
"Small sample size effects in statistical pattern recognition"), which behaves like c = -1/2 as long
as n is small against kappa and like c = 1 when it is large: c is taken as equally likely between.

One fit extrapolates badly and is always sure of itself; a range must be forecast (Mahmood et al.,
2022, "How much more data do I need?"). So all curves of a grid over (beta, c) are kept, each with
the probability that it has after what was measured (alpha in closed form), and every forecast is a
quantile over all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc

Values = NDArray[np.float64]

# Finer where it is to be told whether more examples help at all.
BETAS = np.concatenate([[0.0, 0.01, 0.02, 0.03], np.linspace(0.04, 0.6, 15)])
EXPONENTS = np.linspace(-0.5, 1.0, 7)
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(7)


@dataclass(frozen=True)
class Series:
    """s curves measured at j sizes: `x` `[s, j]` log2 of the share of today's examples, `z`
    `[s, j]` probits of the share right, `covariance` `[s, j, j]` of z."""

    x: Values
    z: Values
    covariance: Values


@dataclass(frozen=True)
class Level:
    """What is known of alpha beforehand: a normal distribution."""

    mean: float
    deviation: float


@dataclass(frozen=True)
class Posterior:
    """s curves after measuring. `weight` `[s, b * e]` of each (beta, c), summing to 1; `mean` and
    `variance` of alpha given them, `[s, b * e]` and `[s, 1]`."""

    weight: Values
    mean: Values
    variance: Values

    def shifted(self, by: float) -> Posterior:
        """The same curves, higher by `by` on the probit scale."""
        return Posterior(self.weight, self.mean + by, self.variance)


@dataclass(frozen=True)
class Curves:
    """s posteriors as weighted single curves, `[s, q]` each: `alpha`, `weight`; `[q]`: `beta`,
    `exponent`."""

    alpha: Values
    beta: Values
    exponent: Values
    weight: Values

    def at(self, ratio: float) -> Values:
        """z of each curve, `[s, q]`, with `ratio` times today's examples."""
        return self.alpha + self.beta * basis(np.log2(ratio), self.exponent)

    def with_luck(self, variance: float) -> tuple[Curves, Values]:
        """Each curve seven times, and the luck of each, `[s, 7 q]`: normal, of that variance."""
        count = self.alpha.shape
        luck = np.repeat(_NODES * np.sqrt(variance), count[1])
        weight = np.tile(self.weight, len(_NODES)) * np.repeat(_WEIGHTS / _WEIGHTS.sum(), count[1])
        alpha, beta, exponent = (
            np.tile(values, len(_NODES)) for values in (self.alpha, self.beta, self.exponent)
        )
        return Curves(alpha, beta, exponent, weight), np.broadcast_to(luck, alpha.shape)

    def quantiles(self, values: Values, shares: tuple[float, ...]) -> Values:
        """Below which values, `[s, len(shares)]`, those shares of `values` `[s, q]` lie."""
        order = np.argsort(values, axis=1)
        ranked = np.take_along_axis(values, order, axis=1)
        weight = np.take_along_axis(self.weight, order, axis=1)
        middle = np.cumsum(weight, axis=1) - weight / 2
        return np.stack([np.interp(shares, m, r) for m, r in zip(middle, ranked, strict=True)])


def basis(x: Values | float, exponent: Values | float) -> Values:
    """(1 - 2^(-c x)) / (c ln 2) for x = log2 r, broadcast; x itself where c is 0."""
    x, c = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(exponent, np.float64))
    safe = np.where(c == 0, 1.0, c)
    return np.where(c == 0, x, -np.expm1(-safe * np.log(2) * x) / (safe * np.log(2)))


def grid() -> tuple[Values, Values]:
    """beta and c of each curve of the grid, `[b * e]` both."""
    beta, exponent = np.meshgrid(BETAS, EXPONENTS, indexing="ij")
    return beta.ravel(), exponent.ravel()


def weak_prior(mean: float, shape: float, flat: float) -> Values:
    """Weights `[b * e]`: a share `flat` of all curves is flat; beta of the others comes from a
    gamma distribution (each beta of the grid stands for all that are nearest to it), c from a
    uniform one."""
    edges = np.concatenate([[0.0], (BETAS[1:] + BETAS[:-1]) / 2, [np.inf]])
    mass = np.diff(gammainc(shape, edges * shape / mean))
    mass = (1 - flat) * mass + flat * (BETAS == 0)
    return np.repeat(mass, len(EXPONENTS)) / len(EXPONENTS)


def fit(series: Series, level: Level, prior: Values) -> Posterior:
    """Bayes' rule for s curves with the same prior weights `[b * e]` of (beta, c).

    Given (beta, c) the model is linear in alpha: z - beta g = alpha 1 + noise.
    """
    beta, exponent = grid()
    growth = beta[None, :, None] * basis(series.x[:, None, :], exponent[None, :, None])
    rest = series.z[:, None, :] - growth - level.mean
    precision = np.linalg.inv(series.covariance)
    weighted = rest @ precision
    total = precision.sum(axis=(1, 2))[:, None] + level.deviation**-2
    pull = weighted.sum(axis=2)
    log_weight = 0.5 * (pull**2 / total - (weighted * rest).sum(axis=2))
    log_weight = log_weight + np.log(prior)
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    return Posterior(
        weight / weight.sum(axis=1, keepdims=True), level.mean + pull / total, 1 / total
    )


def curves(posterior: Posterior, extra_variance: float = 0.0) -> Curves:
    """The posterior as single curves: seven alphas (Gauss-Hermite) for each (beta, c).

    `extra_variance` is added to that of alpha: the luck of one model.
    """
    beta, exponent = grid()
    deviation = np.sqrt(posterior.variance + extra_variance)
    alpha = posterior.mean[:, :, None] + deviation[:, :, None] * _NODES
    weight = posterior.weight[:, :, None] * (_WEIGHTS / _WEIGHTS.sum())
    s = len(alpha)
    return Curves(
        alpha.reshape(s, -1),
        np.repeat(beta, len(_NODES)),
        np.repeat(exponent, len(_NODES)),
        weight.reshape(s, -1),
    )
