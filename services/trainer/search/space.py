"""The examples in coordinates of their own span, in which every fit of a search is made.

A weight vector with a rotation-invariant penalty lies in the span of the centred examples (what is
orthogonal to it only costs penalty). With Zc = U S V' the fit in the coordinates U S, of which
there are at most n, is exactly the fit in the d features, W = V A. One decomposition serves all
heads, strengths and folds.

The names of labels, embedded as texts, may be rows as well: one more example of each class, always
in training and never held out. A name is not a sentence of its class: what all names have in common
is taken away first, so that their mean is that of the examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from services.common.heads.base import Floats
from services.common.heads.blocks import Block, Blocks
from services.common.heads.class_mean import ClassMeanHead
from services.common.heads.head import Head
from services.common.heads.linear import LinearHead
from services.common.heads.mlp import MlpHead
from services.trainer.fitters.base import (
    Doubles,
    Fit,
    FitError,
    Indices,
    LinearFit,
    Truth,
    repeated,
)
from services.trainer.fitters.class_mean import SHARPNESS, ClassMeanFit
from services.trainer.fitters.mlp import MlpFit
from services.trainer.search.bank import Bank
from services.trainer.search.cuts import Cut

# Singular values below this share of the largest are rounding, not data.
RANK_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Space:
    """Rows `z` `[copies * n + names, r]`: the examples first, then each view of them in the same
    order, then the names of the labels.

    `mean` `[d]`, `scale` `[d]` and `basis` `[d, r]` (None: the identity) lead there from the
    features that `blocks` makes: z = ((features - mean) / scale) basis.
    """

    z: Doubles
    copies: int
    endpoints: tuple[str, ...]
    blocks: Blocks
    mean: Doubles
    scale: Doubles
    basis: Doubles | None
    names: int = 0

    @classmethod
    def of(
        cls,
        bank: Bank,
        cut: Cut,
        *,
        views: Sequence[str] = (),
        root: bool = True,
        names: bool = False,
    ) -> Space:
        """The space of a cut. Raises FitError when it cannot be decomposed."""
        blocks = bank.blocks(cut, root=root)
        parts = [blocks.features(bank.joined(cut, view)) for view in ("", *views)]
        if names:
            parts.append(_among(blocks.features(bank.joined_names(cut)), parts[0]))
        features = np.concatenate(parts).astype(np.float64)
        found = _space(features, cut.endpoints, blocks, 1 + len(views), np.ones(blocks.dim))
        return replace(found, names=len(bank.labels)) if names else found

    @classmethod
    def standardised(cls, bank: Bank, cut: Cut) -> Space:
        """The space of the plain vectors of a cut, each feature divided by its deviation. Raises
        FitError when it cannot be decomposed."""
        x = bank.joined(cut).astype(np.float64)
        deviation = x.std(axis=0)
        # A feature that never varies tells nothing; dividing by 1 leaves it at 0.
        varies = deviation > 1e-6 * deviation.max(initial=0)
        raw = tuple(Block(block.dim, 0.0) for block in bank.blocks(cut).blocks)
        return _space(x, cut.endpoints, Blocks(raw), 1, np.where(varies, deviation, 1.0))

    @property
    def examples(self) -> int:
        """How many examples there are, views and names not counted."""
        return (len(self.z) - self.names) // self.copies

    def rows(self, examples: Indices) -> Indices:
        """The rows of these examples, with all their views."""
        return np.concatenate([examples + i * self.examples for i in range(self.copies)])

    def training(self, examples: Indices, y: Truth, classes: int) -> tuple[Doubles, Truth]:
        """The rows to fit a head to, and what each bears: these examples, which bear `y`, with all
        their views, and the names. Of a head for other classes than the labels, without names."""
        rows, borne = self.z[self.rows(examples)], repeated(y, self.copies)
        if not self.names or classes != self.names:
            return rows, borne
        own = np.arange(self.names)
        return np.concatenate([rows, self.z[-self.names :]]), np.concatenate([borne, own])

    def head(self, fit: Fit, labels: Sequence[str]) -> Head:
        """The head that answers embeddings as `fit` answers coordinates."""
        if isinstance(fit, ClassMeanFit):
            return ClassMeanHead(
                labels,
                _single(self._out(fit.mean.T).T),
                _single(self.mean + self._out(fit.centre[:, None])[:, 0]),
                sharpness=SHARPNESS,
                blocks=self.blocks,
            )
        if isinstance(fit, MlpFit):
            hidden = self._back(fit.hidden)
            shift = fit.hidden_bias - self.mean @ hidden
            parts = map(_single, (hidden, shift, fit.output, fit.bias))
            return MlpHead(labels, *parts, blocks=self.blocks)
        assert isinstance(fit, LinearFit)
        weight = self._back(fit.weight)
        bias = fit.bias - self.mean @ weight
        return LinearHead(labels, _single(weight), _single(bias), blocks=self.blocks)

    def _out(self, columns: Doubles) -> Doubles:
        """Directions `[r, k]` as directions of the features `[d, k]`."""
        return columns if self.basis is None else self.basis @ columns

    def _back(self, weight: Doubles) -> Doubles:
        """Weights `[r, k]` of coordinates as weights `[d, k]` of features."""
        return np.asarray(self._out(weight) / self.scale[:, None])


def _among(names: Floats, features: Floats) -> Floats:
    """The features of names `[c, d]`, moved to have the mean of those of examples `[n, d]`."""
    return np.asarray(names + (features.mean(axis=0) - names.mean(axis=0)))


def _space(
    features: Doubles,
    endpoints: tuple[str, ...],
    blocks: Blocks,
    copies: int,
    scale: Doubles,
) -> Space:
    """Overwrites `features`, which may be large."""
    mean = features.mean(axis=0)
    if not np.isfinite(mean).all():
        raise FitError(f"the embeddings of {' + '.join(endpoints)} are not finite numbers")
    features -= mean
    features /= scale
    if len(features) > features.shape[1]:
        return Space(features, copies, endpoints, blocks, mean, scale, None)
    try:
        values, vectors = np.linalg.eigh(features @ features.T)
    except np.linalg.LinAlgError as cause:
        raise FitError(f"the embeddings could not be decomposed: {cause}") from cause
    tiny = float(np.finfo(np.float64).tiny)
    keep = values > max(float(values[-1]) * RANK_TOLERANCE**2, tiny)
    spread, vectors = np.sqrt(values[keep]), vectors[:, keep]
    basis = features.T @ (vectors / spread)
    return Space(vectors * spread, copies, endpoints, blocks, mean, scale, basis)


def _single(array: Doubles) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.ascontiguousarray(array, dtype=np.float32)
