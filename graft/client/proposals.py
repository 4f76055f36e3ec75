"""Boxes that a detector proposes for unlabelled pictures, those first that would teach it most."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from graft.client.backbones import Backbones
from graft.client.datasets import Datasets
from graft.client.detections import Detected
from graft.client.leaks import find_leaks
from graft.client.models import Models, ModelVersion
from graft.client.predictions import Predictor
from graft.content import display_path
from graft.detection.teaching import Guess, teaching_order, worths
from graft.errors import GraftError, InvalidArgument
from graft.examples import Example

MAX_PICTURES: Final = 20_000
"""So many pictures are looked at in one go."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A picture with what the model finds in it; `worth`: how many corrections to that are
    expected of a person who looks."""

    path: Path
    detected: Detected
    worth: float


@dataclass(frozen=True, slots=True)
class Proposals:
    """What a model version proposes: pictures in the order in which they should be labelled.

    `labels` are those of the model. `known`: pictures that it was trained on, or on nearly the
    same, each with the path of that one; they are left out. `unchecked` says why nobody looked for
    those, or nothing. `problems`: pictures that could not be answered, and why.
    """

    model_version: str
    labels: tuple[str, ...]
    pictures: tuple[Proposal, ...]
    known: Mapping[str, str]
    problems: Mapping[str, str]
    unchecked: str


@dataclass(frozen=True, slots=True)
class Services:
    """Whom a proposal asks."""

    predictor: Predictor
    models: Models
    datasets: Datasets
    backbones: Backbones


async def propose(
    services: Services,
    model: str,
    pictures: Sequence[Path],
    *,
    on_progress: Callable[[int], None] | None = None,
) -> Proposals:
    """Propose boxes for image files.

    Raises InvalidArgument for a model that finds nothing but labels, and for very many pictures.
    """
    if len(pictures) > MAX_PICTURES:
        raise InvalidArgument(
            f"at most {MAX_PICTURES:,} pictures are looked at in one go; take a part of them."
            f" Received: {len(pictures):,}"
        )
    version = await services.models.version(model)
    if version.task != "detection":
        raise InvalidArgument(
            f"only a model that finds things can propose boxes. Received: {version.name}, which is"
            f" for {version.task or 'labels'}"
        )
    found, problems = await _detected(services.predictor, version, pictures, on_progress)
    examples = [Example(display_path(path), (), path) for path in found]
    leaks = await find_leaks(services.models, services.datasets, version.name, examples)
    fresh = [path for path in found if display_path(path) not in leaks.found]
    vectors = await services.backbones.embed(_backbone(version), fresh)
    worth = worths([_guess(found[path]) for path in fresh])
    order = teaching_order(worth, vectors.astype(np.float64)).tolist()
    return Proposals(
        model_version=version.name,
        labels=version.labels,
        pictures=tuple(Proposal(fresh[n], found[fresh[n]], float(worth[n])) for n in order),
        known=leaks.found,
        problems=problems,
        unchecked=leaks.unchecked,
    )


async def _detected(
    predictor: Predictor,
    version: ModelVersion,
    pictures: Sequence[Path],
    on_progress: Callable[[int], None] | None,
) -> tuple[dict[Path, Detected], dict[str, str]]:
    """What one version finds in the pictures, and why others could not be answered."""
    found: dict[Path, Detected] = {}
    problems: dict[str, str] = {}
    number = 0
    async with aclosing(predictor.predict_each(version.name, pictures)) as answers:
        async for answer in answers:
            path = pictures[number]
            number += 1
            if isinstance(answer, GraftError):
                problems[display_path(path)] = answer.message
            elif answer.detected is not None:
                found[path] = answer.detected
            if on_progress is not None:
                on_progress(number)
    return found, problems


def _backbone(version: ModelVersion) -> str:
    return f"{version.backbone}@{version.backbone_digest}"


def _guess(found: Detected) -> Guess:
    return Guess(
        np.array([one.score for one in found.objects], np.float64),
        np.array([one.unknown for one in found.objects], np.bool_),
        np.array([one.score for one in found.doubtful], np.float64),
    )
