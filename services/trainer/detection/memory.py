"""What a training job of a detector holds in memory, and the plan that it can afford. Pure.

All maps are held at once, as networks are trained on views in any order: those to be answered, and
those to train on as they come and once more on the grid, beside what is to be learned of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from graft.errors import FailedPrecondition
from services.common.detector.regions import regions_of
from services.trainer.detection.plan import Plan, Size
from services.trainer.detection.views import views_each

MAX_BYTES: Final = 2 * 1024**3
"""Of one job: half of what the trainer may take (deploy/k8s/base/trainer.yaml). TensorFlow, the
server beside the job and what is copied on the way need the other half."""

_HALF, _SINGLE = 2, 4  # bytes of a number
_FIELDS: Final = 6
"""Numbers of a cell's targets beside its labels: a box, a weight, and whether it is counted."""


def affordable(plans: Sequence[Plan], sizes: Sequence[Size], labels: int) -> tuple[Plan, int]:
    """The first of `plans`, best first, that pictures of `sizes` (width, height) leave memory for,
    and how many views of each to train on: fewer than usual where memory asks for it.

    Raises FailedPrecondition where there is none.
    """
    for plan in plans:
        for views in range(views_each(len(sizes), plan.numbers), 0, -1):
            if held_bytes(plan, sizes, labels, views) <= MAX_BYTES:
                return plan, views
    wanted = held_bytes(plans[-1], sizes, labels, 1)
    regions = _whole_views(plans[-1], sizes)
    raise FailedPrecondition(
        f"a detector of {len(sizes)} pictures would take {_mib(wanted)} MiB of memory at the least,"
        f" and a job may take {_mib(MAX_BYTES)}; train on fewer pictures, or cut them so that"
        f" things are larger in them. Received: {regions} regions to look at",
        reason="DATASET_UNTRAINABLE",
        metadata={
            "classes": str(labels),
            "examples": str(len(sizes)),
            "bytes": str(wanted),
            "limit_bytes": str(MAX_BYTES),
        },
    )


def held_bytes(plan: Plan, sizes: Sequence[Size], labels: int, views: int) -> int:
    """What is held of pictures of `sizes` with so many `labels`, each trained on in `views`."""
    cells = plan.geometry.cells**2
    of_map = _HALF * plan.numbers
    # A map that is on the grid as it comes is not copied.
    on_grid = _HALF * sum(
        cells * fold.channels(channels)
        for fold, channels in zip(plan.geometry.folds, plan.channels, strict=True)
        if (fold.finer, fold.coarser) != (1, 1)
    )
    targets = _SINGLE * cells * (labels + _FIELDS)
    training = len(sizes) * views
    return _whole_views(plan, sizes) * of_map + training * (of_map + on_grid + targets)


def _whole_views(plan: Plan, sizes: Sequence[Size]) -> int:
    return sum(len(regions_of(*size, plan.geometry.reach)) for size in sizes)


def _mib(count: int) -> int:
    return round(count / 1024**2)
