"""The fake suite's predictor and embedder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graft.common.v1 import box_pb2, content_pb2
from graft.embedder.v1 import backbone_pb2, embedder_service_pb2_grpc
from graft.embedder.v1 import embedder_service_pb2 as embedder_pb
from graft.errors import GraftError, InvalidArgument
from graft.names import VersionName
from graft.predictor.v1 import predictor_service_pb2 as predictor_pb
from graft.predictor.v1 import predictor_service_pb2_grpc
from graft.tensors import to_tensor
from tests.support.fake_world import World, colour, find, pixels


class FakePredictor(predictor_service_pb2_grpc.PredictorServiceServicer):
    """Answers with what the world says is detected; else with the class whose mean colour is
    nearest, a detector where such colours are."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def Predict(self, request: Any, context: Any) -> Any:
        self._world.batches.append(len(request.items))
        self._world.asked.extend(request.items)
        await self._world.enter(context)
        return predictor_pb.PredictResponse(**self._answer(request.model, request.items))

    async def PredictMany(self, request: Any, context: Any) -> Any:
        self._world.batches.append(len(request.items))
        await self._world.enter(context)
        results = [
            predictor_pb.ModelPredictions(**self._answer(name, request.items))
            for name in request.models
        ]
        return predictor_pb.PredictManyResponse(results=results)

    def _answer(self, name: str, items: Any) -> dict[str, Any]:
        version = self._world.resolve(name)
        return {
            "model_version": str(version),
            "predictions": [self._predict(version, item, n) for n, item in enumerate(items)],
        }

    def _predict(
        self, version: VersionName, item: content_pb2.Content, number: int
    ) -> predictor_pb.Prediction:
        if item.image in self._world.detected:
            return predictor_pb.Prediction(detected=self._world.detected[item.image])
        answer = _found if str(version) in self._world.detectors else _nearest
        return answer(self._world.means[str(version)], item, number)

    async def GetModel(self, request: Any, context: Any) -> Any:
        await self._world.enter(context)
        version = self._world.resolve(request.name)
        return predictor_pb.GetModelResponse(
            model=self._world.models[str(version.model)], version=self._world.describe(version)
        )


class FakeEmbedder(embedder_service_pb2_grpc.EmbedderServiceServicer):
    """Has one backbone, in name only, and one that was tuned of it."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def ListBackbones(self, request: Any, context: Any) -> Any:
        await self._world.enter(context)
        return embedder_pb.ListBackbonesResponse(backbones=[_backbone(), _tuned()])

    async def GetBackbone(self, request: Any, context: Any) -> Any:
        await self._world.enter(context)
        return embedder_pb.GetBackboneResponse(
            backbone=find({one.name: one for one in (_backbone(), _tuned())}, request.name),
            engine="fake",
        )

    async def Embed(self, request: Any, context: Any) -> Any:
        """The mean colour of each item."""
        await self._world.enter(context)
        find({_backbone().name: _backbone()}, request.backbone.partition("@")[0])
        found = [_looked(colour, item, n) for n, item in enumerate(request.items)]
        vectors = np.array(found, np.float32)
        return embedder_pb.EmbedResponse(
            outputs=[embedder_pb.EndpointVectors(endpoint="default", vectors=to_tensor(vectors))]
        )

    async def LoadBackbone(self, request: Any, context: Any) -> Any:
        found = await self.GetBackbone(request, context)
        return embedder_pb.LoadBackboneResponse(backbone=found.backbone, engine=found.engine)


def _looked(look: Callable[[Any], Any], content: content_pb2.Content, number: int) -> Any:
    """What `look` makes of an item; an error names the item."""
    try:
        return look(content)
    except GraftError as error:
        field = f"items[{number}].image"
        raise InvalidArgument(f"{field}: {error}", reason=error.reason, field=field) from error


def _nearest(
    means: dict[str, Any], content: content_pb2.Content, number: int
) -> predictor_pb.Prediction:
    """Softmax over the distances to the mean colours."""
    found = _looked(colour, content, number)
    nearness = np.array([-np.linalg.norm(found - mean) / 10 for mean in means.values()])
    weights = np.exp(nearness - nearness.max())
    scores = dict(zip(means, weights / weights.sum(), strict=True))
    ranked = sorted(scores.items(), key=lambda pair: -pair[1])
    return predictor_pb.Prediction(
        label=ranked[0][0],
        score=ranked[0][1],
        unknown=bool(ranked[0][1] < 0.6),
        scores=[predictor_pb.LabelScore(label=label, score=score) for label, score in ranked],
    )


def _found(
    means: dict[str, Any], content: content_pb2.Content, number: int
) -> predictor_pb.Prediction:
    """Around the pixels whose colour is near a mean one, a box. Its score is how close they lie,
    and where most are not so near, the thing is unknown."""
    seen = _looked(pixels, content, number)
    detected = predictor_pb.Detected(width=seen.shape[1], height=seen.shape[0])
    for label, mean in means.items():
        far = np.linalg.norm(seen - mean, axis=2)
        rows, columns = np.nonzero(far < _NEAR)
        if not len(rows):
            continue
        left, top = int(columns.min()), int(rows.min())
        width, height = int(columns.max()) + 1 - left, int(rows.max()) + 1 - top
        score = len(rows) / (width * height)
        (detected.objects if score >= _SURE else detected.doubtful).add(
            label=label,
            score=score,
            box=box_pb2.Box(left=left, top=top, width=width, height=height),
            unknown=bool(np.median(far[rows, columns]) > _NEAR / 2),
        )
    return predictor_pb.Prediction(detected=detected)


_NEAR = 60.0  # of 255 each colour
_SURE = 0.5


def _backbone() -> backbone_pb2.Backbone:
    return backbone_pb2.Backbone(
        name="backbones/fake",
        digest="0" * 64,
        modality=backbone_pb2.MODALITY_IMAGE,
        input_size=[8, 8],
        endpoints=[
            backbone_pb2.Endpoint(name="cut", shape=[2, 2, 8], dim=8),
            backbone_pb2.Endpoint(name="default", shape=[3], dim=3),
        ],
        files=[backbone_pb2.BackboneFile(path="saved_model.pb", size_bytes=2 << 20)],
    )


def _tuned() -> backbone_pb2.Backbone:
    backbone = _backbone()
    backbone.name = "backbones/hues-1-0123456789ab"
    backbone.trunk = f"backbones/fake@{'0' * 64}"
    backbone.cut.append("cut")
    backbone.digest = "1" * 64
    return backbone
