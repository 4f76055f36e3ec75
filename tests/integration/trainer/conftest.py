"""One trainer and one embedder for the tests of a module; each test has a project of its own."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.support.embedder import FakeEmbedder
from tests.support.trainer import Connection, running

_PROJECTS = itertools.count()


@pytest.fixture(scope="module")
def shared_embedder() -> Iterator[FakeEmbedder]:
    with FakeEmbedder() as server:
        yield server


@pytest.fixture
def embedder(shared_embedder: FakeEmbedder) -> FakeEmbedder:
    """As if it had just been started."""
    shared_embedder.servicer.reset()
    return shared_embedder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_trainer(
    tmp_path_factory: pytest.TempPathFactory, shared_embedder: FakeEmbedder
) -> AsyncIterator[Connection]:
    async with running(tmp_path_factory.mktemp("trainer"), shared_embedder.address) as connection:
        yield connection


@pytest.fixture
def trainer(shared_trainer: Connection, embedder: FakeEmbedder) -> Connection:
    """The shared trainer, in a project that no other test uses."""
    project = f"p{next(_PROJECTS)}"
    return Connection(shared_trainer.channel, shared_trainer.store_url, project)
