"""The fake suite's predictor and embedder."""

from __future__ import annotations

from typing import Any

import numpy as np

from graft.common.v1 import content_pb2
from graft.embedder.v1 import backbone_pb2, embedder_service_pb2_grpc
from graft.embedder.v1 import embedder_service_pb2 as embedder_pb
from graft.errors import GraftError, InvalidArgument
from graft.predictor.v1 import predictor_service_pb2 as predictor_pb
from graft.predictor.v1 import predictor_service_pb2_grpc
from tests.support.fake_world import World, colour, find


class FakePredictor(predictor_service_pb2_grpc.PredictorServiceServicer):
    """Answers with what the world says is detected, or the class whose mean colour is nearest."""

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
        means = self._world.means[str(version)]
        return {
            "model_version": str(version),
            "predictions": [self._predict(means, item, n) for n, item in enumerate(items)],
        }

    def _predict(
        self, means: dict[str, Any], item: content_pb2.Content, number: int
    ) -> predictor_pb.Prediction:
        """What the world says is found in an image; where it says nothing, the nearest class."""
        if item.image in self._world.detected:
            return predictor_pb.Prediction(detected=self._world.detected[item.image])
        return _nearest(means, item, number)

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

    async def LoadBackbone(self, request: Any, context: Any) -> Any:
        found = await self.GetBackbone(request, context)
        return embedder_pb.LoadBackboneResponse(backbone=found.backbone, engine=found.engine)


def _nearest(
    means: dict[str, Any], content: content_pb2.Content, number: int
) -> predictor_pb.Prediction:
    """Softmax over the distances to the mean colours."""
    try:
        found = colour(content)
    except GraftError as error:
        field = f"items[{number}].image"
        raise InvalidArgument(f"{field}: {error}", reason=error.reason, field=field) from error
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
