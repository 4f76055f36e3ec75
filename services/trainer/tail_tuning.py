"""Tuning in a training job: whether, what came of it, and the tail as a stored backbone.

The frozen search has ended when this begins. Nothing is changed unless the tail earned its place;
either way there is a sentence for the report.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import numpy as np

from graft.embedder.v1 import backbone_pb2
from graft.errors import FailedPrecondition
from graft.names import VersionName
from services.common.backbones import tuned
from services.common.backbones.catalogue import Cache
from services.common.heads.base import Calibration, Floats
from services.common.heads.blocks import Block, Blocks
from services.common.heads.head import Head
from services.common.store.base import Store
from services.trainer.activations import Ask, Contents, Wanted, fetch
from services.trainer.data.split import stratified_folds
from services.trainer.fitters.base import Doubles, FitError, Indices
from services.trainer.search.calibrate import deliver_temperature, temper
from services.trainer.search.cuts import DEFAULT
from services.trainer.search.held_out import HeldOut
from services.trainer.search.tail_trial import (
    Case,
    Outcome,
    joined,
    measure,
    train_on_all,
    try_tail,
)
from services.trainer.search.tuned_heads import lda_heads
from services.trainer.search.tuning import (
    FOLDS,
    Prospect,
    Verdict,
    choose_cut,
    keep_expected,
    keep_over,
    worth_trying,
)
from services.trainer.search.tuning_budget import (
    Budget,
    affordable,
    expected_of_texts_s,
    expected_s,
)
from services.trainer.search.unknown import Unknown, distances_beyond, fit_unknown_by

if TYPE_CHECKING:  # importing TensorFlow takes seconds that a job without tuning need not spend
    from services.networks.cut import Tail, Weights
    from services.trainer.fitters.tail import Recipe

VIEWS: Final = {
    backbone_pb2.MODALITY_IMAGE: ("", "flip"),
    backbone_pb2.MODALITY_TEXT: ("",),
}
"""What is cached of each example: of a picture itself and its mirror image."""


@dataclass(frozen=True, slots=True)
class Means:
    """What tuning works with. `stated`: the job's spec names a budget; `spent_s`: of it, before
    tuning; `seconds_left`: for tuning. `tick` is called between steps and may raise to stop the
    job. `recipe`: how to train; None is that of fitters/tail.py."""

    store: Store
    cache: Path
    ask: Ask
    contents: Contents
    threads: int
    seconds_left: Callable[[], float]
    tick: Callable[[], None]
    stated: bool = True
    spent_s: float = 0.0
    recipe: Recipe | None = None


@dataclass(frozen=True, slots=True)
class Frozen:
    """What the search has without tuning: its backbone, the endpoints of its head, and for each
    example `[n]` the log loss in nats of its held-out answer and whether it was right, as a share
    of the repeats; NaN where it was not held out."""

    backbone: backbone_pb2.Backbone
    endpoints: tuple[str, ...]
    y: Indices
    groups: Indices
    labels: tuple[str, ...]
    losses: Doubles
    right: Doubles
    seed: int

    @property
    def expected(self) -> bool:
        """Whether tuning usually pays for such a backbone."""
        return self.backbone.modality == backbone_pb2.MODALITY_TEXT


@dataclass(frozen=True, slots=True)
class TunedTail:
    """A tail that was taken: `head` answers the joined vectors of `endpoints`, calibrated on
    `held_out`; `vectors` are those of all examples. `unknown`: when it says "I don't know"."""

    head: Head
    endpoints: tuple[str, ...]
    vectors: Mapping[str, Floats]
    held_out: HeldOut
    unknown: Unknown
    outcome: Outcome
    tail: Tail
    weights: Weights


@dataclass(frozen=True, slots=True)
class Attempt:
    """`verdict` for the report; `outcome` where folds were run; `tuned` only where it was taken."""

    verdict: Verdict
    seconds: float = 0.0
    outcome: Outcome | None = None
    tuned: TunedTail | None = None


class OutOfTime(Exception):
    """The budget is spent; what was begun is left."""


def attempt(means: Means, frozen: Frozen) -> Attempt:
    """Tries to tune the tail of a backbone; what comes of it, but a cancellation, is a verdict."""
    began = time.perf_counter()
    try:
        found = _attempt(means, frozen)
    except OutOfTime:
        found = Attempt(Verdict(False, "left: the budget was spent before it was decided"))
    except (FitError, FailedPrecondition) as error:
        found = Attempt(Verdict(False, f"left: {error}"))
    return replace(found, seconds=time.perf_counter() - began)


def _attempt(means: Means, frozen: Frozen) -> Attempt:
    shapes = {each.name: tuple(each.shape) for each in frozen.backbone.endpoints}
    cut = choose_cut(shapes)
    if cut is None or frozen.backbone.trunk:
        return Attempt(Verdict(False, "not tried: the backbone has no endpoint to be cut at"))
    wanted = Wanted(frozen.backbone, cut, VIEWS[frozen.backbone.modality])
    prospect = Prospect(
        median_class=float(np.median(np.bincount(frozen.y))),
        mistakes=round(float(np.nansum(1 - frozen.right))),
        measured=int(np.isfinite(frozen.right).sum()),
        activation_bytes=wanted.nbytes(len(frozen.y)),
        seconds=0.0,
        seconds_left=float("inf"),
        expected=frozen.expected,
    )
    verdict = worth_trying(prospect)
    if verdict.yes:
        budget = Budget(means.stated or frozen.expected, means.spent_s, means.seconds_left())
        verdict = affordable(_expected_s(frozen), budget)
    return _train(means, frozen, wanted, prospect) if verdict.yes else Attempt(verdict)


def _expected_s(frozen: Frozen) -> float:
    n, backbone = len(frozen.y), frozen.backbone
    if backbone.modality == backbone_pb2.MODALITY_TEXT:
        return expected_of_texts_s(n)
    return expected_s(n, len(VIEWS[backbone.modality]), math.prod(backbone.input_size))


def _train(means: Means, frozen: Frozen, wanted: Wanted, prospect: Prospect) -> Attempt:
    def tick() -> None:
        means.tick()
        if means.seconds_left() <= 0:
            raise OutOfTime

    from services.trainer.fitters.tail import TEXTS, TailTrainer, set_up

    set_up(means.threads)
    texts = frozen.backbone.modality == backbone_pb2.MODALITY_TEXT
    tail = _cut(means, frozen.backbone, wanted.endpoint)
    endpoints = (DEFAULT,) if texts else _endpoints(frozen.endpoints, tail)
    recipe = means.recipe or (TEXTS if texts else None)
    trainer = TailTrainer(tail, endpoints, recipe)
    activations = (fetch(means.ask, wanted, means.contents, len(frozen.y), tick),)
    fit = lda_heads(frozen.labels, endpoints)
    strange = _strange(frozen.backbone, endpoints, frozen.seed)
    case = Case(activations, frozen.y, fit, frozen.seed, tick, strange, frozen.expected)
    seconds = measure(trainer, case).trial_s(len(frozen.y), case.views, trainer.batch)
    now = replace(prospect, seconds=seconds, seconds_left=means.seconds_left())
    verdict = worth_trying(now)
    if not verdict.yes:
        return Attempt(verdict)
    plan = stratified_folds(frozen.y, frozen.groups, folds=FOLDS, seed=frozen.seed)
    outcome = try_tail(trainer, case, plan)
    if frozen.expected:
        searched = frozen.right[outcome.items]
        verdict = keep_expected(outcome.verdict, outcome.comparison, searched)
    else:
        verdict = keep_over(
            outcome.verdict,
            float(outcome.comparison.tuned_losses.mean()),
            float(np.nanmean(frozen.losses[outcome.items])),
        )
    if not verdict.yes:
        return Attempt(verdict, outcome=outcome)
    views, head = train_on_all(trainer, case, outcome)
    assert isinstance(head, Head)
    stretch = deliver_temperature(outcome.log_proba[None], frozen.y[outcome.items])
    answers = temper(outcome.log_proba[None], stretch)
    made = TunedTail(
        head=head.calibrated(Calibration(outcome.temperature * stretch)),
        endpoints=endpoints,
        vectors=views[0],
        held_out=HeldOut(outcome.items, answers, outcome.fold[None], plan.train_share),
        unknown=_unknown(head, views[0], outcome.strange, answers),
        outcome=outcome,
        tail=tail,
        weights=trainer.weights(),
    )
    return Attempt(verdict, outcome=outcome, tuned=made)


def _strange(
    backbone: backbone_pb2.Backbone, endpoints: Sequence[str], seed: int
) -> Callable[[Floats, Floats], Doubles]:
    """How far held-out examples lie from what a tail was trained on, seen as a head sees them."""
    dims = {each.name: int(each.dim) for each in backbone.endpoints}
    ends = np.cumsum([dims[name] for name in endpoints])[:-1]

    def strange(train: Floats, test: Floats) -> Doubles:
        parts = np.split(train, ends, axis=1)
        blocks = Blocks(tuple(Block(p.shape[1], 1.0, bool(p.min() >= 0)) for p in parts))
        return distances_beyond(blocks.features(train), blocks.features(test), seed=seed)

    return strange


def _unknown(
    head: Head, vectors: Mapping[str, Floats], strange: Doubles | None, answers: Floats
) -> Unknown:
    assert strange is not None
    return fit_unknown_by(head.blocks.features(joined(vectors)), strange, answers)


def _endpoints(asked: tuple[str, ...], tail: Tail) -> tuple[str, ...]:
    """Those that the frozen head looks at, as far as they lie behind the cut or at it."""
    from services.networks.saved_tail import shapes

    known = shapes(tail)
    kept = tuple(name for name in asked if name in known)
    return kept if set(kept) - set(tail.cut) else (DEFAULT, *kept)


def _cut(means: Means, backbone: backbone_pb2.Backbone, endpoint: str) -> Tail:
    import tensorflow as tf

    from services.networks.cut import cut
    from services.networks.module import load_module

    folder = Cache(means.cache, means.store).fetch(backbone)
    if backbone.modality == backbone_pb2.MODALITY_TEXT:
        from services.networks.text_module import load_text_module

        return cut(load_text_module(folder).call, tf.TensorSpec([None], tf.string), [endpoint])
    module = load_module(folder)
    height, width = backbone.input_size
    return cut(module.call, tf.TensorSpec([None, height, width, 3], tf.float32), [endpoint])


def store_tail(
    store: Store, version: VersionName, trunk: backbone_pb2.Backbone, made: TunedTail
) -> backbone_pb2.Backbone:
    """Stores the tail of a version; its record is what the manifest names as the backbone."""
    from services.networks import saved_tail

    with TemporaryDirectory(prefix="graft-tail-") as folder:
        saved_tail.save(made.tail, made.weights, Path(folder))
        return tuned.store_tail(
            store,
            version,
            trunk,
            cut=made.tail.cut,
            shapes=saved_tail.shapes(made.tail),
            folder=Path(folder),
        )


def describe(trunk: backbone_pb2.Backbone, made: TunedTail | None) -> str:
    """What was chosen, for the report's decision on `tuning`."""
    if made is None:
        return "none"
    return f"the layers of {trunk.name.removeprefix('backbones/')} after {_cut_name(made)}"


def _cut_name(made: TunedTail) -> str:
    return " and ".join(made.tail.cut)
