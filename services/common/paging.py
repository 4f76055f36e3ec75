"""Pages of lists, after AIP-158: one helper for every List method.

A token is the sort key of the last entry told, so that it needs no memory in the server and stays
right while entries come and go.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from graft.errors import InvalidArgument

T = TypeVar("T")

DEFAULT_PAGE_SIZE: Final = 100
MAX_PAGE_SIZE: Final = 1_000


def page_size(asked: int) -> int:
    """How many entries a page has; 0 asks for the default. Raises InvalidArgument below 0."""
    if asked < 0:
        raise InvalidArgument(
            f"page_size must be 0 or more; 0 means {DEFAULT_PAGE_SIZE}, more than {MAX_PAGE_SIZE}"
            f" is cut. Received: {asked}",
            field="page_size",
        )
    return min(asked or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)


def take_page(
    entries: Iterable[T], key: Callable[[T], str], *, size: int, token: str
) -> tuple[list[T], str]:
    """The entries behind the token, at most `page_size(size)`, and the token of the next page.

    `entries` ascend by `key`, whose values differ. The token is empty at the end.
    """
    most, after = page_size(size), read_token(token)
    page: list[T] = []
    for entry in entries:
        if token and key(entry) <= after:
            continue
        if len(page) == most:
            return page, make_token(key(page[-1]))
        page.append(entry)
    return page, ""


def make_token(key: str) -> str:
    """A key as a token."""
    return base64.urlsafe_b64encode(key.encode()).decode()


def read_token(token: str) -> str:
    """The key of a token; raises InvalidArgument for one that no answer carried."""
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidArgument(
            "page_token must be the next_page_token of the answer before, or empty."
            f" Received: {token!r}",
            field="page_token",
        ) from error
