"""What scoring a model on examples came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from graft.client.leaks import Leaks
from graft.client.reports import Interval
from graft.scores import ClassScore


@dataclass(frozen=True, slots=True)
class Scoring:
    """How a model does on examples it has not seen.

    Every figure is over the `count` examples that could be read and whose label the model knows.
    `unknown` of them were flagged "I don't know"; they are judged by their label all the same.
    `unseen` counts examples by labels that the model does not know: no answer to them could be
    right, so they are told here and in no figure; `unseen_unknown` of them were flagged, and
    `unseen_paths` names the first of each label.
    `problems` are the paths that could not be answered, with why. Versions are those that answered.
    `leaks`: examples that the model was trained on, or on one nearly the same; they are in the
    figures, and make them too good.

    Of a model of several labels an item, an example counts as right when all its labels are
    answered and no other, and `micro_f1` is over all labels together; of any other it is None.
    """

    accuracy: Interval
    macro_f1: float
    log_loss: float
    ece: float
    per_class: Mapping[str, ClassScore]
    count: int
    unknown: int
    unseen: Mapping[str, int]
    unseen_unknown: int
    unseen_paths: Mapping[str, str]
    problems: Mapping[str, str]
    versions: tuple[int, ...]
    leaks: Leaks = field(default_factory=Leaks)
    micro_f1: float | None = None
