"""Models of images with texts: each part to its own backbone, joined; either may be missing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import numpy as np
import pytest

from graft.common.v1 import content_pb2
from graft.errors import GraftError
from graft.predictor.v1 import predictor_service_pb2 as pb
from graft.status import from_rpc_error
from services.common.heads.base import Floats
from services.common.heads.blocks import Block, Blocks
from services.common.heads.linear import LinearHead
from services.common.store import Store, open_store
from tests.support.predictor import (
    DIM,
    PROJECT,
    TEXT_BACKBONE,
    WIDE_DIM,
    Running,
    features,
    features_of_texts,
    linear,
    png,
    publish,
    running_predictor,
)

LABELS = ("cat", "dog", "owl")
ABSENT = np.random.default_rng(7).normal(size=DIM + WIDE_DIM).astype(np.float32)
HEAD: LinearHead = linear(LABELS, blocks=Blocks((Block(DIM), Block(WIDE_DIM)), ABSENT))
WORDS = ("hello", "a red door", "how are you", "the sea")


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    store: Store = open_store(str(tmp_path / "store"), {})
    publish(store, "posts", HEAD, texts=True)
    publish(store, "pictures", linear(LABELS, seed=3))
    async with running_predictor(store) as started:
        yield started


def items(*pairs: tuple[int | None, str | None]) -> list[content_pb2.Content]:
    return [
        content_pb2.Content(image=None if seed is None else png(seed), text=text)
        for seed, text in pairs
    ]


def joined(*pairs: tuple[int | None, str | None]) -> Floats:
    """The vectors of these items, zeros where a part is missing."""
    images = [np.zeros(DIM) if seed is None else features(png(seed))[0] for seed, _ in pairs]
    texts = [np.zeros(WIDE_DIM) if t is None else features_of_texts(t)[0] for _, t in pairs]
    return np.concatenate([np.stack(images), np.stack(texts)], axis=1).astype(np.float32)


async def asked(running: Running, some: list[content_pb2.Content], *models: str) -> list[Floats]:
    """float32 [items, labels] of each model."""
    names = [f"{PROJECT}/models/{model}" for model in models]
    answer = await running.stub.PredictMany(pb.PredictManyRequest(models=names, items=some))
    told = [
        [{one.label: one.score for one in item.scores} for item in result.predictions]
        for result in answer.results
    ]
    return [np.array([[row[label] for label in LABELS] for row in rows]) for rows in told]


async def failure(running: Running, model: str, some: list[content_pb2.Content]) -> GraftError:
    request = pb.PredictRequest(model=f"{PROJECT}/models/{model}", items=some)
    with pytest.raises(grpc.RpcError) as caught:
        await running.stub.Predict(request)
    return from_rpc_error(caught.value, target="predictor")


async def test_each_part_goes_to_its_own_backbone_and_both_are_joined(running: Running) -> None:
    pairs = list(enumerate(WORDS))
    (found,) = await asked(running, items(*pairs), "posts")
    np.testing.assert_allclose(found, HEAD.proba(joined(*pairs)), rtol=1e-5)
    sent = {call.backbone.partition("@")[0]: call for call in running.embedder.asked}
    assert set(sent) == {"backbones/plain", TEXT_BACKBONE.name}
    assert not any(item.HasField("text") for item in sent["backbones/plain"].items)
    assert not any(item.HasField("image") for item in sent[TEXT_BACKBONE.name].items)


async def test_items_that_lack_a_part_are_answered_among_the_others(running: Running) -> None:
    pairs: list[tuple[int | None, str | None]] = [(0, "hello"), (None, "the sea"), (2, None)]
    (found,) = await asked(running, items(*pairs), "posts")
    np.testing.assert_allclose(found, HEAD.proba(joined(*pairs)), rtol=1e-5)
    assert [len(call.items) for call in running.embedder.asked] == [2, 2]


@pytest.mark.parametrize("pair", [(3, None), (None, "hello")])
async def test_where_no_item_has_a_part_its_backbone_is_not_asked(
    running: Running, pair: tuple[int | None, str | None]
) -> None:
    (found,) = await asked(running, items(pair, pair), "posts")
    np.testing.assert_allclose(found, HEAD.proba(joined(pair, pair)), rtol=1e-5)
    assert len(running.embedder.asked) == 1


async def test_images_alone_are_embedded_once_for_models_that_share_the_backbone(
    running: Running,
) -> None:
    some = items((0, None), (1, None))
    both, alone = await asked(running, some, "posts", "pictures")
    np.testing.assert_allclose(both, HEAD.proba(joined((0, None), (1, None))), rtol=1e-5)
    np.testing.assert_allclose(
        alone, linear(LABELS, seed=3).proba(features(png(0), png(1))), rtol=1e-5
    )
    assert len(running.embedder.asked) == 1


async def test_a_bad_part_is_named_as_the_caller_numbered_its_item(running: Running) -> None:
    some = items((0, "hello"), (None, "hello"), (1, "hello"))
    some[2].image = b"\xff\xd8 no image"
    error = await failure(running, "posts", some)
    assert (error.reason, error.field) == ("IMAGE_UNDECODABLE", "items[2].image")
    assert error.message.startswith("items[2]: ")


async def test_an_item_of_nothing_is_named(running: Running) -> None:
    error = await failure(running, "posts", items((0, "hello"), (None, None)))
    assert (error.reason, error.field) == ("INVALID_ARGUMENT", "items[1]")


async def test_a_model_of_images_refuses_words_beside_one(running: Running) -> None:
    error = await failure(running, "pictures", items((0, None), (0, "hello")))
    assert (error.reason, error.field) == ("MODALITY_MISMATCH", "items[1]")
