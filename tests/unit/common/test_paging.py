from __future__ import annotations

import pytest

from graft.errors import InvalidArgument
from services.common.paging import (
    DEFAULT_PAGE_SIZE,
    MAX_PAGE_SIZE,
    make_token,
    page_size,
    read_token,
    take_page,
)


def pages(entries: list[str], size: int) -> list[list[str]]:
    found, token = [], ""
    while True:
        page, token = take_page(entries, str, size=size, token=token)
        found.append(page)
        if not token:
            return found


@pytest.mark.parametrize("size", [1, 2, 3, 7, 10, 11])
def test_pages_together_hold_every_entry_once(size: int) -> None:
    entries = [f"n{number:02d}" for number in range(10)]
    found = pages(entries, size)
    assert [entry for page in found for entry in page] == entries
    assert all(len(page) == size for page in found[:-1])
    assert found[-1]


def test_no_entries_make_one_empty_page() -> None:
    assert take_page([], str, size=5, token="") == ([], "")


def test_an_entry_that_went_or_came_does_not_shift_the_pages() -> None:
    first, token = take_page(["a", "b", "c", "d"], str, size=2, token="")
    assert first == ["a", "b"]
    assert take_page(["a", "bb", "d"], str, size=2, token=token) == (["bb", "d"], "")


def test_sizes_follow_the_rules() -> None:
    assert page_size(0) == DEFAULT_PAGE_SIZE
    assert page_size(7) == 7
    assert page_size(10**6) == MAX_PAGE_SIZE
    with pytest.raises(InvalidArgument, match="Received: -1") as caught:
        page_size(-1)
    assert caught.value.field == "page_size"


@pytest.mark.parametrize("key", ["", "a", "projects/p/datasets/ä", "x" * 300])
def test_tokens_come_back_as_keys(key: str) -> None:
    assert read_token(make_token(key)) == key


@pytest.mark.parametrize("token", ["!", "abc", "é", "////", "_w=="])
def test_a_token_of_ones_own_making_is_refused(token: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        read_token(token)
    assert caught.value.field == "page_token"
