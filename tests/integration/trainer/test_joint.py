"""A job on images with texts: a backbone for each part, one head over both, either part missing.

A class is a colour and an intent, so that neither part alone tells it.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import numpy as np
import pytest
import pytest_asyncio

from graft.common.v1 import content_pb2
from graft.embedder.v1 import backbone_pb2
from graft.model.v1 import evaluation_pb2, model_pb2
from graft.predictor.v1 import predictor_service_pb2 as pp
from graft.status import from_rpc_error
from graft.trainer.v1 import dataset_service_pb2 as ds
from graft.trainer.v1 import model_service_pb2 as ms
from graft.trainer.v1 import trainer_service_pb2, training_job_pb2
from services.common import artifacts
from services.common.store import open_store
from tests.support.embedder import DIM, MAP_SHAPE, FakeEmbedder, make_text_backbone
from tests.support.page import Page
from tests.support.predictor import predictor_beside
from tests.support.sayings import sayings
from tests.support.trainer import Connection, pictures, running, tiny

SUCCEEDED = training_job_pb2.JOB_STATE_SUCCEEDED
EACH = 10
KINDS = ("music", "travel")

pytestmark = pytest.mark.asyncio(loop_scope="module")


def posts(*, first: int = 0, count: int = EACH) -> Iterator[ds.Example]:
    """Items of four classes, each of another image with another text."""
    for colour in range(2):
        for number, intent in enumerate(KINDS):
            texts = sayings(intent, first=first + 40 * colour, count=count)
            for at, text in enumerate(texts, start=first):
                image = tiny(colour, 100 * number + at)
                content = content_pb2.Content(image=image, text=text)
                label = f"{colour} {intent}"
                yield ds.Example(path=f"{label}/{at}", labels=[label], content=content)


@pytest.fixture(scope="module")
def embedder() -> Iterator[FakeEmbedder]:
    with FakeEmbedder(spatial=True, more=[make_text_backbone()]) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def trainer(
    embedder: FakeEmbedder, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Connection]:
    async with running(tmp_path_factory.mktemp("joint"), embedder.address) as connection:
        some = list(posts())
        some[0].content.ClearField("text")
        some[1].content.ClearField("image")
        some.append(ds.Example(path="bad", labels=["0 music"]))
        some[-1].content.image, some[-1].content.text = b"no image", "some words"
        dataset = await connection.load("d", some)
        assert dataset.modality == backbone_pb2.MODALITY_IMAGE_AND_TEXT
        job = await connection.finish((await connection.create("d", budget_s=60)).name)
        assert job.state == SUCCEEDED, job.error.message
        assert (job.result.embedded_count, job.result.cached_count) == (2 * 4 * EACH - 2, 0)
        yield connection


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def version(trainer: Connection) -> model_pb2.ModelVersion:
    request = ms.GetModelVersionRequest(name=trainer.model())
    found: model_pb2.ModelVersion = (await trainer.models.GetModelVersion(request)).version
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def report(trainer: Connection) -> evaluation_pb2.Evaluation:
    return await trainer.report()


async def test_both_parts_together_tell_what_neither_tells_alone(
    report: evaluation_pb2.Evaluation,
) -> None:
    assert report.accuracy.estimate > 0.8  # half of it by either part alone
    assert report.data.modality == backbone_pb2.MODALITY_IMAGE_AND_TEXT
    assert [one.message.split(":")[0] for one in report.data.issues] == ["its image"]


async def test_a_version_names_a_backbone_for_each_part(
    version: model_pb2.ModelVersion,
) -> None:
    both = artifacts.parts_of(version)
    assert [one.backbone for one in both] == ["backbones/graft_small_96", "backbones/minilm"]
    lengths = {"stride16": MAP_SHAPE[-1], "layer_1": DIM // 2, "default": DIM}
    for one in both:
        assert list(one.dims) == [lengths[name] for name in one.endpoints]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def predictor(trainer: Connection, embedder: FakeEmbedder) -> AsyncIterator[Any]:
    with open_store(trainer.store_url, {}) as store:
        async with predictor_beside(store, embedder.address) as (_, stub):
            yield stub


def shares(answer: pp.PredictResponse, truth: list[str]) -> tuple[float, float]:
    """How often the colour was told, and how often the intent."""
    told = [one.label.split() for one in answer.predictions]
    right = np.array(told) == np.array([label.split() for label in truth])
    colour, intent = right.mean(axis=0).tolist()
    return colour, intent


async def test_an_item_that_lacks_a_part_is_answered_by_the_other(
    trainer: Connection, predictor: Any
) -> None:
    fresh = list(posts(first=EACH, count=10))
    truth = [one.labels[0] for one in fresh]
    request = pp.PredictRequest(model=trainer.model(), items=[one.content for one in fresh])
    assert min(shares(await predictor.Predict(request), truth)) > 0.85
    for one in request.items:
        one.ClearField("text")
    colour, intent = shares(await predictor.Predict(request), truth)
    assert colour > 0.9 > 0.75 > intent
    for one, whole in zip(request.items, fresh, strict=True):
        one.CopyFrom(content_pb2.Content(text=whole.content.text))
    colour, intent = shares(await predictor.Predict(request), truth)
    assert intent > 0.85 > 0.75 > colour


async def test_a_mixture_is_answered_item_by_item(trainer: Connection, predictor: Any) -> None:
    fresh = [one.content for one in posts(first=EACH, count=2)]
    fresh[1].ClearField("text")
    fresh[2].ClearField("image")
    many = pp.PredictRequest(model=trainer.model(), items=fresh)
    together = (await predictor.Predict(many)).predictions
    for content, found in zip(fresh, together, strict=True):
        one = pp.PredictRequest(model=trainer.model(), items=[content])
        (alone,) = (await predictor.Predict(one)).predictions
        assert alone.label == found.label
        assert alone.score == pytest.approx(found.score, abs=1e-4)


async def test_what_is_no_part_of_the_report_is_said(
    trainer: Connection, report: evaluation_pb2.Evaluation
) -> None:
    assert not report.heat_maps
    assert not report.shortcuts
    told = {one.subject: one for one in report.decisions}
    shares = [int(share) for share in re.findall(r"on (\d+)%", told["parts"].reason)]
    assert len(shares) == 3
    assert shares[0] > 75 > 65 > max(shares[1:])
    assert told["report"].reason.startswith("heat maps and shortcuts are told only where")
    assert told["tuning"].choice == "none"
    assert told["backbone of the images"].choice == "graft_small_96"
    assert told["backbone of the texts"].choice == "minilm"
    assert "image:default + text:default" in told["cut layer"].reason
    assert {row.parameters.get("scaling", "l2") for row in report.candidates} == {"l2"}


async def test_the_page_shows_a_picture_above_its_words(
    trainer: Connection, report: evaluation_pb2.Evaluation
) -> None:
    request = ms.GetEvaluationRequest(name=trainer.model(), include_html=True)
    page = (await trainer.models.GetEvaluation(request)).html.decode()
    shown = [*report.mistakes, *report.suspects, *report.outliers]
    assert shown
    assert re.search(r'<img src="data:image/jpeg;base64,[^>]*><blockquote>', page)
    text = Page(page).text
    assert "backbones/graft_small_96 + backbones/minilm" in text


async def test_what_was_embedded_is_not_embedded_again(
    trainer: Connection, embedder: FakeEmbedder
) -> None:
    some = list(posts())
    some[0].content.text = "another text beside the same image"
    await trainer.load("again", some)
    before = len(embedder.servicer.embedded)
    job = await trainer.finish((await trainer.create("again", "again")).name)
    assert job.state == SUCCEEDED, job.error.message
    assert (job.result.embedded_count, len(embedder.servicer.embedded) - before) == (2, 2)


async def test_an_estimate_counts_the_parts(trainer: Connection) -> None:
    spec = training_job_pb2.TrainingSpec(dataset=trainer.dataset(), model=trainer.model("x"))
    request = trainer_service_pb2.CreateTrainingJobRequest(
        parent=trainer.project, spec=spec, validate_only=True
    )
    estimate = (await trainer.jobs.CreateTrainingJob(request)).estimate
    assert estimate.backbone == "backbones/graft_small_96 + backbones/minilm"
    assert (estimate.example_count, estimate.uncached_count) == (4 * EACH, 0)


async def test_a_named_backbone_is_taken_for_the_part_that_it_reads(trainer: Connection) -> None:
    spec = training_job_pb2.TrainingSpec(
        dataset=trainer.dataset(), model=trainer.model("named"), backbone="backbones/minilm"
    )
    request = trainer_service_pb2.CreateTrainingJobRequest(parent=trainer.project, spec=spec)
    job = (await trainer.jobs.CreateTrainingJob(request)).job
    assert (await trainer.finish(job.name)).state == SUCCEEDED
    told = {one.subject: one.reason for one in (await trainer.report("named")).decisions}
    assert told["backbone of the texts"] == "it was asked for"
    assert told["backbone of the images"] == "it is the only one in the catalogue"


async def test_a_model_of_images_refuses_words_beside_one(
    trainer: Connection, predictor: Any
) -> None:
    await trainer.load("images", pictures(2, 4))
    job = await trainer.finish((await trainer.create("images", "images")).name)
    assert job.state == SUCCEEDED, job.error.message
    both = next(posts()).content
    request = pp.PredictRequest(model=trainer.model("images"), items=[both])
    with pytest.raises(grpc.RpcError) as caught:
        await predictor.Predict(request)
    error = from_rpc_error(caught.value, target="predictor")
    assert (error.reason, error.field) == ("MODALITY_MISMATCH", "items[0]")
