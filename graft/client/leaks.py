"""Leaks: examples of a test that the model was trained on, or on one nearly the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from graft.client.datasets import Datasets
from graft.client.models import Models
from graft.errors import GraftError
from graft.examples import Example


@dataclass(frozen=True, slots=True)
class Leaks:
    """`found`: paths of the test, each with the path of what was trained on. `unchecked`: why
    nobody looked; empty where somebody did."""

    found: Mapping[str, str] = field(default_factory=dict)
    unchecked: str = ""


async def find_leaks(
    models: Models, datasets: Datasets, model: str, examples: Sequence[Example]
) -> Leaks:
    """Compare a test with the data set that a model was trained on; raises nothing: a score without
    that comparison is better than none."""
    try:
        version = await models.version(model)
        found = await datasets.near_duplicates(
            version.dataset, examples, version=version.dataset_version
        )
    except GraftError as error:
        return Leaks(unchecked=error.message)
    return Leaks({examples[one.position].path: one.path for one in found})
