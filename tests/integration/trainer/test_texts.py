"""A job on texts: the backbone for texts, and a report that speaks of texts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import grpc
import pytest
import pytest_asyncio

from graft.embedder.v1 import backbone_pb2
from graft.errors import GraftError
from graft.model.v1 import evaluation_pb2
from graft.status import from_rpc_error
from graft.trainer.v1 import dataset_service_pb2 as ds
from graft.trainer.v1 import model_service_pb2 as ms
from graft.trainer.v1 import trainer_service_pb2, training_job_pb2
from tests.support.embedder import FakeEmbedder, make_text_backbone
from tests.support.page import Page
from tests.support.sayings import INTENTS, examples, sayings
from tests.support.trainer import Connection, pictures, running

SUCCEEDED = training_job_pb2.JOB_STATE_SUCCEEDED
COPY = "Book a FLIGHT to Rome!!"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def embedder() -> Iterator[FakeEmbedder]:
    with FakeEmbedder(spatial=True, more=[make_text_backbone()]) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def trainer(
    embedder: FakeEmbedder, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Connection]:
    async with running(tmp_path_factory.mktemp("texts"), embedder.address) as connection:
        some = list(examples(count=10))
        some.append(ds.Example(path="copy", labels=["travel"]))
        some[-1].content.text = COPY
        some.append(ds.Example(path="wrong", labels=["music"]))
        some[-1].content.text = "will it rain in the mountains next month"
        await connection.load("d", some)
        await connection.load("pictures", pictures(2, 4))
        job = await connection.finish((await connection.create("d")).name)
        assert job.state == SUCCEEDED, job.error.message
        yield connection


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def report(trainer: Connection) -> evaluation_pb2.Evaluation:
    return await trainer.report()


async def test_the_backbone_for_texts_is_taken_and_the_classes_are_learnt(
    trainer: Connection, report: evaluation_pb2.Evaluation
) -> None:
    request = ms.GetModelVersionRequest(name=trainer.model())
    version = (await trainer.models.GetModelVersion(request)).version
    assert version.features.backbone == "backbones/minilm"
    assert list(version.labels) == sorted(INTENTS)
    assert report.accuracy.estimate > 0.8


async def test_what_looks_at_pixels_is_left_out(report: evaluation_pb2.Evaluation) -> None:
    assert report.data.modality == backbone_pb2.MODALITY_TEXT
    assert not report.heat_maps
    assert not report.shortcuts
    assert {one.subject for one in report.decisions}.isdisjoint({"views"})


async def test_the_names_of_labels_are_asked_and_the_report_says_what_they_told(
    report: evaluation_pb2.Evaluation,
) -> None:
    (named,) = [one for one in report.decisions if one.subject == "label names"]
    assert named.choice in ("one more example of each class", "not used")
    assert named.reason.startswith("Who knows nothing but the words of the labels is right about")


async def test_texts_that_differ_by_case_and_marks_are_one_group(
    report: evaluation_pb2.Evaluation,
) -> None:
    (group,) = report.near_duplicates
    assert {member.path for member in group.members} == {"copy", "travel 0"}
    assert group.sentence.startswith("2 texts are nearly the same")


async def test_the_page_shows_texts_and_says_nothing_of_pictures(trainer: Connection) -> None:
    request = ms.GetEvaluationRequest(name=trainer.model(), include_html=True)
    page = (await trainer.models.GetEvaluation(request)).html.decode()
    seen = Page(page)
    assert COPY in seen.text
    assert sayings("travel", count=1)[0] in seen.text
    assert "<blockquote>" in page
    assert "<img" not in page
    body = page.partition("</style>")[2].lower()
    for word in ("picture", "image", "photo", "mirror"):
        assert word not in body


async def test_leaks_are_found_among_texts(trainer: Connection) -> None:
    asked = ds.FindNearDuplicatesRequest(dataset=trainer.dataset())
    texts = ["how are you", COPY.lower(), sayings("music", count=1)[0]]
    for number, text in enumerate(texts):
        asked.examples.add(path=f"{number}", labels=["x"]).content.text = text
    picture = next(pictures(1, 1))
    asked.examples.append(picture)
    answer = await trainer.datasets.FindNearDuplicates(iter([asked]))
    found = [(one.position, one.path, one.identical) for one in answer.near_duplicates]
    assert found == [(1, "travel 0", False), (2, "music 0", True)]


@pytest.mark.parametrize(("dataset", "backbone"), [("d", "graft_small_96"), ("pictures", "minilm")])
@pytest.mark.parametrize("only", [True, False])
async def test_a_backbone_of_the_other_modality_is_refused(
    trainer: Connection, dataset: str, backbone: str, only: bool
) -> None:
    spec = training_job_pb2.TrainingSpec(
        dataset=trainer.dataset(dataset),
        model=trainer.model("other"),
        backbone=f"backbones/{backbone}",
    )
    request = trainer_service_pb2.CreateTrainingJobRequest(
        parent=trainer.project, spec=spec, validate_only=only
    )
    if only:
        error = await _refused(trainer, request)
        assert error.reason == "MODALITY_MISMATCH"
        assert f"Received: backbones/{backbone}, which is for" in error.message
    else:
        job = await trainer.finish((await trainer.jobs.CreateTrainingJob(request)).job.name)
        assert job.state == training_job_pb2.JOB_STATE_FAILED
        assert f"Received: backbones/{backbone}, which is for" in job.error.message


async def _refused(
    trainer: Connection, request: trainer_service_pb2.CreateTrainingJobRequest
) -> GraftError:
    with pytest.raises(grpc.RpcError) as caught:
        await trainer.jobs.CreateTrainingJob(request)
    return from_rpc_error(caught.value, target="trainer")


async def test_an_estimate_is_of_the_backbone_for_texts(trainer: Connection) -> None:
    spec = training_job_pb2.TrainingSpec(dataset=trainer.dataset(), model=trainer.model("m"))
    request = trainer_service_pb2.CreateTrainingJobRequest(
        parent=trainer.project, spec=spec, validate_only=True
    )
    estimate = (await trainer.jobs.CreateTrainingJob(request)).estimate
    assert (estimate.backbone, estimate.uncached_count) == ("backbones/minilm", 0)
