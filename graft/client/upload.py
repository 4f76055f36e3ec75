"""Examples as a stream of messages that fit the server's limits.

Files are read in a thread, one message ahead of the wire and no further: gRPC asks for the next
message when the last one has left, so memory is bounded by MESSAGE_BYTES, not by the data set.
What is fetched from a URL is waited for, mostly: FETCHES of them are under way at once, and at most
so many more files are in memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from graft.client.connection import ServerInfo
from graft.client.sizes import checked_size, most_bytes
from graft.content import MESSAGE_SLACK_BYTES, Problem, Url, display_path, load, parts_of
from graft.errors import GraftError, InvalidArgument
from graft.examples import Example
from graft.trainer.v1 import dataset_service_pb2

MESSAGE_BYTES: Final = 4 * 1024 * 1024
"""What a message is filled up to: small enough for progress to move, large enough to be cheap."""

MESSAGE_EXAMPLES: Final = 500
FETCHES: Final = 8


@dataclass(frozen=True, slots=True)
class UploadProgress:
    """How much has been handed to the wire."""

    examples: int
    size_bytes: int


class Upload:
    """One import on its way; `failure` is what ended `messages` before its time.

    gRPC answers a stream of requests that raises with a cancelled call and keeps the reason to
    itself, so it is kept here for the caller.
    """

    def __init__(
        self,
        dataset: str,
        *,
        append: bool,
        on_progress: Callable[[UploadProgress], None] | None = None,
    ) -> None:
        self.failure: Exception | None = None
        self._dataset = dataset
        self._append = append
        self._on_progress = on_progress
        self._done = UploadProgress(0, 0)

    async def messages(
        self, examples: Iterable[Example], limits: ServerInfo
    ) -> AsyncGenerator[Any, None]:
        """Yield ImportExamplesRequests; raise InvalidArgument when there is not one example."""
        try:
            some = chunks(examples, limits)
            while chunk := await asyncio.to_thread(next, some, None):
                yield self._message(chunk)
                self._advance(chunk)
            if not self._done.examples:
                raise InvalidArgument("a data set needs at least one example. Received: none")
            yield dataset_service_pb2.ImportExamplesRequest(last=True)
        except Exception as error:
            self.failure = error
            raise

    def _message(self, chunk: list[Any]) -> Any:
        if self._done.examples:
            return dataset_service_pb2.ImportExamplesRequest(examples=chunk)
        return dataset_service_pb2.ImportExamplesRequest(
            dataset=self._dataset, mode=_mode(self._append), examples=chunk
        )

    def _advance(self, chunk: list[Any]) -> None:
        size = sum(one.ByteSize() for one in chunk)
        self._done = UploadProgress(self._done.examples + len(chunk), self._done.size_bytes + size)
        if self._on_progress is not None:
            self._on_progress(self._done)


def _mode(append: bool) -> Any:
    if append:
        return dataset_service_pb2.IMPORT_MODE_APPEND
    return dataset_service_pb2.IMPORT_MODE_REPLACE


def chunks(examples: Iterable[Example], limits: ServerInfo) -> Iterator[list[Any]]:
    """Examples in order, read and packed for the wire, grouped: a message is closed before it
    would grow over its bounds."""
    bound = min(MESSAGE_BYTES, limits.max_message_bytes - MESSAGE_SLACK_BYTES)
    count = min(MESSAGE_EXAMPLES, limits.max_items)
    chunk: list[Any] = []
    size = 0
    for packed in _in_order(examples, limits):
        own = packed.ByteSize() + 8
        if chunk and (size + own > bound or len(chunk) >= count):
            yield chunk
            chunk, size = [], 0
        chunk.append(packed)
        size += own
    if chunk:
        yield chunk


def _in_order(examples: Iterable[Example], limits: ServerInfo) -> Iterator[Any]:
    waiting: deque[Callable[[], Any]] = deque()
    pool = ThreadPoolExecutor(FETCHES, "fetch")
    try:
        for example in examples:
            if _is_fetched(example):
                waiting.append(pool.submit(pack, example, limits).result)
            else:
                waiting.append(partial(pack, example, limits))
            if len(waiting) >= FETCHES:
                yield waiting.popleft()()
        while waiting:
            yield waiting.popleft()()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _is_fetched(example: Example) -> bool:
    source = example.source
    return not isinstance(source, Problem) and isinstance(parts_of(source)[0], Url)


def pack(example: Example, limits: ServerInfo) -> Any:
    """Read one example for the wire; a file that cannot be read or sent becomes a problem."""
    path = display_path(example.path)
    packed = dataset_service_pb2.Example(path=path, labels=example.labels)
    if example.drawing is not None:
        example.drawing.write_to(packed)
    problem = example.source if isinstance(example.source, Problem) else None
    if problem is None:
        assert not isinstance(example.source, Problem)
        left = limits.max_message_bytes - packed.ByteSize()  # a thousand boxes take some
        limits = replace(limits, max_message_bytes=left)
        try:
            checked_size(example.source, path, limits)
            most = most_bytes(example.source, limits)
            packed.content.CopyFrom(load(example.source, limit=most))
        except GraftError as error:
            problem = Problem.from_error(error)
    if problem is not None:
        packed.problem.CopyFrom(problem.to_proto())
    return packed
