"""The vectors of a data set: from the cache where they are there, from the embedder where not.

A vector is named by the SHA-256 of the file, the digest of the backbone, the endpoint and the view
of the picture. All endpoints that a search looks at are asked for in one call, and each has a table
of its own. What comes from the embedder is stored as it comes, so that a run that is cut off loses
what was in flight and no more. Heads are fitted on float16 vectors widened to float32: what the
predictor asks for, too.
"""

from __future__ import annotations

import contextvars
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import grpc
import numpy as np
from numpy.typing import NDArray

from graft import tensors
from graft.channel import MAX_MESSAGE_BYTES
from graft.common.v1 import content_pb2, tensor_pb2
from graft.embedder.v1 import backbone_pb2, embedder_service_pb2_grpc
from graft.embedder.v1 import embedder_service_pb2 as pb
from graft.errors import (
    Cancelled,
    DataLoss,
    DeadlineExceeded,
    FailedPrecondition,
    GraftError,
    InvalidArgument,
    ResourceExhausted,
    Unavailable,
)
from graft.status import from_rpc_error
from services.common import telemetry
from services.trainer.source import Source
from services.trainer.tables import EmbeddingTable

BATCH_BYTES: Final = MAX_MESSAGE_BYTES // 2
READ_ITEMS: Final = 16
"""Files read from the data set at once: up to 20 MiB each."""
MAX_IN_FLIGHT: Final = 3
"""Batches sent and not answered: one on the device, one decoded behind it, one on its way."""
CHUNK_ITEMS: Final = 64
"""Vectors are stored in pieces of this many; so many at most are embedded twice after a crash."""
CALL_TIMEOUT_S: Final = 60.0
RETRY_FOR_S: Final = 120.0
"""How long one batch is tried while the embedder is away: long enough for it to start again."""
_FIRST_PAUSE_S: Final = 0.1
_MAX_PAUSE_S: Final = 3.0
_ITEM = re.compile(r"items\[(\d+)\]")

Halves = NDArray[np.float16]

Contents = Callable[[Sequence[int]], list[bytes]]
"""Answers the bytes of the items at these positions."""


class EmbedderClient:
    """Calls the embedder and waits for one that is starting again. Safe for threads.

    `stopped` ends every wait; calls raise Cancelled then.
    """

    def __init__(self, channel: grpc.Channel, target: str, stopped: threading.Event) -> None:
        self._stub = embedder_service_pb2_grpc.EmbedderServiceStub(channel)
        self._target = target
        self._stopped = stopped

    def backbone(self, name: str) -> backbone_pb2.Backbone:
        """The backbone of this name; NotFound."""
        request = pb.GetBackboneRequest(name=name)
        found: pb.GetBackboneResponse = self._persist(self._stub.GetBackbone, request)
        return found.backbone

    def backbones(self) -> list[backbone_pb2.Backbone]:
        """Every backbone in the catalogue, by name."""
        found: list[backbone_pb2.Backbone] = []
        token = ""
        while True:
            request = pb.ListBackbonesRequest(page_token=token)
            page: pb.ListBackbonesResponse = self._persist(self._stub.ListBackbones, request)
            found += page.backbones
            token = page.next_page_token
            if not token:
                return found

    def ask(self, request: pb.EmbedRequest) -> pb.EmbedResponse:
        """The answer to any Embed request, waiting for an embedder that is starting again."""
        answer: pb.EmbedResponse = self._persist(self._stub.Embed, request)
        return answer

    def embed(self, source: Source, files: Sequence[bytes]) -> list[Halves]:
        """The vectors float16 [n, dim] of n files at each endpoint of the source, images or texts
        in UTF-8 as its backbone takes them; raises what the embedder says of them."""
        request = pb.EmbedRequest(
            backbone=source.pinned,
            endpoints=source.endpoints,
            view=source.view,
            maps=source.side > 0,
            input_size=[source.side] * 2 if source.side else [],
            dtype=tensor_pb2.DATA_TYPE_FLOAT16,
            items=[content_of(source.backbone, data) for data in files],
        )
        found = [tensors.from_tensor(output.vectors) for output in self.ask(request).outputs]
        if source.side:
            found = [maps.reshape(len(maps), -1) for maps in found]
        shapes = [list(vectors.shape) for vectors in found]
        if shapes != [[len(files), dim] for dim in source.dims]:
            raise DataLoss(
                f"{self._target} must answer one vector an item at each of {list(source.endpoints)}"
                f" of {source.pinned}; upgrade it, or import the backbone again. Received: {shapes}"
                f" for {len(files)} items"
            )
        return found

    def _persist(self, call: Callable[..., Any], request: object) -> Any:
        """Call until there is an answer; what can pass by itself is tried for RETRY_FOR_S."""
        pause, deadline = _FIRST_PAUSE_S, time.monotonic() + RETRY_FOR_S
        while True:
            try:
                metadata = telemetry.outgoing_metadata()
                return call(request, timeout=CALL_TIMEOUT_S, metadata=metadata)
            except grpc.RpcError as error:
                failure = from_rpc_error(error, target=self._target)
                if not isinstance(failure, Unavailable | DeadlineExceeded | Cancelled):
                    raise failure from error
                if time.monotonic() > deadline:
                    raise failure from error
            if self._stopped.wait(failure.retry_after_s or pause):
                raise Cancelled("embedding was stopped")
            pause = min(2 * pause, _MAX_PAUSE_S)


def content_of(backbone: backbone_pb2.Backbone, data: bytes) -> content_pb2.Content:
    """The bytes of an example as a backbone takes them."""
    if backbone.modality == backbone_pb2.MODALITY_TEXT:
        return content_pb2.Content(text=data.decode())
    return content_pb2.Content(image=data)


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors float16 [n, dim] at each endpoint in the order asked for, and where they came
    from."""

    vectors: dict[str, Halves]
    cached_count: int
    embedded_count: int


@dataclass(frozen=True, slots=True)
class _Batch:
    positions: list[int]
    vectors: Future[list[Halves]]


class Embeddings:
    """Reads and fills the caches of one source. Used by one thread; owns its threads for calls."""

    def __init__(
        self, tables: Sequence[EmbeddingTable], client: EmbedderClient, source: Source
    ) -> None:
        self._tables = tables
        self._client = client
        self._source = source

    def vectors(
        self,
        keys: Sequence[bytes],
        paths: Sequence[str],
        contents: Contents,
        *,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Embedded:
        """The vectors of n files named by their keys; `progress(done, total)` is told between
        batches and may raise to stop.

        Raises InvalidArgument naming the path of a file that the embedder refuses, Unavailable
        when no embedder answers for RETRY_FOR_S.
        """
        read = [table.read(keys) for table in self._tables]
        halves = [vectors for _, vectors in read]
        found = np.logical_and.reduce([mask for mask, _ in read])
        missing = np.flatnonzero(~found).tolist()
        progress(len(keys) - len(missing), len(keys))
        self._fill(halves, missing, keys, paths, contents, progress)
        for vectors in halves:
            _check_finite(vectors, paths)
        named = dict(zip(self._source.endpoints, halves, strict=True))
        return Embedded(named, len(keys) - len(missing), len(missing))

    def _fill(
        self,
        halves: list[Halves],
        missing: list[int],
        keys: Sequence[bytes],
        paths: Sequence[str],
        contents: Contents,
        progress: Callable[[int, int], None],
    ) -> None:
        done, unsaved = len(keys) - len(missing), list[int]()
        try:
            for batch in self._embedded(missing, paths, contents):
                for whole, part in zip(halves, batch.vectors.result(), strict=True):
                    whole[batch.positions] = part
                unsaved += batch.positions
                done += len(batch.positions)
                if len(unsaved) >= CHUNK_ITEMS or done == len(keys):
                    self._save(halves, unsaved, keys)
                    unsaved = []
                progress(done, len(keys))
        except GraftError:
            self._save(halves, unsaved, keys)
            raise

    def _save(self, halves: list[Halves], positions: list[int], keys: Sequence[bytes]) -> None:
        if not positions:
            return
        named = [keys[position] for position in positions]
        for table, vectors in zip(self._tables, halves, strict=True):
            table.append(named, vectors[positions])

    def _embedded(
        self, missing: list[int], paths: Sequence[str], contents: Contents
    ) -> Iterator[_Batch]:
        """Finished batches in order, MAX_IN_FLIGHT under way."""
        with ThreadPoolExecutor(MAX_IN_FLIGHT, thread_name_prefix="embed") as pool:
            waiting: deque[_Batch] = deque()
            try:
                for positions, files in _batches(missing, contents, self._source.batch_items):
                    where = [paths[position] for position in positions]
                    context = contextvars.copy_context()  # the request id crosses the threads
                    future = pool.submit(context.run, self._call, files, where)
                    waiting.append(_Batch(positions, future))
                    if len(waiting) >= MAX_IN_FLIGHT:
                        yield _finished(waiting.popleft())
                while waiting:
                    yield _finished(waiting.popleft())
            finally:
                pool.shutdown(cancel_futures=True)

    def _call(self, files: list[bytes], paths: list[str]) -> list[Halves]:
        try:
            return self._client.embed(self._source, files)
        except (InvalidArgument, ResourceExhausted) as error:
            raise _naming(error, paths) from error


def _finished(batch: _Batch) -> _Batch:
    batch.vectors.result()
    return batch


def _batches(
    missing: list[int], contents: Contents, most: int
) -> Iterator[tuple[list[int], list[bytes]]]:
    """Positions and files, cut so that a request stays within `most` items and BATCH_BYTES."""
    positions, files, size = list[int](), list[bytes](), 0
    for start in range(0, len(missing), READ_ITEMS):
        some = missing[start : start + READ_ITEMS]
        for position, data in zip(some, contents(some), strict=True):
            if files and (len(files) >= most or size + len(data) > BATCH_BYTES):
                yield positions, files
                positions, files, size = [], [], 0
            positions.append(position)
            files.append(data)
            size += len(data)
    if files:
        yield positions, files


def _naming(error: GraftError, paths: list[str]) -> GraftError:
    """The embedder's error about items[i], in terms of the file."""
    match = _ITEM.search(error.field)
    if not match or int(match[1]) >= len(paths):
        return error
    path = paths[int(match[1])]
    return type(error)(
        f"the embedder refuses {path!r}; leave it out and import again: {error.message}",
        reason=error.reason,
        metadata={**error.metadata, "path": path},
    )


def _check_finite(vectors: Halves, paths: Sequence[str]) -> None:
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        path = paths[int(np.argmin(finite))]
        raise FailedPrecondition(
            "the backbone gives numbers that are not finite in float16; leave the example out or"
            f" take another backbone. Received: {path!r}",
            reason="DATASET_UNTRAINABLE",
            metadata={"path": path},
        )
