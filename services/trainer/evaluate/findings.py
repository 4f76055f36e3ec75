"""What the held-out answers and the embeddings tell beyond scores, as messages of the report."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from graft.model.v1 import evaluation_pb2 as pb
from services.common.heads.base import Floats
from services.trainer.data.split import SplitPlan
from services.trainer.evaluate.baselines import baselines
from services.trainer.evaluate.neighbours import Indices
from services.trainer.evaluate.outliers import outliers
from services.trainer.evaluate.reliability import reliability
from services.trainer.evaluate.separation import separation
from services.trainer.evaluate.suspects import suspects
from services.trainer.search.examples import Examples


class Place(Protocol):
    """Where an example came from."""

    @property
    def path(self) -> str:
        """The path of its import."""

    @property
    def sha256(self) -> str:
        """The SHA-256 of its bytes, in hex."""


def outlier_findings(examples: Examples, sources: Sequence[Place]) -> pb.Evaluation:
    """The outliers, which need no held-out answers; `sources[i]` belongs to example i."""
    found = pb.Evaluation()
    for each in outliers(examples.x, examples.y, examples.labels, examples.groups):
        found.outliers.add(
            path=sources[each.item].path,
            sha256=sources[each.item].sha256,
            label=examples.labels[each.label],
            score=each.score,
            reason=each.reason,
        )
    return found


def held_out_findings(
    log_proba: Floats, items: Indices, examples: Examples, sources: Sequence[Place]
) -> pb.Evaluation:
    """Suspects, separation and reliability, from the calibrated held-out answers `[r, m, c]` to
    the examples `items` `[m]`, m > 0."""
    found = pb.Evaluation()
    x, y, labels = examples.x, examples.y, examples.labels
    for each in suspects(log_proba, items, y, labels, x, examples.groups):
        found.suspects.add(
            path=sources[each.item].path,
            sha256=sources[each.item].sha256,
            label=labels[each.label],
            suggested=labels[each.suggested],
            score=each.score,
            reason=each.reason,
        )
    apart = separation(log_proba, len(labels), x, y)
    found.separation.score, found.separation.entropy = apart.score, apart.entropy
    found.separation.silhouette, found.separation.sentence = apart.silhouette, apart.sentence
    for part in reliability(log_proba, y[items]):
        found.reliability.add(
            low=part.low,
            high=part.high,
            count=part.count,
            mean_score=part.mean_score,
            share_right=part.share_right,
        )
    return found


def baseline_findings(
    log_proba: Floats,
    items: Indices,
    examples: Examples,
    plan: SplitPlan,
    *,
    seed: int,
    left_s: Callable[[], float] = lambda: math.inf,
) -> pb.Evaluation:
    """The baselines, on the folds of the first repeat of the plan that the answers are from;
    `items` ascending."""
    right = log_proba[0].argmax(axis=1) == examples.y[items]
    found = pb.Evaluation()
    numbers = np.asarray(items)
    for each in baselines(examples.x, examples.y, plan, numbers, right, seed=seed, left_s=left_s):
        found.baselines.add(
            name=each.name, accuracy=each.accuracy, gain=each.gain, sentence=each.sentence
        )
    return found
