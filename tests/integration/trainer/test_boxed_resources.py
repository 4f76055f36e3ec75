"""Pictures with boxes over gRPC, and data sets that an older suite wrote."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import pyarrow as pa
import pytest

from graft.names import DatasetName
from graft.status import from_rpc_error
from graft.trainer.v1 import dataset_service_pb2 as ds
from services.common import layout
from services.common.store import open_store
from services.trainer.lance_table import LanceTable
from tests.support.imports import box, boxed, image
from tests.support.trainer import Connection, pictures

pytestmark = pytest.mark.asyncio(loop_scope="module")

CAT = box("cat", 1, 2, 9, 8)


async def test_boxes_are_told_by_data_set(trainer: Connection) -> None:
    some = [
        boxed("a.png", image(1), CAT, box("dog", 3, 2, 9, 8)),
        boxed("none.png", image(2)),
        boxed("bad.png", image(3), box("dog", 300, 2, 9, 8, origin="b.json annotation 4")),
    ]
    await trainer.load("d", some)
    request = ds.GetDatasetRequest(name=trainer.dataset())
    dataset = (await trainer.datasets.GetDataset(request)).dataset
    assert dataset.boxed
    assert [(one.label, one.box_count) for one in dataset.labels] == [("cat", 1), ("dog", 1)]
    assert (dataset.summary.example_count, dataset.summary.rejected_count) == (2, 1)
    (issue,) = dataset.summary.issues
    assert issue.message.startswith("b.json annotation 4, 'dog': it lies ")


async def test_a_test_with_boxes_is_compared_by_its_pictures(trainer: Connection) -> None:
    await trainer.load("d", [boxed("a.png", image(1), CAT)])

    async def test() -> AsyncIterator[ds.FindNearDuplicatesRequest]:
        yield ds.FindNearDuplicatesRequest(dataset=trainer.dataset())
        more = [boxed("x.png", image(2), CAT), boxed("y.png", image(1), box("cat", 0, 0, 5, 5))]
        yield ds.FindNearDuplicatesRequest(examples=more)

    found = await trainer.datasets.FindNearDuplicates(test())
    assert [(one.position, one.path, one.identical) for one in found.near_duplicates] == [
        (1, "a.png", True)
    ]


async def test_what_an_older_suite_wrote_is_told_and_made_anew_by_an_import(
    trainer: Connection,
) -> None:
    await trainer.load("new", pictures(2, 2))
    name = DatasetName.parse(trainer.dataset("old"))
    schema = pa.schema([pa.field("key", pa.binary(32), nullable=False)])
    with open_store(trainer.store_url, {}) as store:
        table = LanceTable(store, layout.dataset_table(name), schema)
        table.replace([pa.record_batch([pa.array([bytes(32)], pa.binary(32))], schema=schema)])
    listed = await trainer.datasets.ListDatasets(ds.ListDatasetsRequest(parent=trainer.project))
    assert [one.name for one in listed.datasets] == [trainer.dataset("new"), str(name)]
    (warning,) = listed.datasets[1].summary.warnings
    assert "imported by another version of the suite and is not read; import it again" in warning
    with pytest.raises(grpc.RpcError) as caught:
        await trainer.datasets.GetDataset(ds.GetDatasetRequest(name=str(name)))
    assert from_rpc_error(caught.value, target="trainer").code == "FAILED_PRECONDITION"
    assert (await trainer.load("old", pictures(2, 2))).version == 2
