"""The pictures of shared/pretrain: tar shards of WebP files named `{synset}/{number}.webp`."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from services.embedder.distill.pictures import Source

COUNT: Final = 60_000
SIDE: Final = 64


def sources(folder: Path) -> Iterator[Source]:
    """Every picture, shard by shard. Raises FileNotFoundError where there is no shard."""
    shards = sorted(folder.glob("pretrain-*.tar"))
    if not shards:
        raise FileNotFoundError(f"no pretrain-*.tar in {folder}")
    for shard in shards:
        with tarfile.open(shard) as tar:
            for member in tar:
                content = tar.extractfile(member)
                if content is not None:
                    yield Source(content.read(), member.name.partition("/")[0])
