"""Preparing pictures: decoded once, what is damaged passed over, bounds kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from graft.errors import InvalidArgument, ResourceExhausted
from services.embedder.distill.pictures import MAX_PICTURES, MIN_PICTURES, Source, prepare
from tests.support.pupils import CLASSES, COUNT, SIDE, pictures, sources


def never() -> Iterator[Source]:
    """Sources that break when they are read."""
    for data in (b"",):
        assert data, "read again"
        yield Source(data)


def test_pictures_are_squares_with_their_classes(tmp_path: Path) -> None:
    found = pictures(tmp_path)
    assert found.pixels.shape == (COUNT, SIDE, SIDE, 3)
    assert found.classes == tuple(f"class{number}" for number in range(CLASSES))
    assert np.array_equal(found.labels, np.arange(COUNT) % CLASSES)


def test_what_is_prepared_is_not_read_again(tmp_path: Path) -> None:
    first = pictures(tmp_path)
    again = prepare(tmp_path, never(), COUNT, SIDE)
    assert np.array_equal(first.pixels, again.pixels)


def test_a_preparation_that_broke_off_is_made_anew(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        prepare(tmp_path, never(), COUNT, SIDE)
    assert len(pictures(tmp_path)) == COUNT


def test_damaged_files_are_passed_over(tmp_path: Path) -> None:
    given = [Source(b"no picture", "class0"), *sources()]
    found = prepare(tmp_path, iter(given), len(given), SIDE)
    assert len(found) == COUNT
    assert found.labels[0] == 0


def test_pictures_without_a_class_have_none(tmp_path: Path) -> None:
    given = [Source(each.content) for each in sources()]
    found = prepare(tmp_path, iter(given), len(given), SIDE)
    assert found.classes == ()
    assert (found.labels == -1).all()


def test_too_few_and_too_many_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=f"at least {MIN_PICTURES}.*got 3"):
        prepare(tmp_path, iter(sources(3)), 3, SIDE)
    with pytest.raises(ResourceExhausted, match=f"at most {MAX_PICTURES}"):
        prepare(tmp_path, never(), MAX_PICTURES + 1, SIDE)
