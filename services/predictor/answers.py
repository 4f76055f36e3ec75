"""From vectors to predictions: a head applied, its scores ranked and written as messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from graft.errors import Internal, InvalidArgument
from graft.predictor.v1 import predictor_service_pb2 as pb
from services.common.heads.base import Answers, Floats
from services.common.heads.head import Head

MAX_SCORES: Final = 100
"""Labels told for one item, the most probable first."""

INLINE_COST: Final = 1_000_000
"""Work, in multiplications, below which a head is applied on the event loop.

Handing work to a thread costs about 0.1 ms; this much takes about as long (measured).
"""

_SCORE_COST: Final = 1_500
"""What writing one label and its score costs, in the same unit."""


def cost(head: Head, items: int) -> int:
    """About how much work `predict` is for so many items.

    Whatever the kind of head, nearly all of its numbers stand in matrices that each item is
    multiplied with once.
    """
    weights = sum(array.size for array in head.to_arrays().values())
    return items * (weights + _SCORE_COST * min(len(head.labels), MAX_SCORES))


def predict(head: Head, vectors: Floats) -> list[pb.Prediction]:
    """Label float32 `[n, dim]`; InvalidArgument naming an item whose vector is not finite."""
    try:
        answers = head.answer(vectors)
    except InvalidArgument as error:
        if "row" not in error.metadata:
            raise Internal(f"the embedder's vectors are not those of the head: {error}") from error
        field = f"items[{error.metadata['row']}]"
        raise InvalidArgument(f"{field}: {error}", field=field, metadata=error.metadata) from error
    return _messages(head.labels, answers)


def _messages(labels: Sequence[str], answers: Answers) -> list[pb.Prediction]:
    ranked = _rank(answers.proba)
    rows = np.arange(len(ranked))[:, None]
    scores = answers.proba[rows, ranked].tolist()
    found = _plain(labels, answers, ranked, scores)
    if answers.borne is not None:
        for prediction, proba, borne in zip(found, answers.proba, answers.borne, strict=True):
            prediction.borne.CopyFrom(pb.BorneLabels(labels=_borne(labels, proba, borne)))
    return found


def _borne(labels: Sequence[str], proba: Floats, borne: NDArray[np.bool_]) -> list[pb.LabelScore]:
    """The labels that one item bears, the most probable first; of equals the first."""
    given = np.flatnonzero(borne)
    order = given[np.argsort(-proba[given], kind="stable")]
    return [pb.LabelScore(label=labels[index], score=float(proba[index])) for index in order]


def _plain(
    labels: Sequence[str],
    answers: Answers,
    ranked: NDArray[np.int64],
    scores: list[list[float]],
) -> list[pb.Prediction]:
    """What models of one label an item answer too."""
    return [
        pb.Prediction(
            label=labels[best],
            score=score,
            unknown=unknown,
            scores=[
                pb.LabelScore(label=labels[index], score=value)
                for index, value in zip(order, row, strict=True)
            ],
        )
        for best, score, unknown, order, row in zip(
            answers.best.tolist(),
            answers.score.tolist(),
            answers.unknown.tolist(),
            ranked.tolist(),
            scores,
            strict=True,
        )
    ]


def _rank(proba: Floats) -> NDArray[np.int64]:
    """The indices of the best MAX_SCORES of each row, best first; of equals the first.

    A partial sort would be quicker (0.1 instead of 0.6 ms for 10,000 labels), but among equals it
    might leave out the very label that is the answer.
    """
    return np.argsort(-proba, axis=1, kind="stable")[:, :MAX_SCORES]
