"""`graft.AsyncClient`: everything Graft does, for asyncio."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from graft.addresses import Addresses, find_addresses, find_project
from graft.client import training
from graft.client.backbones import Backbones
from graft.client.connection import DEFAULT_TIMEOUT_S, Connection, ServerInfo
from graft.client.datasets import Dataset, Datasets
from graft.client.jobs import Job, JobEvent, Jobs
from graft.client.leaks import find_leaks
from graft.client.models import Models
from graft.client.predictions import Answer, Prediction, Predictor
from graft.client.proposals import Proposals, Services, propose
from graft.client.reports import Report
from graft.client.scored import BoxScoring, Scoring
from graft.client.scoring import score_examples, score_pictures
from graft.client.training import Estimate, TrainingOptions
from graft.client.upload import UploadProgress
from graft.content import Item
from graft.examples import Example
from graft.names import check_id
from graft.reading import read_examples

Examples = str | os.PathLike[str] | Iterable[Example]
"""A folder of class folders or a manifest, by path; or the examples themselves."""


class AsyncClient:
    """Talks to the three services; connects when first used, closed by `close` or `async with`.

    `addresses` are found in the environment or run.json unless given. Every call has a deadline:
    `timeout_s` for a single answer, an hour for streams. UNAVAILABLE is retried four times by
    gRPC. Every method raises a GraftError and nothing else, but for wrong use of Python itself.
    """

    def __init__(
        self,
        *,
        addresses: Addresses | None = None,
        project: str = "",
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> None:
        self.project = check_id(project, "project") if project else find_project()
        self._connection = Connection(addresses or find_addresses(), timeout_s=timeout_s)
        self._predictor = Predictor(self._connection, self.project)
        self.datasets = Datasets(self._connection, self.project)
        self.jobs = Jobs(self._connection, self.project)
        self.models = Models(self._connection, self.project)
        self.backbones = Backbones(self._connection)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; calls in flight are cancelled."""
        await self._connection.close()

    async def server_info(self, service: str) -> ServerInfo:
        """Ask `embedder`, `trainer` or `predictor` for its version and limits."""
        return await self._connection.info(service)

    async def import_examples(
        self,
        dataset: str,
        examples: Examples,
        *,
        append: bool = False,
        on_progress: Callable[[UploadProgress], None] | None = None,
    ) -> Dataset:
        """Make a new version of a data set, all or nothing; see `Datasets.import_examples`."""
        return await self.datasets.import_examples(
            dataset, _examples(examples), append=append, on_progress=on_progress
        )

    async def train(
        self,
        model: str,
        dataset: str = "",
        *,
        options: TrainingOptions | None = None,
        request_id: str = "",
    ) -> Job:
        """Queue a training job on a data set (by default the one named like the model).

        Answers at once; `wait` follows it. Raises FailedPrecondition when the data cannot be
        trained on.
        """
        spec = (options or TrainingOptions()).spec(self.project, model, dataset or model)
        return await training.create(self._connection, self.project, spec, request_id)

    async def estimate(
        self, model: str, dataset: str = "", *, options: TrainingOptions | None = None
    ) -> Estimate:
        """Tell what `train` with the same arguments would cost, without doing it."""
        spec = (options or TrainingOptions()).spec(self.project, model, dataset or model)
        return await training.estimate(self._connection, self.project, spec)

    def watch(self, job: str, *, after_revision: int = 0) -> AsyncGenerator[JobEvent, None]:
        """Yield a job's events to its end; see `Jobs.watch`."""
        return self.jobs.watch(job, after_revision=after_revision)

    async def wait(self, job: str) -> Job:
        """Wait until a job SUCCEEDED, or raise what became of it; see `Jobs.wait`."""
        return await self.jobs.wait(job)

    async def cancel(self, job: str, *, keep_best: bool = False) -> Job:
        """Ask a job to stop; see `Jobs.cancel`."""
        return await self.jobs.cancel(job, keep_best=keep_best)

    async def predict(self, model: str, items: Sequence[Item]) -> list[Prediction]:
        """Answer every item, in order, or raise the error of the first bad one.

        `model` is NAME, NAME@ALIAS or NAME/VERSION. Large batches are split by the server's
        limits, so two items may be answered by two versions when an alias moves meanwhile.
        """
        return await self._predictor.predict(model, items)

    def predict_each(self, model: str, items: Sequence[Item]) -> AsyncGenerator[Answer, None]:
        """Yield a Prediction or a GraftError for each item, in order."""
        return self._predictor.predict_each(model, items)

    async def predict_many(
        self, models: Sequence[str], items: Sequence[Item]
    ) -> dict[str, list[Prediction]]:
        """Answer every item with every model; keys are the models as given."""
        return await self._predictor.predict_many(models, items)

    async def evaluate(
        self,
        model: str,
        examples: Examples,
        *,
        on_progress: Callable[[int], None] | None = None,
    ) -> Scoring:
        """Score a model on labelled examples that it has not seen; see `Scoring`."""
        some = tuple(_examples(examples))
        scoring = await score_examples(self._predictor, model, some, on_progress=on_progress)
        return replace(scoring, leaks=await find_leaks(self.models, self.datasets, model, some))

    async def evaluate_boxes(
        self,
        model: str,
        examples: Examples,
        *,
        on_progress: Callable[[int], None] | None = None,
    ) -> BoxScoring:
        """Score a detector on pictures with boxes that it has not seen; see `BoxScoring`."""
        some = tuple(_examples(examples))
        scoring = await score_pictures(self._predictor, model, some, on_progress=on_progress)
        return replace(scoring, leaks=await find_leaks(self.models, self.datasets, model, some))

    async def propose(
        self,
        model: str,
        pictures: Sequence[Path],
        *,
        on_progress: Callable[[int], None] | None = None,
    ) -> Proposals:
        """Let a detector propose the boxes of unlabelled picture files, those first that would
        teach it most; see `Proposals`."""
        services = Services(self._predictor, self.models, self.datasets, self.backbones)
        return await propose(services, model, pictures, on_progress=on_progress)

    async def report(self, model: str) -> Report:
        """Answer the trainer's own report of a model; see `Models.report`."""
        return await self.models.report(model)


def _examples(examples: Examples) -> Iterable[Example]:
    if isinstance(examples, str | os.PathLike):
        return read_examples(examples).examples
    return examples
