"""Data sets and models over gRPC: told, listed page by page, deleted, refused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import grpc
import pytest

from graft.common.v1 import content_pb2, info_service_pb2, info_service_pb2_grpc
from graft.errors import GraftError
from graft.status import from_rpc_error
from graft.trainer.v1 import dataset_service_pb2 as ds
from graft.trainer.v1 import model_service_pb2 as ms
from services.common.image import DEFAULT_LIMITS
from services.trainer.data import leaks
from tests.support.copies import copies, jpeg, scene
from tests.support.trainer import Connection, pictures

pytestmark = pytest.mark.asyncio(loop_scope="module")


WRONG = [
    (ms.SetAliasRequest(name="projects/p/models/m/aliases/a", version=0), "version"),
    (ms.SetAliasRequest(name="projects/p/models/m", version=1), "name"),
    (ms.GetModelRequest(name="m"), "name"),
    (ms.ListModelsRequest(parent="p"), "parent"),
    (ms.ListModelsRequest(parent="projects/p", page_size=-1), "page_size"),
    (ms.ListModelsRequest(parent="projects/p", page_token="!"), "page_token"),
    (ms.GetEvaluationRequest(name="projects/p/models/a/b"), "name"),
    (ds.GetDatasetRequest(name="d"), "name"),
    (ds.ListDatasetsRequest(parent="projects"), "parent"),
    (ds.DeleteDatasetRequest(name=""), "name"),
]


def translated(error: grpc.RpcError) -> GraftError:
    return from_rpc_error(error, target="trainer")


async def test_a_data_set_is_told_by_version(trainer: Connection) -> None:
    await trainer.load("d", pictures(2, 3))
    await trainer.load("d", pictures(3, 2))
    name = trainer.dataset()
    newest = await trainer.datasets.GetDataset(ds.GetDatasetRequest(name=name))
    assert (newest.dataset.version, list(newest.versions)) == (2, [1, 2])
    assert [count.example_count for count in newest.dataset.labels] == [2, 2, 2]
    first = await trainer.datasets.GetDataset(ds.GetDatasetRequest(name=name, version=1))
    assert [count.example_count for count in first.dataset.labels] == [3, 3]
    with pytest.raises(grpc.RpcError) as caught:
        await trainer.datasets.GetDataset(ds.GetDatasetRequest(name=name, version=7))
    assert "versions 1 to 2. Received: 7" in translated(caught.value).message


async def test_data_sets_are_listed_by_name_page_by_page(trainer: Connection) -> None:
    for name in ("c", "a", "d", "b"):
        await trainer.load(name, pictures(1, 1))
    request = ds.ListDatasetsRequest(parent=trainer.project, page_size=3)
    first = await trainer.datasets.ListDatasets(request)
    request.page_token = first.next_page_token
    await trainer.datasets.DeleteDataset(
        ds.DeleteDatasetRequest(name=trainer.dataset("c"))
    )  # the last one told
    rest = await trainer.datasets.ListDatasets(request)
    names = [dataset.name.rpartition("/")[2] for dataset in [*first.datasets, *rest.datasets]]
    assert names == ["a", "b", "c", "d"]
    assert rest.next_page_token == ""


async def test_a_deleted_data_set_is_gone_and_its_name_free(trainer: Connection) -> None:
    request = ds.DeleteDatasetRequest(name=trainer.dataset())
    for exists in (True, False):
        if exists:
            await trainer.load("d", pictures(1, 2))
            await trainer.datasets.DeleteDataset(request)
        with pytest.raises(grpc.RpcError) as caught:
            await trainer.datasets.DeleteDataset(request)
        assert translated(caught.value).code == "NOT_FOUND"
    assert (await trainer.load("d", pictures(1, 1))).version == 1


async def test_imports_that_are_broken_off_leave_nothing(trainer: Connection) -> None:
    """gRPC tells the server of a broken stream as of a complete one: it must tell them apart."""
    for number in range(20):
        call = trainer.datasets.ImportExamples()
        request = ds.ImportExamplesRequest(
            dataset=trainer.dataset(f"d{number}"), examples=list(pictures(1, 3))
        )
        await call.write(request)
        await asyncio.sleep(number / 2000)
        call.cancel()
    await trainer.load("whole", pictures(1, 1))
    listed = await trainer.datasets.ListDatasets(ds.ListDatasetsRequest(parent=trainer.project))
    assert [dataset.name for dataset in listed.datasets] == [trainer.dataset("whole")]


async def test_an_import_whose_client_fails_leaves_nothing(trainer: Connection) -> None:
    def broken() -> Iterator[ds.ImportExamplesRequest]:
        yield ds.ImportExamplesRequest(dataset=trainer.dataset(), examples=list(pictures(1, 5)))
        raise RuntimeError("the disk is gone")

    with pytest.raises((grpc.RpcError, asyncio.CancelledError)):
        await trainer.datasets.ImportExamples(broken())
    listed = await trainer.datasets.ListDatasets(ds.ListDatasetsRequest(parent=trainer.project))
    assert not listed.datasets


async def test_models_are_told_aliased_and_deleted(trainer: Connection) -> None:
    await trainer.load("d", pictures(2, 4))
    for _ in range(2):
        await trainer.finish((await trainer.create("d", "pets")).name)
    name = trainer.model("pets")
    alias = ms.SetAliasRequest(name=f"{name}/aliases/old", version=1)
    model = (await trainer.models.SetAlias(alias)).model
    assert (list(model.versions), dict(model.aliases)) == ([1, 2], {"live": 2, "old": 1})
    for asked, wanted in ((name, 2), (f"{name}/aliases/old", 1), (f"{name}/versions/2", 2)):
        request = ms.GetModelVersionRequest(name=asked)
        assert (await trainer.models.GetModelVersion(request)).version.version == wanted
    listed = await trainer.models.ListModels(ms.ListModelsRequest(parent=trainer.project))
    assert list(listed.models) == [model]
    await trainer.models.DeleteModel(ms.DeleteModelRequest(name=name))
    with pytest.raises(grpc.RpcError) as caught:
        await trainer.models.GetModel(ms.GetModelRequest(name=name))
    assert translated(caught.value).code == "NOT_FOUND"
    again = await trainer.finish((await trainer.create("d", "pets")).name)
    assert again.result.version == 1


async def test_a_wrong_field_is_named(trainer: Connection) -> None:
    for request, field in WRONG:
        method = type(request).__name__.removesuffix("Request")
        stub = trainer.models if hasattr(trainer.models, method) else trainer.datasets
        with pytest.raises(grpc.RpcError) as caught:
            await getattr(stub, method)(request)
        error = translated(caught.value)
        assert (error.code, error.field) == ("INVALID_ARGUMENT", field), method


async def test_the_trainer_says_what_it_accepts(trainer: Connection) -> None:
    stub = info_service_pb2_grpc.InfoServiceStub(trainer.channel)
    info = await stub.GetServerInfo(info_service_pb2.GetServerInfoRequest())
    assert info.service == "trainer"
    assert info.max_items_per_request > 0
    assert info.max_image_bytes == DEFAULT_LIMITS.max_bytes


async def leaked(
    trainer: Connection, files: list[bytes], version: int = 0
) -> list[tuple[int, str, bool]]:
    requests = [ds.FindNearDuplicatesRequest(dataset=trainer.dataset(), version=version)]
    for number, data in enumerate(files):
        example = ds.Example(path=f"{number}", content=content_pb2.Content(image=data))
        requests.append(ds.FindNearDuplicatesRequest(examples=[example]))
    answer = await trainer.datasets.FindNearDuplicates(iter(requests))
    return [(one.position, one.path, one.identical) for one in answer.near_duplicates]


def scenes(count: int) -> Iterator[ds.Example]:
    for number in range(count):
        content = content_pb2.Content(image=jpeg(scene(number)))
        yield ds.Example(path=f"{number}.jpg", labels=[f"{number % 2}"], content=content)


async def test_what_is_in_a_data_set_already_is_found_again(trainer: Connection) -> None:
    await trainer.load("d", scenes(8))
    small = copies(scene(3))["resized"]
    found = await leaked(trainer, [jpeg(scene(100)), jpeg(scene(5)), b"no picture", small])
    assert found == [(1, "5.jpg", True), (3, "3.jpg", False)]
    await trainer.load("d", scenes(2))
    assert await leaked(trainer, [jpeg(scene(5))]) == []
    assert await leaked(trainer, [jpeg(scene(5))], version=1) == [(0, "5.jpg", True)]
    assert await leaked(trainer, []) == []


async def test_a_comparison_with_nothing_is_refused(
    trainer: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        await trainer.datasets.FindNearDuplicates(iter([]))
    assert translated(caught.value).code == "INVALID_ARGUMENT"
    with pytest.raises(grpc.RpcError) as caught:
        await leaked(trainer, [b""])
    assert translated(caught.value).code == "NOT_FOUND"
    await trainer.load("d", scenes(4))
    monkeypatch.setattr(leaks, "MAX_COMPARED", 3)
    with pytest.raises(grpc.RpcError) as caught:
        await leaked(trainer, [b""])
    error = translated(caught.value)
    assert (error.code, error.field, error.metadata["limit"]) == (
        "RESOURCE_EXHAUSTED",
        "dataset",
        "3",
    )
    await trainer.load("d", scenes(3))
    with pytest.raises(grpc.RpcError) as caught:
        await leaked(trainer, [b""] * 4)
    assert translated(caught.value).field == "examples"
    monkeypatch.setattr(leaks, "MAX_COMPARISONS", 0)
    with pytest.raises(grpc.RpcError) as caught:
        await leaked(trainer, [b""])
    assert translated(caught.value).code == "UNAVAILABLE"
