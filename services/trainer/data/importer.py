"""Imports: a stream of examples in, one new version of a data set out, or none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa

from graft.errors import Conflict, InvalidArgument, NotFound, ResourceExhausted, Unavailable
from graft.names import DatasetName
from graft.trainer.v1 import dataset_pb2
from graft.trainer.v1 import dataset_service_pb2 as pb
from services.common.blocking import Bridge
from services.trainer.data.catalogue import Catalogue
from services.trainer.data.feed import Feed
from services.trainer.data.rows import ACCEPTED, Part, Row
from services.trainer.data.verdict import judge, refuse
from services.trainer.tables import PartColumns, examples

MAX_IMPORTS: Final = 4
"""Imports at once; each holds a few messages in memory and one thread that writes."""
MAX_EXAMPLES: Final = 200_000
MAX_ITEMS_PER_MESSAGE: Final = 10_000
MAX_LABELS: Final = 10_000
_JUDGED_AT_ONCE: Final = 16


@dataclass(slots=True)
class _Intake:
    """What one import must remember of the examples before: 40 bytes each."""

    keys: set[bytes] = field(default_factory=set)  # of labelled rows: others may go unused
    boxed: set[bytes] = field(default_factory=set)  # of rows with boxes, which are used for certain
    labels: set[str] = field(default_factory=set)
    rows: int = 0

    def take(self, row: Row) -> Row:
        """The row as it is stored, now that those before it are known."""
        self.rows += 1
        if row.verdict != ACCEPTED:
            return row
        if why := self._misfit(row):
            return refuse(row, why)
        self.labels.update(row.labels)
        if self._holds(row):
            return row.bare()
        if row.boxes:
            self.boxed.add(row.key)
        elif row.labels:
            self.keys.add(row.key)
        return row

    def _holds(self, row: Row) -> bool:
        """Whether an earlier row holds its bytes that is used wherever this one is: beside boxes,
        one with labels alone is not."""
        only_labels = bool(row.labels) and not row.boxes
        return row.key in self.boxed or (only_labels and row.key in self.keys)

    def _misfit(self, row: Row) -> str:
        """Why a good row does not go with those before, or nothing."""
        fresh = [label for label in row.labels if label not in self.labels]
        if len(self.labels) + len(fresh) > MAX_LABELS:
            return (
                f"a data set has at most {MAX_LABELS} labels, and this would be one more; merge"
                f" some. Received: {fresh[-1]!r}"
            )
        return ""


class Importer:
    """Owns the imports that run. Nothing of an import is seen before its last byte is stored."""

    def __init__(self, catalogue: Catalogue, *, decoders: Bridge, writers: Bridge) -> None:
        self._catalogue = catalogue
        self._decoders = decoders
        self._writers = writers  # one thread for each of MAX_IMPORTS
        self._running = 0

    async def run(self, requests: AsyncIterator[pb.ImportExamplesRequest]) -> dataset_pb2.Dataset:
        """Import a stream; answer the data set at its new version.

        Raises InvalidArgument for a bad first message, ResourceExhausted beyond MAX_EXAMPLES,
        Unavailable beyond MAX_IMPORTS, Conflict when another import came in between.
        """
        first = await anext(requests, None)
        if first is None:
            raise InvalidArgument("an import begins with a message that names the data set")
        name = _parse(first.dataset)
        self._admit()
        try:
            return await self._import(name, first, requests)
        finally:
            self._running -= 1

    def _admit(self) -> None:
        if self._running >= MAX_IMPORTS:
            raise Unavailable(
                f"{MAX_IMPORTS} imports run already; retry when one has ended",
                reason="OVERLOADED",
                metadata={"limit": str(MAX_IMPORTS), "unit": "imports"},
                retry_after_s=2.0,
            )
        self._running += 1

    async def _import(
        self,
        name: DatasetName,
        first: pb.ImportExamplesRequest,
        rest: AsyncIterator[pb.ImportExamplesRequest],
    ) -> dataset_pb2.Dataset:
        appending = first.mode == pb.IMPORT_MODE_APPEND
        intake = await self._decoders.run(self._known, name) if appending else _Intake()
        before = intake.rows
        feed: Feed[pa.RecordBatch] = Feed()
        table = self._catalogue.table(name)
        writing = asyncio.ensure_future(
            self._writers.run(table.append if appending else table.replace, feed)
        )
        writing.add_done_callback(lambda _: feed.leave())
        try:
            await self._fill(feed, intake, first, rest)
        except BaseException:
            await asyncio.wait({writing})  # it raises what `_fill` ended the feed with
            writing.exception()
            raise
        try:
            version = await writing
        except Conflict as error:
            raise Conflict(
                f"another import into {name} ended while this one ran, and nothing of this one was"
                f" kept; import again. Received: {str(name)!r}",
                metadata={"name": str(name)},
            ) from error
        return await self._decoders.run(self._describe, name, version, before)

    def _describe(self, name: DatasetName, version: int, since: int) -> dataset_pb2.Dataset:
        snapshot = self._catalogue.snapshot(name, version)
        return self._catalogue.describe(snapshot, since=since)

    def _known(self, name: DatasetName) -> _Intake:
        """What an APPEND finds; nothing where there is no data set yet."""
        try:
            rows = self._catalogue.snapshot(name, self._catalogue.version(name)).rows
        except NotFound:
            return _Intake()
        accepted = [row for row in rows if row.verdict == ACCEPTED]
        keys = {row.key for row in accepted if row.labels and not row.boxes}
        boxed = {row.key for row in accepted if row.boxes}
        labels = {label for row in accepted for label in row.labels}
        return _Intake(keys, boxed, labels, len(rows))

    async def _fill(
        self,
        feed: Feed[pa.RecordBatch],
        intake: _Intake,
        first: pb.ImportExamplesRequest,
        rest: AsyncIterator[pb.ImportExamplesRequest],
    ) -> None:
        """Judge what comes and hand it to the writer; end the feed on every path."""
        try:
            request = first
            while await self._hand_over(feed, intake, request) and not request.last:
                request = await _next(rest)
        except BaseException as error:
            feed.end(_Broken(f"the import broke off: {type(error).__name__}"))
            raise
        feed.end()

    async def _hand_over(
        self, feed: Feed[pa.RecordBatch], intake: _Intake, request: pb.ImportExamplesRequest
    ) -> bool:
        """Store one message's examples; False when the writer has given up."""
        _check_counts(intake.rows, len(request.examples))
        going = True
        for start in range(0, len(request.examples), _JUDGED_AT_ONCE):
            some = request.examples[start : start + _JUDGED_AT_ONCE]
            judged = await asyncio.gather(*(self._decoders.run(judge, one) for one in some))
            going = going and await feed.put(_batch([intake.take(row) for row in judged]))
        return going


def _check_counts(before: int, more: int) -> None:
    if more > MAX_ITEMS_PER_MESSAGE:
        raise ResourceExhausted(
            f"a message takes at most {MAX_ITEMS_PER_MESSAGE} examples; split it. Received: {more}",
            reason="REQUEST_TOO_LARGE",
            field="examples",
            metadata={"limit": str(MAX_ITEMS_PER_MESSAGE), "unit": "items"},
        )
    if before + more > MAX_EXAMPLES:
        raise ResourceExhausted(
            f"a data set holds at most {MAX_EXAMPLES} examples; import fewer. Received:"
            f" {before + more} or more",
            metadata={"limit": str(MAX_EXAMPLES), "unit": "examples"},
        )


async def _next(requests: AsyncIterator[pb.ImportExamplesRequest]) -> pb.ImportExamplesRequest:
    """The next message. gRPC ends the stream of a caller who is gone just like a complete one."""
    request = await anext(requests, None)
    if request is None:
        raise InvalidArgument(
            "an import ends with a message whose `last` is set; this one broke off, and nothing of"
            " it was kept",
            field="last",
        )
    return request


class _Broken(Exception):
    """Tells the writer to commit nothing."""


def _parse(text: str) -> DatasetName:
    try:
        return DatasetName.parse(text)
    except InvalidArgument as error:
        error.field = "dataset"
        raise


def _batch(rows: Sequence[Row]) -> pa.RecordBatch:
    return examples(
        keys=[row.key for row in rows],
        paths=[row.path for row in rows],
        labels=[row.labels for row in rows],
        verdicts=[row.verdict for row in rows],
        details=[row.detail for row in rows],
        images=_columns([row.image for row in rows]),
        texts=_columns([row.text for row in rows]),
        sizes=[row.size for row in rows],
        boxes=[row.boxes for row in rows],
        notes=[row.note for row in rows],
    )


def _columns(parts: Sequence[Part | None]) -> PartColumns:
    """The keys, contents and sketches of one part of some rows."""
    return (
        [part.key if part else None for part in parts],
        [part.content if part else b"" for part in parts],
        [part.sketch if part else b"" for part in parts],
    )
