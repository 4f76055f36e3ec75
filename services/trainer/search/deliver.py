"""From the candidate that was taken to the head that is delivered: fitted to all examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graft.errors import Internal
from services.common.heads.base import Calibration, Floats
from services.common.heads.blocks import Block, Blocks
from services.common.heads.head import Head
from services.common.heads.linear import LinearHead
from services.trainer.fitters.base import FitError, Indices, Truth
from services.trainer.search import part_cuts
from services.trainer.search.bank import Bank
from services.trainer.search.held_out import Contender, Trial, fit_all
from services.trainer.search.judge import judge_of


@dataclass(frozen=True)
class Delivered:
    """A head over the joined vectors of `endpoints`, not calibrated yet."""

    head: Head
    endpoints: tuple[str, ...]


@dataclass(frozen=True)
class Refit:
    """Fits the kind of head that was taken (of an average, one member) to other examples."""

    contender: Contender
    calibration: Calibration

    def logits(self, train: Indices, y: Truth, classes: int, test: Indices) -> Floats:
        """Calibrated logits float32 `[t, classes]` of examples `test` by a head fitted to examples
        `train` `[n]` with classes `y` `[n]`, or labels `[n, classes]`. Raises FitError."""
        space = self.contender.space
        rows, borne = space.training(train, y, classes)
        family = self.contender.family
        fit = family.fit(rows, borne, classes, copies=space.copies, final=False)[0]
        logits = fit.logits(space.z[test]) / self.calibration.temperature
        return np.asarray(logits + self.calibration.offset, dtype=np.float32)


def refit_of(trial: Trial, y: Truth) -> Refit:
    """The refit of a trial whose held-out answers belong to items of classes `y` `[m]`, or with
    labels `[m, c]`: of an average, the member that is quickest to fit."""
    quick = [member for member in trial.members if member.spec.kind == "lda"]
    single = (*quick, *trial.members, trial)[0]
    assert single.contender is not None
    assert single.held_out is not None
    contender = single.contender
    alone = Contender(contender.family.only(single.index), contender.space, contender.about)
    return Refit(alone, judge_of(y).calibration(single.held_out.log_proba, y))


def deliver(trial: Trial, bank: Bank, items: Indices) -> Delivered:
    """The head of a trial. Raises Internal when it cannot be fitted to all examples."""
    try:
        if trial.contender is not None:
            return _fit(trial, trial.contender, bank)
        return _average(trial.members, bank, items)
    except FitError as cause:
        raise Internal(f"the chosen head could not be fitted to all examples: {cause}") from cause


def _fit(trial: Trial, contender: Contender, bank: Bank) -> Delivered:
    alone = Contender(contender.family.only(trial.index), contender.space, contender.about)
    fit = fit_all(alone, bank.y, len(bank.labels))
    return Delivered(contender.space.head(fit, bank.labels), contender.space.endpoints)


def _average(members: Sequence[Trial], bank: Bank, items: Indices) -> Delivered:
    """One linear head that answers as the mean of the members' calibrated logits.

    A weight on a block of length l is l times that on the block of length 1, so that heads of
    several cuts add up on the blocks of all of them; those of one part stand together.
    """
    y, judge = bank.y[items], judge_of(bank.y)
    heads = []
    for trial in members:
        assert trial.contender is not None
        assert trial.held_out is not None
        calibration = judge.calibration(trial.held_out.log_proba, y)
        heads.append((_fit(trial, trial.contender, bank), calibration))
    endpoints = tuple(dict.fromkeys(name for made, _ in heads for name in made.endpoints))
    if bank.joint:
        endpoints = tuple(sorted(endpoints, key=lambda name: part_cuts.split(name)[0]))
    weight = {name: np.zeros((0, 0)) for name in endpoints}
    blocks: dict[str, Block] = {}
    absent: dict[str, Floats] = {}
    bias = np.zeros(len(bank.labels))
    for made, calibration in heads:
        head = made.head
        assert isinstance(head, LinearHead)
        share = 1 / (len(heads) * calibration.temperature)
        bias = bias + share * head.bias + calibration.offset / len(heads)
        for name, (block, place) in zip(made.endpoints, head.blocks.places(), strict=True):
            part = share * block.length * head.weight[place].astype(np.float64)
            weight[name] = weight[name] + part if weight[name].size else part
            blocks[name] = Block(block.dim, 1.0, block.root)
            if head.blocks.absent is not None:
                absent[name] = head.blocks.absent[place] / np.float32(block.length)
    joined = np.concatenate([weight[name] for name in endpoints])
    return Delivered(
        LinearHead(
            bank.labels,
            np.ascontiguousarray(joined, dtype=np.float32),
            bias.astype(np.float32),
            blocks=Blocks(
                tuple(blocks[name] for name in endpoints),
                np.concatenate([absent[name] for name in endpoints]) if absent else None,
            ),
        ),
        endpoints,
    )
