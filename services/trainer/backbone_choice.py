"""Which backbones a job may use, and which of several is taken.

A backbone is good for a task when its classes lie apart in its vectors; so each is asked about the
same examples, and the one whose quick head has the lowest held-out loss is taken. Few examples
cannot tell alike backbones apart: of those within one standard error of the lowest loss, the ones
with the longest vectors stay, since larger networks transfer better on the whole (Kornblith, Shlens
and Le, 2019, "Do better ImageNet models transfer better?").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from graft.embedder.v1 import backbone_pb2
from graft.errors import FailedPrecondition, InvalidArgument, NotFound
from graft.names import BackboneName
from services.trainer.data.split import stratified_folds, stratified_sample
from services.trainer.fitters.base import FitError, Indices, Truth
from services.trainer.search.bank import Bank
from services.trainer.search.candidates import Family, Lda, Ridge
from services.trainer.search.cuts import candidate_cuts
from services.trainer.search.held_out import Contender, Watch, run_trials
from services.trainer.search.rounds import MIN_TO_COMPARE
from services.trainer.search.run import FOLDS
from services.trainer.search.select import Scores, best, excess, score
from services.trainer.search.space import Space

AUTO: Final = "auto"
BUNDLED: Final = {
    backbone_pb2.MODALITY_IMAGE: BackboneName("graft_small_96"),
    backbone_pb2.MODALITY_TEXT: BackboneName("minilm"),
}
"""Taken where nothing can be compared: those that every installation has."""
MAX_COMPARED: Final = 300
"""Examples that every backbone is asked about; of more, a random part of each class."""


@dataclass(frozen=True)
class Verdict:
    """`name` is taken, for `reason`."""

    name: str
    reason: str


def named(asked: str) -> BackboneName | None:
    """The backbone that a spec asks for; None for `auto` or nothing; raise InvalidArgument."""
    if asked in ("", AUTO):
        return None
    try:
        return BackboneName.parse(asked)
    except InvalidArgument as error:
        raise InvalidArgument(
            f"a backbone is 'auto' or backbones/NAME; `graft backbones list` tells which there are."
            f" Received: {asked!r}",
            reason=error.reason,
            field="spec.backbone",
            metadata=error.metadata,
        ) from error


class Embedder(Protocol):
    """What is asked of the embedder."""

    def backbone(self, name: str) -> backbone_pb2.Backbone:
        """The backbone of this name; NotFound."""

    def backbones(self) -> list[backbone_pb2.Backbone]:
        """Every backbone in the catalogue."""


def offered(embedder: Embedder, modality: backbone_pb2.Modality) -> list[backbone_pb2.Backbone]:
    """The catalogue, with the bundled backbone of a modality: the embedder imports that of texts
    when it is asked for it by name. Raises NotFound, telling how to get it, where nothing reads
    these examples."""
    found, bundled = embedder.backbones(), str(BUNDLED[modality])
    if any(one.name == bundled for one in found):
        return found
    try:
        return [*found, embedder.backbone(bundled)]
    except NotFound:
        if any(one.modality == modality and not one.trunk for one in found):
            return found
        raise


def usable(
    backbones: Sequence[backbone_pb2.Backbone], modality: backbone_pb2.Modality
) -> list[backbone_pb2.Backbone]:
    """Those that `auto` may take for examples of a modality: not tuned for another model; the
    bundled one first. Raises FailedPrecondition when there is none."""
    found = [one for one in backbones if one.modality == modality and not one.trunk]
    if not found:
        raise FailedPrecondition(
            f"no {kind_of(modality)} backbone is in the catalogue; import one with `graft backbones"
            f" import`. Received: {len(backbones)} others"
        )
    return sorted(found, key=lambda one: (one.name != str(BUNDLED[modality]), one.name))


def kind_of(modality: backbone_pb2.Modality) -> str:
    """`image` or `text`."""
    return backbone_pb2.Modality.Name(modality).removeprefix("MODALITY_").lower()


def check_modality(backbone: backbone_pb2.Backbone, modality: backbone_pb2.Modality) -> None:
    """Raise FailedPrecondition unless a backbone reads examples of this modality."""
    if backbone.modality != modality:
        kind = kind_of(modality)
        raise FailedPrecondition(
            f"the data set holds {kind}s; name a backbone for {kind}s, or none. Received:"
            f" {backbone.name}, which is for {kind_of(backbone.modality)}s",
            reason="MODALITY_MISMATCH",
            metadata={"backbone": backbone.name},
        )


def sample(y: Truth, seed: int) -> Indices:
    """At most about MAX_COMPARED examples, ascending: of each class a random part, two at least."""
    return stratified_sample(y, MAX_COMPARED, np.random.default_rng([seed, 4]))


def measure(bank: Bank, seed: int) -> Scores | None:
    """The scores of the best quick head over all cuts of a backbone; None when none can be had."""
    plan = stratified_folds(bank.y, bank.groups, folds=FOLDS, seed=seed)
    items = np.setdiff1d(np.arange(len(bank.y)), plan.never_tested)
    if not plan.folds:
        return None
    small = np.median(bank.class_counts) < MIN_TO_COMPARE
    family: Family = Ridge() if small or bank.several else Lda()
    watch = Watch(lambda done, total: None, lambda: False, 0)
    found: list[Scores | None] = []
    for cut in candidate_cuts(tuple(bank.vectors)):
        try:
            contender = Contender(family, Space.of(bank, cut, root=not small), ())
        except FitError:
            continue
        trials = run_trials(contender, bank.y, len(bank.labels), plan, items, watch)
        found += [score(t.held_out, bank.y[items]) if t.held_out else None for t in trials]
    lowest = best(found)
    return found[lowest] if lowest >= 0 else None


def choose(
    scores: Mapping[str, Scores | None], dims: Mapping[str, int], left_out: Sequence[str] = ()
) -> Verdict:
    """The backbone to take, and why; the first where nothing could be measured.

    `dims`: the length of the vector of each; `left_out`: those for whose comparison there was no
    time.
    """
    names = list(scores)
    lowest = best([scores[name] for name in names])
    if lowest < 0:
        return Verdict(names[0], "nothing could be held out, so that no backbone was compared")
    measured = {name: found for name, found in scores.items() if found is not None}
    name = _widest(measured, names[lowest], dims)
    winner = measured[name]
    told = [_against(one, found, winner) for one, found in measured.items() if one != name]
    untold = [f"no time was left to try {', '.join(map(_short, left_out))}"] if left_out else []
    reason = (
        f"its quick head was right on {100 * winner.accuracy:.0f}% of held-out examples (log loss"
        f" {winner.log_loss:.2f}); " + "; ".join([*told, *untold])
    )
    return Verdict(name, reason.rstrip("; "))


def _widest(measured: Mapping[str, Scores], lowest: str, dims: Mapping[str, int]) -> str:
    """Of those that are not known to be worse than the lowest, the best of the widest."""
    alike = []
    for name, found in measured.items():
        gap, error = excess(found, measured[lowest])
        if gap <= error:
            alike.append(name)
    widest = max(dims[name] for name in alike)
    return min(
        (name for name in alike if dims[name] == widest), key=lambda name: measured[name].log_loss
    )


def _against(name: str, found: Scores, winner: Scores) -> str:
    gap, error = excess(found, winner)
    if gap < 0:
        return (
            f"{_short(name)}: {100 * found.accuracy:.0f}%, loss lower by {-gap:.2f} ± {error:.2f}"
            " with shorter vectors, which so few examples do not prove"
        )
    return f"{_short(name)}: {100 * found.accuracy:.0f}%, loss higher by {gap:.2f} ± {error:.2f}"


def _short(name: str) -> str:
    return name.removeprefix("backbones/")
