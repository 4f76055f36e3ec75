"""Lists come in pages; this walks them."""

from __future__ import annotations

from typing import Any, Final

from graft.client.connection import Connection

PAGE_SIZE: Final = 1000


async def every(connection: Connection, area: str, method: str, request: Any, field: str) -> Any:
    """Answer the messages of `field` of all pages, in order; `request` is used up."""
    found: list[Any] = []
    request.page_size = PAGE_SIZE
    while True:
        page = await connection.call(area, method, request)
        found.extend(getattr(page, field))
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token
