"""What the fake suite knows: data sets, jobs, models, and what it was told to do wrong."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import numpy as np

from graft.channel import REQUEST_ID_KEY
from graft.common.v1 import content_pb2
from graft.errors import GraftError, NotFound
from graft.model.v1 import evaluation_pb2, model_pb2
from graft.names import AliasName, VersionName, parse_servable
from graft.predictor.v1 import predictor_service_pb2
from graft.trainer.v1 import dataset_pb2
from graft.trainer.v1 import dataset_service_pb2 as dataset_pb
from graft.trainer.v1 import trainer_service_pb2 as jobs_pb
from services.common import image

COLOURS = {"red": (250, 0, 0), "green": (0, 250, 0), "blue": (0, 0, 250)}
ACCURACY = evaluation_pb2.Interval(estimate=0.9, low=0.8, high=0.95, level=0.95)
MAP50 = evaluation_pb2.Interval(estimate=0.83, low=0.78, high=0.88, level=0.95)
FEATURES = model_pb2.Features(
    backbone="backbones/fake",
    backbone_digest="0" * 64,
    endpoints=["cut", "default"],
    dims=[8, 3],
)
TEXT_FEATURES = model_pb2.Features(backbone="backbones/words", endpoints=["default"], dims=[3])


class World:
    """Owns it all; `failures` are raised by the next calls, each once."""

    def __init__(self) -> None:
        self.failures: deque[GraftError] = deque()
        self.request_ids: list[str] = []
        self.batches: list[int] = []
        self.asked: list[content_pb2.Content] = []
        self.imports: list[dataset_pb.ImportExamplesRequest] = []
        self.watches: list[int] = []
        self.break_watch_after: deque[int] = deque()
        self.hold_jobs = False
        self.lost_answers = 0  # jobs that are made though the caller hears of Unavailable
        self.delay_s = 0.0
        self.report_warnings: list[str] = []
        self.report_accuracy: evaluation_pb2.Interval | None = ACCURACY
        self.entered = asyncio.Event()
        self.data: dict[str, list[dataset_pb.Example]] = {}
        self.datasets: dict[str, dataset_pb2.Dataset] = {}
        self.trained_on: dict[str, str] = {}
        self.jobs: dict[str, list[jobs_pb.WatchTrainingJobResponse]] = {}
        self.models: dict[str, model_pb2.Model] = {}
        self.means: dict[str, dict[str, Any]] = {}
        self.detected: dict[bytes, predictor_service_pb2.Detected] = {}  # by image
        self.detectors: set[str] = set()  # versions that find things
        self.changed = asyncio.Condition()

    async def enter(self, context: Any) -> None:
        """What every call does first."""
        metadata = dict(context.invocation_metadata())
        self.request_ids.append(metadata.get(REQUEST_ID_KEY, ""))
        self.entered.set()
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if self.failures:
            raise self.failures.popleft()

    def publish(self, spec: Any) -> int:
        """Train: the mean colour of each class becomes a new version."""
        model = self.models.setdefault(spec.model, model_pb2.Model(name=spec.model))
        version = len(model.versions) + 1
        model.versions.append(version)
        model.aliases["live"] = version
        colours: dict[str, list[Any]] = {}
        for one in self.data[spec.dataset]:
            for label in one.labels:
                colours.setdefault(label, []).append(colour(one.content))
            for box in one.boxes:
                colours.setdefault(box.label, []).append(colour_in(one.content, box.box))
        means = {label: np.mean(found, axis=0) for label, found in sorted(colours.items())}
        name = f"{spec.model}/versions/{version}"
        if any(one.boxes for one in self.data[spec.dataset]):
            self.detectors.add(name)
        self.means[name], self.trained_on[name] = means, spec.dataset
        return version

    def resolve(self, name: str) -> VersionName:
        """The version that a name means; NotFound."""
        servable = parse_servable(name)
        model = find(self.models, str(servable.model))
        version = servable
        if isinstance(servable, AliasName):
            if servable.alias not in model.aliases:
                raise NotFound(f"there is no {name}", metadata={"name": name})
            version = servable.model.version(model.aliases[servable.alias])
        find(self.means, str(version))
        assert isinstance(version, VersionName)
        return version

    def describe(self, version: VersionName) -> model_pb2.ModelVersion:
        """A version as it is told."""
        found = model_pb2.ModelVersion(
            name=str(version),
            version=version.version,
            labels=list(self.means[str(version)]),
            features=FEATURES,
            head=model_pb2.Head(kind="class_mean"),
            dataset=self.trained_on[str(version)],
        )
        data = self.data.get(self.trained_on[str(version)], [])
        if any(_of_both(one.content) for one in data):
            found.text_features.CopyFrom(TEXT_FEATURES)
        if str(version) in self.detectors:
            found.task = model_pb2.TASK_DETECTION
            found.features.input_size[:] = [8, 16]
            found.map50.CopyFrom(MAP50)
        else:
            found.accuracy.CopyFrom(ACCURACY)
        return found


def _of_both(content: content_pb2.Content) -> bool:
    return content.HasField("image") and content.HasField("text")


def borne(example: dataset_pb.Example) -> set[str]:
    """The labels of an example, or of its boxes."""
    return {*example.labels, *(box.label for box in example.boxes)}


def find(known: dict[str, Any], name: str) -> Any:
    """The entry of this name; NotFound."""
    if name not in known:
        raise NotFound(f"there is no {name}. Received: {name!r}", metadata={"name": name})
    return known[name]


def pixels(content: content_pb2.Content) -> Any:
    """The pixels of an image file, float64 [h, w, 3]; raises what the real decoder does."""
    return image.decode(content.image).astype(np.float64)


def colour_in(content: content_pb2.Content, box: Any) -> Any:
    """The mean colour within a box, float64 [3]."""
    left, top = round(box.left), round(box.top)
    right, bottom = round(box.left + box.width), round(box.top + box.height)
    return pixels(content)[top:bottom, left:right].reshape(-1, 3).mean(axis=0)


def colour(content: content_pb2.Content) -> Any:
    """The mean colour of an image file, float64 [3]; raises what the real decoder does. Of a text
    that of the colour that it names."""
    if content.HasField("text"):
        named = [COLOURS[word] for word in content.text.split() if word in COLOURS]
        return np.mean(named or [(127, 127, 127)], axis=0)
    return image.decode(content.image, size_hint=(8, 8)).reshape(-1, 3).mean(axis=0)
