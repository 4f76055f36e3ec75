"""A local file that appears whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.common.store.newfile import new_file


def test_the_error_of_the_writer_is_the_one_that_is_told(tmp_path: Path) -> None:
    """Also where the unfinished file cannot be removed: here its folder became a file."""
    folder = tmp_path / "folder"
    with pytest.raises(ValueError, match="the news"), new_file(folder / "f"):
        _make_a_file_of(folder)


def _make_a_file_of(folder: Path) -> None:
    for left in folder.iterdir():
        left.unlink()
    folder.rmdir()
    folder.touch()
    raise ValueError("the news")


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    with new_file(tmp_path / "a" / "f") as file:
        file.write(b"1")
        assert not (tmp_path / "a" / "f").exists()
    assert [path.read_bytes() for path in (tmp_path / "a").iterdir()] == [b"1"]
