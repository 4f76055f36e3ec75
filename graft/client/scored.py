"""What scoring a model on examples came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from graft.client.leaks import Leaks
from graft.client.reports import Interval
from graft.detection.counts import CountScore
from graft.detection.errors import ErrorCounts
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


@dataclass(frozen=True, slots=True)
class BoxScore:
    """The boxes of one label.

    `precision`, `recall` and `f1` are those of the objects that the model answers by its own
    threshold, an answer being right at IoU 0.5; `ap50` and `ap50_95` are average precisions by
    COCO's definition, which no threshold has a part in. None where there is nothing to measure by.
    `count` is how many things there are.
    """

    precision: float | None
    recall: float | None
    f1: float
    ap50: float | None
    ap50_95: float | None
    count: int


@dataclass(frozen=True, slots=True)
class BandScore:
    """Things of about one size: how many, and their mean average precision at IoU 0.5."""

    count: int
    map50: float | None


@dataclass(frozen=True, slots=True)
class BoxScoring:
    """How a detector does on pictures that it has not seen, with boxes around their things.

    Every figure is over the `count` pictures that could be read and whose boxes fit them, and over
    labels that the model knows. `map50` and `map50_95` are COCO's, a mean over labels; the range of
    `map50` comes from drawing the pictures again, and is None where one alone tells. `errors` and
    `counts` are of what the model answers by its own threshold. `unknown` of its objects were
    flagged; they are judged by their label all the same. `unseen` counts things by labels that the
    model does not know: they are in no figure, and an answer there has found nothing.
    `problems`, `versions` and `leaks` are as in `Scoring`.
    """

    map50: float | None
    map50_interval: Interval | None
    map50_95: float | None
    per_class: Mapping[str, BoxScore]
    bands: Mapping[str, BandScore]
    errors: ErrorCounts
    errors_by_class: Mapping[str, ErrorCounts]
    counts: Mapping[str, CountScore]
    count: int
    unknown: int
    unseen: Mapping[str, int]
    problems: Mapping[str, str]
    versions: tuple[int, ...]
    leaks: Leaks = field(default_factory=Leaks)
