"""A data set in a store, imported without a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from graft.common.v1 import content_pb2
from graft.names import DatasetName
from graft.trainer.v1 import dataset_pb2
from graft.trainer.v1 import dataset_service_pb2 as pb
from services.common.blocking import Bridge
from services.common.store import Store
from services.trainer.data.catalogue import Catalogue
from services.trainer.data.importer import Importer

Files = Sequence[tuple[str, str, bytes | str]]
"""Labels with a bar between them, path, content: an image or a text."""


def bring(store: Store, name: DatasetName, files: Files) -> None:
    """Make a new version of a data set of these files."""
    examples = [
        pb.Example(
            path=path,
            labels=[one for one in label.split("|") if one],
            content=_content(data),
        )
        for label, path, data in files
    ]
    bring_examples(store, name, examples)


def bring_examples(
    store: Store, name: DatasetName, examples: Sequence[pb.Example]
) -> dataset_pb2.Dataset:
    """Make a new version of a data set of these examples."""
    decoders, writers = Bridge("decode", 2), Bridge("import", 1)
    try:
        importer = Importer(Catalogue(store), decoders=decoders, writers=writers)
        return asyncio.run(_run(importer, name, examples))
    finally:
        decoders.close()
        writers.close()


async def _run(
    importer: Importer, name: DatasetName, examples: Sequence[pb.Example]
) -> dataset_pb2.Dataset:
    return await importer.run(_requests(name, examples))


async def _requests(
    name: DatasetName, examples: Sequence[pb.Example]
) -> AsyncIterator[pb.ImportExamplesRequest]:
    yield pb.ImportExamplesRequest(dataset=str(name), examples=examples)
    yield pb.ImportExamplesRequest(last=True)


def _content(data: bytes | str) -> content_pb2.Content:
    if isinstance(data, str):
        return content_pb2.Content(text=data)
    return content_pb2.Content(image=data)
