"""`graft.Client`: the same client for code without asyncio.

The asynchronous client runs in a loop of its own in one thread; a call here hands it a coroutine
and waits. So there is one implementation, and several threads may share one Client.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType

from graft.addresses import Addresses
from graft.client.asynchronous import AsyncClient, Examples
from graft.client.blocking_resources import (
    BlockingBackbones,
    BlockingDatasets,
    BlockingJobs,
    BlockingModels,
)
from graft.client.connection import DEFAULT_TIMEOUT_S, ServerInfo
from graft.client.datasets import Dataset
from graft.client.jobs import Job, JobEvent
from graft.client.loop import LoopThread
from graft.client.predictions import Answer, Prediction
from graft.client.proposals import Proposals
from graft.client.reports import Report
from graft.client.scored import BoxScoring, Scoring
from graft.client.training import Estimate, TrainingOptions
from graft.client.upload import UploadProgress
from graft.content import Item


class Client:
    """Talks to the three services and waits for each answer; closed by `close` or `with`.

    Arguments, deadlines, retries and errors are those of `graft.AsyncClient`, which does the work.
    Callbacks (`on_progress`) run in the client's own thread and must not call the client.
    """

    def __init__(
        self,
        *,
        addresses: Addresses | None = None,
        project: str = "",
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> None:
        self._loop = LoopThread()
        try:
            self._client = self._loop.run(_make(addresses, project, timeout_s))
        except BaseException:
            self._loop.close()
            raise
        self.project = self._client.project
        self.datasets = BlockingDatasets(self._loop, self._client.datasets)
        self.jobs = BlockingJobs(self._loop, self._client.jobs)
        self.models = BlockingModels(self._loop, self._client.models)
        self.backbones = BlockingBackbones(self._loop, self._client.backbones)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and end the thread; a second time does nothing."""
        if not self._loop.closed:
            self._loop.run(self._client.close())
            self._loop.close()

    def server_info(self, service: str) -> ServerInfo:
        """Ask `embedder`, `trainer` or `predictor` for its version and limits."""
        return self._loop.run(self._client.server_info(service))

    def import_examples(
        self,
        dataset: str,
        examples: Examples,
        *,
        append: bool = False,
        on_progress: Callable[[UploadProgress], None] | None = None,
    ) -> Dataset:
        """Make a new version of a data set, all or nothing."""
        return self._loop.run(
            self._client.import_examples(dataset, examples, append=append, on_progress=on_progress)
        )

    def train(
        self,
        model: str,
        dataset: str = "",
        *,
        options: TrainingOptions | None = None,
        request_id: str = "",
    ) -> Job:
        """Queue a training job on a data set, by default the one named like the model."""
        return self._loop.run(
            self._client.train(model, dataset, options=options, request_id=request_id)
        )

    def estimate(
        self, model: str, dataset: str = "", *, options: TrainingOptions | None = None
    ) -> Estimate:
        """Tell what `train` with the same arguments would cost, without doing it."""
        return self._loop.run(self._client.estimate(model, dataset, options=options))

    def watch(self, job: str, *, after_revision: int = 0) -> Iterator[JobEvent]:
        """Yield a job's events to its end."""
        return self.jobs.watch(job, after_revision=after_revision)

    def wait(self, job: str) -> Job:
        """Wait until a job SUCCEEDED, or raise what became of it."""
        return self.jobs.wait(job)

    def cancel(self, job: str, *, keep_best: bool = False) -> Job:
        """Ask a job to stop."""
        return self.jobs.cancel(job, keep_best=keep_best)

    def predict(self, model: str, items: Sequence[Item]) -> list[Prediction]:
        """Answer every item, in order, or raise the error of the first bad one."""
        return self._loop.run(self._client.predict(model, items))

    def predict_each(self, model: str, items: Sequence[Item]) -> Iterator[Answer]:
        """Yield a Prediction or a GraftError for each item, in order."""
        return self._loop.iterate(self._client.predict_each(model, items))

    def predict_many(
        self, models: Sequence[str], items: Sequence[Item]
    ) -> dict[str, list[Prediction]]:
        """Answer every item with every model; keys are the models as given."""
        return self._loop.run(self._client.predict_many(models, items))

    def evaluate(
        self,
        model: str,
        examples: Examples,
        *,
        on_progress: Callable[[int], None] | None = None,
    ) -> Scoring:
        """Score a model on labelled examples that it has not seen."""
        return self._loop.run(self._client.evaluate(model, examples, on_progress=on_progress))

    def evaluate_boxes(
        self,
        model: str,
        examples: Examples,
        *,
        on_progress: Callable[[int], None] | None = None,
    ) -> BoxScoring:
        """Score a detector on pictures with boxes that it has not seen."""
        return self._loop.run(self._client.evaluate_boxes(model, examples, on_progress=on_progress))

    def propose(
        self,
        model: str,
        pictures: Sequence[Path],
        *,
        on_progress: Callable[[int], None] | None = None,
    ) -> Proposals:
        """Let a detector propose the boxes of unlabelled picture files."""
        return self._loop.run(self._client.propose(model, pictures, on_progress=on_progress))

    def report(self, model: str) -> Report:
        """Answer the trainer's own report of a model."""
        return self.models.report(model)


async def _make(addresses: Addresses | None, project: str, timeout_s: float) -> AsyncClient:
    """Make the client where its loop runs, which gRPC's channels bind to."""
    return AsyncClient(addresses=addresses, project=project, timeout_s=timeout_s)
