"""An importer without a server, and what it imports into."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.common.blocking import Bridge
from services.common.store import open_store
from services.trainer.data.catalogue import Catalogue
from services.trainer.data.importer import MAX_IMPORTS, Importer


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue(open_store(str(tmp_path), {}))


@pytest.fixture
def importer(catalogue: Catalogue) -> Iterator[Importer]:
    decoders, writers = Bridge("decode", 2), Bridge("import", MAX_IMPORTS)
    yield Importer(catalogue, decoders=decoders, writers=writers)
    decoders.close()
    writers.close()
