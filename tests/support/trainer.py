"""A trainer in this process, with its real worker process, and what is needed to talk to it."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import numpy as np
from PIL import Image

from graft.channel import open_channel
from graft.common.v1 import content_pb2
from graft.model.v1 import evaluation_pb2
from graft.trainer.v1 import (
    dataset_pb2,
    dataset_service_pb2,
    dataset_service_pb2_grpc,
    model_service_pb2,
    model_service_pb2_grpc,
    trainer_service_pb2,
    trainer_service_pb2_grpc,
    training_job_pb2,
)
from services.common.settings import read_settings
from services.common.store import open_store
from services.trainer.service import Trainer
from tests.support.suite import ROOT

PER_MESSAGE = 500


def settings_environ(folder: Path, embedder: str, **more: str) -> dict[str, str]:
    """The variables of a trainer with its store in `folder`."""
    return {
        **os.environ,
        "HOME": str(folder),
        "GRAFT_STORE": f"file://{folder / 'store'}",
        "GRAFT_EMBEDDER": embedder,
        "GRAFT_LISTEN": "127.0.0.1:0",
        "GRAFT_METRICS_LISTEN": "127.0.0.1:0",
        "PYTHONPATH": str(ROOT),
        **more,
    }


class Connection:
    """Stubs of a trainer over one channel, and a project to work in."""

    def __init__(self, channel: grpc.aio.Channel, store_url: str, project: str = "p") -> None:
        self.channel = channel
        self.store_url = store_url
        self.project = f"projects/{project}"
        self.datasets = dataset_service_pb2_grpc.DatasetServiceStub(channel)
        self.jobs = trainer_service_pb2_grpc.TrainerServiceStub(channel)
        self.models = model_service_pb2_grpc.ModelServiceStub(channel)

    def dataset(self, name: str = "d") -> str:
        """The name of a data set."""
        return f"{self.project}/datasets/{name}"

    def model(self, name: str = "m") -> str:
        """The name of a model."""
        return f"{self.project}/models/{name}"

    def job(self, name: str) -> str:
        """The name of a job."""
        return f"{self.project}/trainingJobs/{name}"

    async def load(
        self,
        dataset: str,
        examples: Iterable[dataset_service_pb2.Example],
        mode: dataset_service_pb2.ImportMode = dataset_service_pb2.IMPORT_MODE_REPLACE,
    ) -> dataset_pb2.Dataset:
        """Import examples."""
        every = list(examples)
        requests = [
            dataset_service_pb2.ImportExamplesRequest(
                dataset=self.dataset(dataset),
                mode=mode,
                examples=every[start : start + PER_MESSAGE],
            )
            for start in range(0, max(1, len(every)), PER_MESSAGE)
        ]
        requests.append(dataset_service_pb2.ImportExamplesRequest(last=True))
        answer = await self.datasets.ImportExamples(iter(requests))
        found: dataset_pb2.Dataset = answer.dataset
        return found

    async def create(
        self,
        dataset: str,
        model: str = "m",
        *,
        request_id: str = "",
        seed: int = 0,
        budget_s: float = 0.0,
    ) -> training_job_pb2.TrainingJob:
        """Queue a job; without a budget it gets the usual one."""
        spec = training_job_pb2.TrainingSpec(
            dataset=self.dataset(dataset), model=self.model(model), seed=seed
        )
        if budget_s:
            spec.budget.FromNanoseconds(round(budget_s * 1e9))
        request = trainer_service_pb2.CreateTrainingJobRequest(
            parent=self.project, spec=spec, request_id=request_id
        )
        found: training_job_pb2.TrainingJob = (await self.jobs.CreateTrainingJob(request)).job
        return found

    async def get(self, name: str) -> training_job_pb2.TrainingJob:
        """A job as it is."""
        request = trainer_service_pb2.GetTrainingJobRequest(name=name)
        found: training_job_pb2.TrainingJob = (await self.jobs.GetTrainingJob(request)).job
        return found

    async def cancel(self, name: str, *, keep_best: bool = False) -> training_job_pb2.TrainingJob:
        """Ask a job to stop."""
        request = trainer_service_pb2.CancelTrainingJobRequest(name=name, keep_best=keep_best)
        found: training_job_pb2.TrainingJob = (await self.jobs.CancelTrainingJob(request)).job
        return found

    async def report(self, model: str = "m") -> evaluation_pb2.Evaluation:
        """The report of the live version of a model."""
        request = model_service_pb2.GetEvaluationRequest(name=self.model(model))
        found: evaluation_pb2.Evaluation = (await self.models.GetEvaluation(request)).evaluation
        return found

    async def watch(
        self, name: str, after: int = 0
    ) -> AsyncIterator[trainer_service_pb2.WatchTrainingJobResponse]:
        """The events of a job to its end."""
        request = trainer_service_pb2.WatchTrainingJobRequest(name=name, after_revision=after)
        async for answer in self.jobs.WatchTrainingJob(request):
            yield answer

    async def finish(self, name: str, timeout_s: float = 50.0) -> training_job_pb2.TrainingJob:
        """The job after its last event."""
        last = training_job_pb2.TrainingJob()
        async with asyncio.timeout(timeout_s):
            async for answer in self.watch(name):
                last = answer.job
        return last

    async def reach(self, name: str, phase: str) -> training_job_pb2.TrainingJob:
        """The job when its worker enters a phase, or at its end if it never does."""
        job = training_job_pb2.TrainingJob()
        async for answer in self.watch(name):
            job = answer.job
            if job.progress.phase == phase:
                break
        return job


@asynccontextmanager
async def running(folder: Path, embedder: str, **environ: str) -> AsyncIterator[Connection]:
    """A trainer in this event loop, warm, over the store in `folder`."""
    values = settings_environ(folder, embedder, **environ)
    settings = read_settings("trainer", values)
    with open_store(settings.store_url, values) as store:
        trainer = Trainer(settings, store, values)
        await trainer.server.start()
        try:
            await trainer.warm()
            await trainer.server.health.set(True)
            async with open_channel(trainer.server.address) as channel:
                yield Connection(channel, settings.store_url)
        finally:
            await trainer.server.stop(0.2)
            await trainer.drain()


def tiny(label: int, number: int, side: int = 4) -> bytes:
    """A PNG of noise around the colour of its class."""
    rng = np.random.default_rng([label, number])
    colour = np.random.default_rng(label).integers(30, 220, 3)
    pixels = np.clip(rng.normal(0, 12, (side, side, 3)) + colour, 0, 255)
    out = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(out, "PNG", compress_level=0)
    return out.getvalue()


def pictures(classes: int, each: int, *, first: int = 0) -> Iterator[dataset_service_pb2.Example]:
    """`each` tiny images of so many classes."""
    for label in range(classes):
        for number in range(first, first + each):
            yield dataset_service_pb2.Example(
                path=f"c{label}/{number}.png",
                labels=[f"c{label:05d}"],
                content=content_pb2.Content(image=tiny(label, number)),
            )


def workers(parent: int) -> list[int]:
    """The worker processes of a trainer, by their parent's process id."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and _is_worker(entry, parent):
            found.append(int(entry.name))
    return found


def _is_worker(entry: Path, parent: int) -> bool:
    try:
        command = (entry / "cmdline").read_bytes()
        fields = (entry / "stat").read_text().rpartition(")")[2].split()
    except OSError:  # it ended while we looked
        return False
    return b"services.trainer.worker" in command and int(fields[1]) == parent and fields[0] != "Z"


def phases_of(answers: Sequence[training_job_pb2.JobEvent]) -> list[str]:
    """The phases in the order in which they were entered."""
    entered = [event.progressed.phase for event in answers if event.HasField("progressed")]
    return list(dict.fromkeys(entered))
