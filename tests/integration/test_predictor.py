"""The predictor over gRPC, with a real store and an embedder that answers at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from PIL import Image

from graft import errors
from graft.channel import REQUEST_ID_KEY, open_channel
from graft.common.v1 import content_pb2, info_service_pb2, info_service_pb2_grpc, tensor_pb2
from graft.predictor.v1 import predictor_service_pb2 as pb
from graft.status import from_rpc_error
from services.common.heads.base import Calibration, Floats
from services.common.heads.blocks import Block, Blocks
from services.common.store import Store, open_store
from tests.support.images import encode
from tests.support.predictor import (
    BACKBONE,
    DIM,
    LIMITS,
    OTHER_BACKBONE,
    PROJECT,
    WIDE_DIM,
    Running,
    features,
    linear,
    near,
    png,
    point,
    publish,
    request,
    running_predictor,
    sure,
)

CATS = ("cat", "dog", "owl")


@pytest.fixture
def folder(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"), {})


@pytest.fixture
async def running(folder: Store) -> AsyncIterator[Running]:
    async with running_predictor(folder) as started:
        yield started


def plain(red: int, green: int) -> bytes:
    """An image of one colour."""
    return encode(Image.new("RGB", (8, 8), (red, green, 0)), "PNG")


async def failure(call: Any) -> errors.GraftError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value, target="the predictor")


async def test_answers_are_the_heads_own_on_the_vectors_that_training_saw(
    running: Running, folder: Store
) -> None:
    head = linear(CATS)
    version = publish(folder, "pets", head)
    images = [png(seed) for seed in range(5)]
    answer = await running.predict("pets", *images)
    wanted = head.proba(features(*images))
    assert answer.model_version == str(version)
    for row, one in zip(wanted, answer.predictions, strict=True):
        found = {score.label: score.score for score in one.scores}
        np.testing.assert_allclose([found[label] for label in CATS], row, rtol=1e-6)
        assert one.label == CATS[int(row.argmax())]
    asked = running.embedder.asked[0]
    assert asked.dtype == tensor_pb2.DATA_TYPE_FLOAT16
    assert asked.backbone == f"{BACKBONE.name}@{BACKBONE.digest}"
    assert [one.stage for one in answer.timings] == [
        "resolve",
        "decode",
        "queue",
        "device",
        "embed",
        "head",
    ]


async def test_a_bare_name_an_alias_and_a_number(running: Running, folder: Store) -> None:
    for seed in range(3):
        publish(folder, "pets", linear(CATS, seed=seed), live=seed == 0)
    point(folder, "pets", 2, alias="next")
    for name, version in (("pets", 1), ("pets/aliases/next", 2), ("pets/versions/3", 3)):
        answer = await running.predict(name)
        assert answer.model_version == f"{PROJECT}/models/pets/versions/{version}"


async def test_many_heads_of_one_backbone_make_one_call(running: Running, folder: Store) -> None:
    heads = [linear(CATS, seed=seed) for seed in range(50)]
    for number, head in enumerate(heads):
        publish(folder, f"m{number}", head, endpoints=("cut" if number % 2 else "default",))
    models = [f"{PROJECT}/models/m{number}" for number in range(50)]
    items = [content_pb2.Content(image=png(seed)) for seed in range(3)]
    many = pb.PredictManyRequest(models=[*models, models[7]], items=items)
    answer = await running.stub.PredictMany(many)
    assert [len(asked.endpoints) for asked in running.embedder.asked] == [2]
    assert len(answer.results) == 51
    assert answer.results[50] == answer.results[7]
    x = features(*(item.image for item in items))
    for number, (head, result) in enumerate(zip(heads, answer.results, strict=False)):
        assert result.model_version == f"{models[number]}/versions/1"
        labels = [one.label for one in result.predictions]
        assert labels == [CATS[best] for best in head.answer(x).best]


async def test_models_of_one_label_and_of_several_answer_the_same_request(
    running: Running, folder: Store
) -> None:
    thresholds = np.full(len(CATS), 0.5, np.float32)
    several = linear(CATS, seed=1).calibrated(Calibration(1.0, 0.1, thresholds))
    publish(folder, "one", linear(CATS))
    publish(folder, "any", several)
    models = [f"{PROJECT}/models/{name}" for name in ("one", "any")]
    items = [content_pb2.Content(image=png(seed)) for seed in range(8)]
    answer = await running.stub.PredictMany(pb.PredictManyRequest(models=models, items=items))
    assert [len(asked.endpoints) for asked in running.embedder.asked] == [1]
    one, many = answer.results
    assert not any(each.HasField("borne") for each in one.predictions)
    borne = several.answer(features(*(item.image for item in items))).borne
    assert borne is not None
    assert 0 < borne.sum() < borne.size
    told = [{label.label for label in each.borne.labels} for each in many.predictions]
    assert told == [{CATS[at] for at in np.flatnonzero(row)} for row in borne]


def scores_of(answer: pb.ModelPredictions | pb.PredictResponse) -> Floats:
    """float32 [items, labels of CATS]."""
    told = [{one.label: one.score for one in item.scores} for item in answer.predictions]
    return np.array([[scores[label] for label in CATS] for scores in told], np.float32)


async def test_a_head_over_two_endpoints_gets_their_vectors_joined_in_its_own_order(
    running: Running, folder: Store
) -> None:
    narrow, wide = Block(DIM, length=2.0), Block(WIDE_DIM, length=0.5, root=True)
    first = linear(CATS, seed=1, blocks=Blocks((narrow, wide)))
    second = linear(CATS, seed=2, blocks=Blocks((wide, narrow)))
    publish(folder, "first", first, endpoints=("default", "wide"))
    publish(folder, "second", second, endpoints=("wide", "default"))
    publish(folder, "plain", linear(CATS, seed=3, dim=WIDE_DIM), endpoints=("wide",))
    images = [png(seed) for seed in range(4)]
    many = pb.PredictManyRequest(
        models=[f"{PROJECT}/models/{name}" for name in ("first", "second", "plain")],
        items=[content_pb2.Content(image=image) for image in images],
    )
    answer = await running.stub.PredictMany(many)
    parts = [features(*images), features(*images, dim=WIDE_DIM)]
    onward, backward = np.concatenate(parts, axis=1), np.concatenate(parts[::-1], axis=1)
    wanted = [
        first.proba(onward),
        second.proba(backward),
        linear(CATS, seed=3, dim=WIDE_DIM).proba(parts[1]),
    ]
    for result, proba in zip(answer.results, wanted, strict=True):
        np.testing.assert_allclose(scores_of(result), proba, rtol=1e-5)
    assert not np.allclose(second.proba(onward), wanted[1], atol=0.01)  # the order matters
    assert [list(asked.endpoints) for asked in running.embedder.asked] == [["default", "wide"]]
    alone = await running.predict("second", *images)
    np.testing.assert_allclose(scores_of(alone), wanted[1], rtol=1e-5)
    assert list(running.embedder.asked[1].endpoints) == ["wide", "default"]


async def test_an_image_unlike_all_examples_is_unknown_and_keeps_its_label(
    running: Running, folder: Store
) -> None:
    reds = [plain(red, 0) for red in range(0, 250, 25)]
    head = sure("cat").calibrated(Calibration(), near(features(*reds), within=0.1))
    publish(folder, "pets", head)
    answer = await running.predict("pets", plain(130, 0), plain(130, 250), plain(30, 0))
    assert [one.unknown for one in answer.predictions] == [False, True, False]
    assert {(one.label, one.score > 0.99) for one in answer.predictions} == {("cat", True)}


async def test_two_backbones_make_two_calls_at_once(running: Running, folder: Store) -> None:
    publish(folder, "a", linear(CATS))
    publish(folder, "b", linear(CATS), backbone=OTHER_BACKBONE)
    many = pb.PredictManyRequest(
        models=[f"{PROJECT}/models/a", f"{PROJECT}/models/b"],
        items=[content_pb2.Content(image=png())],
    )
    answer = await running.stub.PredictMany(many)
    assert len(answer.results) == 2
    names = {asked.backbone.partition("@")[0] for asked in running.embedder.asked}
    assert names == {BACKBONE.name, OTHER_BACKBONE.name}


async def test_large_work_answers_the_same_from_a_thread(running: Running, folder: Store) -> None:
    head = linear([f"c{i}" for i in range(2000)])
    publish(folder, "wide", head)
    images = [png(seed) for seed in range(40)]
    answer = await running.predict("wide", *images)
    best = head.answer(features(*images)).best
    assert [one.label for one in answer.predictions] == [f"c{i}" for i in best]
    assert {len(one.scores) for one in answer.predictions} == {100}


async def test_a_bad_item_is_named_as_the_caller_numbered_it(
    running: Running, folder: Store
) -> None:
    publish(folder, "pets", linear(CATS))
    error = await failure(running.predict("pets", png(), png(1), b"\xff\xd8 no image"))
    assert isinstance(error, errors.InvalidArgument)
    assert (error.reason, error.field) == ("IMAGE_UNDECODABLE", "items[2].image")


async def test_an_item_of_another_kind_is_named(running: Running, folder: Store) -> None:
    publish(folder, "pets", linear(CATS))
    wrong = request("pets")
    wrong.items.add(text="a cat")
    error = await failure(running.stub.Predict(wrong))
    assert (error.reason, error.field) == ("MODALITY_MISMATCH", "items[1]")


async def test_a_backbone_that_the_embedder_lacks_is_no_fault_of_a_field(
    running: Running, folder: Store
) -> None:
    lacking = type(BACKBONE)()
    lacking.CopyFrom(BACKBONE)
    lacking.digest = "0" * 64
    publish(folder, "pets", linear(CATS), backbone=lacking)
    error = await failure(running.predict("pets"))
    assert isinstance(error, errors.NotFound)
    assert lacking.digest in str(error)
    assert error.field == ""


@pytest.mark.parametrize("name", ["", "pets", "projects/default/models/a/b", "projects/x/models/A"])
async def test_a_name_of_the_wrong_form_is_named(running: Running, name: str) -> None:
    items = [content_pb2.Content(image=png())]
    error = await failure(running.stub.Predict(pb.PredictRequest(model=name, items=items)))
    assert (error.reason, error.field) == ("NAME_INVALID", "model")
    many = pb.PredictManyRequest(models=[f"{PROJECT}/models/ok", name], items=items)
    error = await failure(running.stub.PredictMany(many))
    assert (error.reason, error.field) == ("NAME_INVALID", "models[1]")


async def test_limits_are_those_of_the_embedder_and_hold(running: Running, folder: Store) -> None:
    async with open_channel(running.predictor.server.address) as channel:
        stub = info_service_pb2_grpc.InfoServiceStub(channel)
        info = await stub.GetServerInfo(info_service_pb2.GetServerInfoRequest())
    assert info.service == "predictor"
    assert info.max_items_per_request == LIMITS.max_items_per_request
    assert info.max_image_bytes == LIMITS.max_image_bytes
    assert info.max_image_pixels == LIMITS.max_image_pixels
    assert info.max_text_bytes == LIMITS.max_text_bytes
    images = [b"x"] * (LIMITS.max_items_per_request + 1)
    error = await failure(running.predict("pets", *images))
    assert isinstance(error, errors.ResourceExhausted)
    assert (error.reason, error.field) == ("REQUEST_TOO_LARGE", "items")
    empty = pb.PredictRequest(model=f"{PROJECT}/models/pets")
    assert (await failure(running.stub.Predict(empty))).field == "items"
    many = pb.PredictManyRequest(
        models=[f"{PROJECT}/models/m"] * 101, items=[content_pb2.Content(image=b"x")]
    )
    assert (await failure(running.stub.PredictMany(many))).field == "models"
    assert running.embedder.asked == []


async def test_the_request_id_and_the_deadline_reach_the_embedder(
    running: Running, folder: Store
) -> None:
    publish(folder, "pets", linear(CATS))
    await running.stub.Predict(request("pets"), timeout=7, metadata=((REQUEST_ID_KEY, "mine-7"),))
    assert running.embedder.request_ids == ["mine-7"]
    left = running.embedder.seconds_left[0]
    assert left is not None
    assert 3 < left <= 7
    await running.stub.Predict(request("pets"))
    assert running.embedder.seconds_left[1] is not None  # no caller waits for ever


async def test_a_model_as_it_is_served(running: Running, folder: Store) -> None:
    publish(folder, "pets", linear(CATS))
    publish(folder, "pets", linear(CATS), live=False)
    ask = pb.GetModelRequest(name=f"{PROJECT}/models/pets")
    told = await running.stub.GetModel(ask)
    assert (list(told.model.versions), dict(told.model.aliases)) == ([1, 2], {"live": 1})
    assert (told.version.version, told.loaded) == (1, False)
    await running.predict("pets")
    assert (await running.stub.GetModel(ask)).loaded
    other = await running.stub.GetModel(pb.GetModelRequest(name=f"{ask.name}/versions/2"))
    assert (other.version.version, other.loaded) == (2, False)
    for name in ("nobody", "pets/versions/9", "pets/aliases/none"):
        error = await failure(
            running.stub.GetModel(pb.GetModelRequest(name=f"{PROJECT}/models/{name}"))
        )
        assert isinstance(error, errors.NotFound)
    assert (await failure(running.stub.GetModel(pb.GetModelRequest(name="pets")))).field == "name"


async def test_models_are_listed_by_name_and_page(running: Running, folder: Store) -> None:
    for name in ("c", "a", "b"):
        publish(folder, name, linear(CATS))
    folder.put("projects/default/models/draft/1/claim.json", b"{}")
    ask = pb.ListModelsRequest(parent=PROJECT, page_size=2)
    first = await running.stub.ListModels(ask)
    assert [model.name[-1] for model in first.models] == ["a", "b"]
    ask.page_token = first.next_page_token
    second = await running.stub.ListModels(ask)
    assert [model.name[-1] for model in second.models] == ["c"]
    assert second.next_page_token == ""
    bad = pb.ListModelsRequest(parent="default")
    assert (await failure(running.stub.ListModels(bad))).field == "parent"


async def test_a_head_for_other_vectors_is_an_error_of_ours_and_not_of_the_caller(
    running: Running, folder: Store
) -> None:
    publish(folder, "pets", linear(CATS, dim=DIM + 1))
    error = await failure(running.predict("pets"))
    assert isinstance(error, errors.Internal)
    assert "vectors" in str(error)
