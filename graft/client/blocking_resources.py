"""The resources of the blocking client: each method runs its asynchronous namesake and waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from graft.client.backbones import Backbone, Backbones
from graft.client.datasets import Dataset, Datasets, NearDuplicate
from graft.client.jobs import Job, JobEvent, Jobs
from graft.client.loop import LoopThread
from graft.client.models import Model, Models, ModelVersion
from graft.client.reports import Report
from graft.client.upload import UploadProgress
from graft.content import Item
from graft.examples import Example
from graft.names import LIVE


class BlockingDatasets:
    """See `graft.client.datasets.Datasets`."""

    def __init__(self, loop: LoopThread, datasets: Datasets) -> None:
        self._loop = loop
        self._datasets = datasets

    def import_examples(
        self,
        dataset: str,
        examples: Iterable[Example],
        *,
        append: bool = False,
        on_progress: Callable[[UploadProgress], None] | None = None,
    ) -> Dataset:
        """Make one new version of all the examples together, or none at all."""
        return self._loop.run(
            self._datasets.import_examples(
                dataset, examples, append=append, on_progress=on_progress
            )
        )

    def near_duplicates(
        self, dataset: str, examples: Iterable[Example], *, version: int = 0
    ) -> tuple[NearDuplicate, ...]:
        """Tell which of the examples are nearly the same as one of the data set."""
        return self._loop.run(self._datasets.near_duplicates(dataset, examples, version=version))

    def get(self, dataset: str, *, version: int = 0) -> Dataset:
        """Tell one data set; version 0 is the newest."""
        return self._loop.run(self._datasets.get(dataset, version=version))

    def list(self) -> tuple[Dataset, ...]:
        """List the newest version of each, by name."""
        return self._loop.run(self._datasets.list())

    def delete(self, dataset: str) -> None:
        """Remove a data set with all its versions."""
        self._loop.run(self._datasets.delete(dataset))


class BlockingJobs:
    """See `graft.client.jobs.Jobs`."""

    def __init__(self, loop: LoopThread, jobs: Jobs) -> None:
        self._loop = loop
        self._jobs = jobs

    def get(self, job: str) -> Job:
        """Tell one job."""
        return self._loop.run(self._jobs.get(job))

    def list(self) -> tuple[Job, ...]:
        """List the jobs, newest first."""
        return self._loop.run(self._jobs.list())

    def cancel(self, job: str, *, keep_best: bool = False) -> Job:
        """Ask a job to stop, or to end with the best that it has; answers at once."""
        return self._loop.run(self._jobs.cancel(job, keep_best=keep_best))

    def watch(self, job: str, *, after_revision: int = 0) -> Iterator[JobEvent]:
        """Yield the events after a revision to the job's end."""
        return self._loop.iterate(self._jobs.watch(job, after_revision=after_revision))

    def wait(self, job: str) -> Job:
        """Wait for the end and answer the job that SUCCEEDED, or raise what became of it."""
        return self._loop.run(self._jobs.wait(job))


class BlockingModels:
    """See `graft.client.models.Models`."""

    def __init__(self, loop: LoopThread, models: Models) -> None:
        self._loop = loop
        self._models = models

    def list(self) -> tuple[Model, ...]:
        """List the models by name."""
        return self._loop.run(self._models.list())

    def get(self, model: str) -> Model:
        """Tell one model."""
        return self._loop.run(self._models.get(model))

    def version(self, model: str) -> ModelVersion:
        """Tell one version."""
        return self._loop.run(self._models.version(model))

    def report(self, model: str) -> Report:
        """Answer the report of one version, as data and as a page."""
        return self._loop.run(self._models.report(model))

    def promote(self, model: str, version: int, *, alias: str = LIVE) -> Model:
        """Make an alias point at a version."""
        return self._loop.run(self._models.promote(model, version, alias=alias))

    def delete(self, model: str) -> None:
        """Remove a model with all its versions."""
        self._loop.run(self._models.delete(model))


class BlockingBackbones:
    """See `graft.client.backbones.Backbones`."""

    def __init__(self, loop: LoopThread, backbones: Backbones) -> None:
        self._loop = loop
        self._backbones = backbones

    def list(self) -> tuple[Backbone, ...]:
        """List the newest import of each name, by name."""
        return self._loop.run(self._backbones.list())

    def get(self, backbone: str) -> Backbone:
        """Tell one backbone."""
        return self._loop.run(self._backbones.get(backbone))

    def load(self, backbone: str) -> Backbone:
        """Make the embedder read the catalogue again and warm a backbone."""
        return self._loop.run(self._backbones.load(backbone))

    def embed(self, backbone: str, items: Sequence[Item]) -> npt.NDArray[np.float32]:
        """Answer the vector that a backbone makes of each item, [n, dim]."""
        return self._loop.run(self._backbones.embed(backbone, items))
