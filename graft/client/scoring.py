"""Scoring a model on labelled examples that the user holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing

import numpy as np

from graft import scores
from graft.client.box_scoring import score_boxes
from graft.client.predictions import Prediction, Predictor
from graft.client.reports import Interval
from graft.client.scored import BoxScoring, Scoring
from graft.client.several import score_several
from graft.content import Item, Problem
from graft.errors import GraftError, InvalidArgument
from graft.examples import Example

_LEVEL = 0.95
_SHOWN = 20


async def score_examples(
    predictor: Predictor,
    model: str,
    examples: Sequence[Example],
    *,
    on_progress: Callable[[int], None] | None = None,
) -> Scoring:
    """Predict the examples and score the answers; raise InvalidArgument when none can be scored."""
    labels = await predictor.labels(model)
    answered, problems = await _asked(predictor, model, examples, on_progress)
    return score(answered, labels, problems)


async def score_pictures(
    predictor: Predictor,
    model: str,
    examples: Sequence[Example],
    *,
    on_progress: Callable[[int], None] | None = None,
) -> BoxScoring:
    """The same of a detector, on pictures with boxes around their things."""
    labels = await predictor.labels(model)
    answered, problems = await _asked(predictor, model, examples, on_progress)
    return score_boxes(answered, labels, problems)


async def _asked(
    predictor: Predictor,
    model: str,
    examples: Sequence[Example],
    on_progress: Callable[[int], None] | None,
) -> tuple[list[tuple[Example, Prediction]], dict[str, str]]:
    """The examples that could be answered, with the answers, and why others could not."""
    problems = {one.path: one.source.message for one in examples if isinstance(one.source, Problem)}
    usable = [(one, one.source) for one in examples if not isinstance(one.source, Problem)]
    answered: list[tuple[Example, Prediction]] = []
    items: list[Item] = [source for _, source in usable]
    async with aclosing(predictor.predict_each(model, items)) as answers:
        number = 0
        async for answer in answers:
            if isinstance(answer, GraftError):
                problems[usable[number][0].path] = answer.message
            else:
                answered.append((usable[number][0], answer))
            number += 1
            if on_progress is not None:
                on_progress(number)
    return answered, problems


def _not_one_label(example: Example) -> str:
    return f"an answer of one label is scored by one label. Received: {len(example.labels)} labels"


def score(
    answered: Sequence[tuple[Example, Prediction]],
    labels: Sequence[str],
    problems: Mapping[str, str],
) -> Scoring:
    """Score the predictions of a model that knows `labels`; raise InvalidArgument when none can be
    scored."""
    if any(prediction.detected is not None for _, prediction in answered):
        raise InvalidArgument(
            "the model answers boxes; evaluate it on pictures with boxes. Received:"
            f" {len(answered)} examples with labels alone"
        )
    if any(prediction.labels is not None for _, prediction in answered):
        found = score_several(answered, labels, problems, _LEVEL)
        if found is not None:
            return found
        strange = [(label, prediction) for one, prediction in answered for label in one.labels]
        raise InvalidArgument(_nothing_to_score(labels, strange, problems))
    several = [one for one, _ in answered if len(one.labels) != 1]
    problems = {**problems, **{one.path: _not_one_label(one) for one in several}}
    return _score_single([pair for pair in answered if len(pair[0].labels) == 1], labels, problems)


def _score_single(
    answered: Sequence[tuple[Example, Prediction]],
    labels: Sequence[str],
    problems: Mapping[str, str],
) -> Scoring:
    """The same of a model of one label an item, and examples of one label."""
    index = {label: number for number, label in enumerate(labels)}
    pairs = [(one.labels[0], prediction) for one, prediction in answered]
    seen = [pair for pair in pairs if pair[0] in index]
    unseen = [pair for pair in pairs if pair[0] not in index]
    first = {one.labels[0]: one.path for one, _ in reversed(answered)}
    if not seen:
        raise InvalidArgument(_nothing_to_score(labels, unseen, problems))
    truth = np.array([index[label] for label, _ in seen], dtype=np.int64)
    answer = np.array([index[one.label] for _, one in seen], dtype=np.int64)
    confidence = np.array([one.score for _, one in seen], dtype=np.float64)
    of_truth = np.array([probability(one, label, len(labels)) for label, one in seen])
    by_class = scores.class_scores(truth, answer, len(labels))
    right = int((truth == answer).sum())
    low, high = scores.wilson_interval(right, len(seen))
    return Scoring(
        accuracy=Interval(scores.accuracy(truth, answer), low, high, _LEVEL),
        macro_f1=scores.macro_f1(by_class),
        log_loss=scores.log_loss(of_truth),
        ece=scores.expected_calibration_error(confidence, truth == answer),
        per_class=dict(zip(labels, by_class, strict=True)),
        count=len(seen),
        unknown=sum(one.unknown for _, one in seen),
        unseen=Counter(label for label, _ in unseen),
        unseen_unknown=sum(one.unknown for _, one in unseen),
        unseen_paths={label: first[label] for label, _ in unseen},
        problems=problems,
        versions=tuple(sorted({one.version for _, one in answered})),
    )


def probability(prediction: Prediction, label: str, labels: int) -> float:
    """The probability of a label; outside the labels sent, an equal part of what they leave."""
    if label in prediction.scores:
        return prediction.scores[label]
    left = labels - len(prediction.scores)
    return max(0.0, 1.0 - sum(prediction.scores.values())) / left if left > 0 else 0.0


def _nothing_to_score(
    labels: Sequence[str],
    unseen: Sequence[tuple[str, Prediction]],
    problems: Mapping[str, str],
) -> str:
    known = ", ".join(repr(label) for label in labels[:_SHOWN])
    if unseen:
        found = ", ".join(sorted({repr(label) for label, _ in unseen})[:_SHOWN])
        return f"the model knows none of the labels; it knows {known}. Received: {found}"
    first = next(iter(problems.items()), ("no example", "there was none"))
    return f"no example could be answered. Received: {len(problems)} bad ones, first {first}"
