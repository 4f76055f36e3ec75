"""One client, two suites: the real services, and the fake that the client's own tests lean on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import graft
from graft import Addresses, Client, Example
from graft.client.loop import LoopThread
from tests.support.fake_suite import FakeSuite, fake_suite
from tests.support.images import encode
from tests.support.suite import Suite

COLOURS = {"blue": (0, 0, 200), "green": (0, 200, 0), "red": (200, 0, 0)}
CLASS_SIZE = 4


async def _make() -> AbstractAsyncContextManager[FakeSuite]:
    return fake_suite()


@contextmanager
def _fake(folder: Path) -> Iterator[Addresses]:
    loop = LoopThread()
    context = loop.run(_make())
    running = loop.run(context.__aenter__())
    yield running.addresses
    loop.run(context.__aexit__(None, None, None))
    loop.close()


@contextmanager
def _real(folder: Path) -> Iterator[Addresses]:
    with Suite(folder) as suite:
        yield Addresses(**suite.address)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(_fake, id="fake"),
        pytest.param(_real, id="real", marks=[pytest.mark.e2e, pytest.mark.timeout(180)]),
    ],
)
def client(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Client]:
    """A client in front of one suite, for all tests of this file."""
    with (
        request.param(tmp_path_factory.mktemp("suite")) as addresses,
        Client(addresses=addresses) as opened,
    ):
        yield opened


def picture(label: str, number: int) -> bytes:
    colour = tuple(max(0, part - 5 * number) for part in COLOURS[label])
    return encode(Image.new("RGB", (24, 24), colour), "PNG")


def examples() -> list[Example]:
    return [
        Example(f"{label}/{number}.png", label, picture(label, number))
        for label in COLOURS
        for number in range(CLASS_SIZE)
    ]


@pytest.fixture(scope="module")
def trained(client: Client) -> Client:
    client.import_examples("hues", examples())
    client.wait(client.train("hues").name)
    return client


def test_limits_are_published(client: Client) -> None:
    for service in ("embedder", "trainer", "predictor"):
        info = client.server_info(service)
        assert info.max_items >= 1
        assert info.max_message_bytes >= 1 << 20
        assert 0 < info.max_image_bytes <= info.max_message_bytes
        assert info.max_image_pixels > 0


def test_an_import_counts_and_names_what_it_refuses(client: Client) -> None:
    bad = [
        Example("bad.png", "red", b"no image"),
        Example("told.png", "red", graft.Problem("NOT_FOUND", "there is no file told.png")),
    ]
    first = client.import_examples("counted", [*examples(), *bad])
    assert first.name == "projects/default/datasets/counted"
    assert first.labels == dict.fromkeys(COLOURS, CLASS_SIZE)
    assert (first.example_count, first.rejected_count) == (12, 2)
    assert {issue.path for issue in first.issues} == {"bad.png", "told.png"}
    again = client.import_examples("counted", examples()[:4], append=False)
    assert (again.version, again.labels) == (first.version + 1, {"blue": 4})
    assert client.datasets.get("counted").labels == {"blue": 4}
    assert "counted" in {one.name.rpartition("/")[2] for one in client.datasets.list()}
    client.datasets.delete("counted")
    with pytest.raises(graft.NotFound):
        client.datasets.get("counted")


def test_a_job_tells_its_life_in_order_and_can_be_told_again(trained: Client) -> None:
    job = trained.train("hues", request_id="told-again")
    assert trained.train("hues", request_id="told-again").name == job.name
    events = list(trained.watch(job.id))
    assert [event.revision for event in events] == list(range(1, len(events) + 1))
    assert (events[0].kind, events[-1].kind) == ("queued", "succeeded")
    assert [event.kind for event in trained.watch(job.id, after_revision=1)] == [
        event.kind for event in events[1:]
    ]
    done = trained.wait(job.id)
    assert (done.state, done.revision) == ("SUCCEEDED", len(events))
    assert done.result is not None
    assert done.result.model_version == f"{done.model}/versions/{done.result.version}"
    assert done.result.accuracy is not None
    assert job.name in {one.name for one in trained.jobs.list()}


def test_a_job_that_ended_cannot_be_cancelled(trained: Client) -> None:
    job = trained.wait(trained.train("hues").id)
    with pytest.raises(graft.FailedPrecondition) as caught:
        trained.cancel(job.id)
    assert caught.value.reason == "JOB_STATE"


def test_a_job_that_succeeded_has_kept_its_best(trained: Client) -> None:
    job = trained.wait(trained.train("hues").id)
    assert trained.cancel(job.id, keep_best=True) == job


def test_one_class_cannot_be_trained_on(client: Client) -> None:
    client.import_examples("lonely", examples()[:CLASS_SIZE])
    with pytest.raises(graft.FailedPrecondition) as caught:
        client.wait(client.train("lonely").name)
    assert caught.value.reason == "DATASET_UNTRAINABLE"


def test_an_estimate_counts_the_examples(trained: Client) -> None:
    told = trained.estimate("hues")
    assert told.example_count == 12
    assert told.backbone.startswith("backbones/")


def test_predictions(trained: Client) -> None:
    items = [picture(label, 0) for label in ("red", "green", "blue")]
    answers = trained.predict("hues", items)
    assert [one.label for one in answers] == ["red", "green", "blue"]
    for one in answers:
        assert set(one.scores) == set(COLOURS)
        assert one.score == max(one.scores.values()) == one.scores[one.label]
        assert sum(one.scores.values()) == pytest.approx(1, abs=1e-3)
    assert trained.predict_many(["hues"], items)["hues"] == answers


def test_a_bad_item_is_named_and_the_others_are_answered(trained: Client) -> None:
    items = [picture("red", 0), b"no image", picture("blue", 0), b""]
    answers = list(trained.predict_each("hues", items))
    assert [isinstance(one, graft.InvalidArgument) for one in answers] == [
        False,
        True,
        False,
        True,
    ]
    with pytest.raises(graft.InvalidArgument) as caught:
        trained.predict("hues", items)
    assert caught.value.reason == "IMAGE_UNDECODABLE"
    assert caught.value.field.startswith("items[1]")


def test_evaluation_of_the_very_examples(trained: Client) -> None:
    found = trained.evaluate("hues", examples())
    assert (found.count, found.accuracy.estimate) == (12, 1.0)


def test_the_report(trained: Client) -> None:
    report = trained.report("hues")
    assert report.evaluation.model_version.startswith("projects/default/models/hues/versions/")
    assert report.evaluation.method == "cross-validation"
    assert {one.label for one in report.evaluation.per_class} == set(COLOURS)
    assert "<html" in report.html


def test_versions_and_aliases(trained: Client) -> None:
    trained.wait(trained.train("hues").name)
    model = trained.models.get("hues")
    newest = model.versions[-1]
    assert model.aliases["live"] == newest
    assert trained.models.version("hues").version == newest
    assert trained.models.version("hues/1").version == 1
    assert trained.models.promote("hues", 1, alias="first").aliases["first"] == 1
    assert set(trained.models.version("hues@first").labels) == set(COLOURS)
    version = trained.models.version("hues/1")
    known = {endpoint.name for endpoint in trained.backbones.get(version.backbone).endpoints}
    assert version.endpoints
    assert set(version.endpoints) <= known
    with pytest.raises(graft.NotFound):
        trained.models.promote("hues", 999)
    with pytest.raises(graft.NotFound):
        trained.predict("hues@nobody", [picture("red", 0)])


@pytest.mark.parametrize("model", ["nobody", "hues/999", "hues@nobody"])
def test_what_is_not_there_is_not_found_everywhere(trained: Client, model: str) -> None:
    for ask in (trained.models.version, trained.report):
        with pytest.raises(graft.NotFound):
            ask(model)
    with pytest.raises(graft.NotFound):
        trained.jobs.get("nobody")
    with pytest.raises(graft.NotFound):
        trained.backbones.get("nobody")


def test_the_catalogue(client: Client) -> None:
    first = client.backbones.list()[0]
    assert first.modality == "image"
    assert "default" in {endpoint.name for endpoint in first.endpoints}
    loaded = client.backbones.load(first.id)
    assert (loaded.digest, bool(loaded.engine)) == (first.digest, True)


def test_vectors_of_a_backbone(client: Client) -> None:
    first = client.backbones.list()[0]
    items = [picture(label, 0) for label in COLOURS]
    (dim,) = {one.dim for one in first.endpoints if one.name == "default"}
    vectors = client.backbones.embed(f"{first.id}@{first.digest}", items)
    assert vectors.shape == (len(items), dim)
    assert np.allclose(client.backbones.embed(first.id, items[1:2])[0], vectors[1], atol=1e-4)
    assert client.backbones.embed(first.id, []).shape[0] == 0
    with pytest.raises(graft.NotFound):
        client.backbones.embed("nobody", items)
    with pytest.raises(graft.InvalidArgument, match=r"items\[1\]"):
        client.backbones.embed(first.id, [items[0], b"no image"])


def test_a_model_that_is_deleted_is_gone(client: Client) -> None:
    client.import_examples("brief", examples())
    client.wait(client.train("brief").name)
    client.models.delete("brief")
    with pytest.raises(graft.NotFound):
        client.models.get("brief")
    assert "brief" not in {one.id for one in client.models.list()}
