"""Shards: tar files of pictures under the names of their classes."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from services.embedder.distill.pictures import Source
from tools.pretrain.shards import sources


def test_pictures_come_shard_by_shard_with_the_class_of_their_name(tmp_path: Path) -> None:
    for shard, names in enumerate((["n1/0.webp", "n2/1.webp"], ["n1/2.webp"])):
        with tarfile.open(tmp_path / f"pretrain-{shard:02d}.tar", "w") as tar:
            for name in names:
                member = tarfile.TarInfo(name)
                member.size = len(name)
                tar.addfile(member, io.BytesIO(name.encode()))
    assert list(sources(tmp_path)) == [
        Source(b"n1/0.webp", "n1"),
        Source(b"n2/1.webp", "n2"),
        Source(b"n1/2.webp", "n1"),
    ]


def test_no_shard_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"pretrain-\*\.tar"):
        next(sources(tmp_path))
