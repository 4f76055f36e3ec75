"""Leaks: examples of a test that are nearly the same as one that was trained on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from graft.errors import InvalidArgument, ResourceExhausted, Unavailable
from graft.names import DatasetName
from graft.trainer.v1 import dataset_service_pb2 as pb
from services.common.blocking import Bridge
from services.trainer.data import fingerprint, sketch
from services.trainer.data.catalogue import Catalogue, Snapshot
from services.trainer.data.near_duplicates import Indices, Pairs, leaks
from services.trainer.data.near_items import Seen, near_items
from services.trainer.data.rows import ACCEPTED, BOTH, IMAGE, TEXT, Row
from services.trainer.data.verdict import judge
from services.trainer.fields import parse_field

MAX_COMPARED: Final = 20_000
"""Examples of a test, and as many of the data set: each is compared with each."""
MAX_COMPARISONS: Final = 2
"""Comparisons at once; each holds one core for seconds."""
_JUDGED_AT_ONCE: Final = 16


@dataclass(slots=True)
class _Test:
    """What is remembered of the examples: keys, sketches and place in the stream of the good ones
    that are of the modality of the data set."""

    modality: str
    count: int = 0
    positions: list[int] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    def take(self, row: Row) -> None:
        """Remember the next one."""
        if row.verdict == ACCEPTED and self.modality in (BOTH, row.modality):
            self.positions.append(self.count)
            self.rows.append(row.sketched())
        self.count += 1


class LeakFinder:
    """Compares examples with those of a data set; owns the number of comparisons that run."""

    def __init__(self, catalogue: Catalogue, decoders: Bridge) -> None:
        self._catalogue = catalogue
        self._decoders = decoders
        self._running = 0

    async def run(
        self, requests: AsyncIterator[pb.FindNearDuplicatesRequest]
    ) -> pb.FindNearDuplicatesResponse:
        """Raises InvalidArgument for a bad first message, NotFound, ResourceExhausted beyond
        MAX_COMPARED, Unavailable beyond MAX_COMPARISONS."""
        first = await anext(requests, None)
        if first is None:
            raise InvalidArgument("a comparison begins with a message that names the data set")
        name = parse_field("dataset", DatasetName.parse, first.dataset)
        if self._running >= MAX_COMPARISONS:
            raise Unavailable(
                f"{MAX_COMPARISONS} comparisons run already; retry when one has ended",
                reason="OVERLOADED",
                metadata={"limit": str(MAX_COMPARISONS), "unit": "comparisons"},
                retry_after_s=2.0,
            )
        self._running += 1
        try:
            version = await self._decoders.run(self._catalogue.version, name, first.version)
            snapshot = await self._decoders.run(self._catalogue.snapshot, name, version)
            _check_count(len(snapshot.sorting.used), "dataset")  # before the test is read
            test = await self._read(_Test(snapshot.sorting.modality), first, requests)
            return await self._decoders.run(self._compare, snapshot, test)
        finally:
            self._running -= 1

    async def _read(
        self,
        test: _Test,
        first: pb.FindNearDuplicatesRequest,
        rest: AsyncIterator[pb.FindNearDuplicatesRequest],
    ) -> _Test:
        request: pb.FindNearDuplicatesRequest | None = first
        while request is not None:
            _check_count(test.count + len(request.examples), "examples")
            for start in range(0, len(request.examples), _JUDGED_AT_ONCE):
                some = request.examples[start : start + _JUDGED_AT_ONCE]
                for row in await asyncio.gather(*(self._decoders.run(judge, one) for one in some)):
                    test.take(row)
            request = await anext(aiter(rest), None)
        return test

    def _compare(self, snapshot: Snapshot, test: _Test) -> pb.FindNearDuplicatesResponse:
        used = snapshot.sorting.used
        found = pb.FindNearDuplicatesResponse()
        if not used or not test.positions:
            return found
        held = [snapshot.rows[number] for number in used]
        known = {row.key: number for number, row in enumerate(held)}
        near = leaks(self._pairs(snapshot, held, test.rows), len(used), len(test.rows))
        for position, row, like in zip(test.positions, test.rows, near.tolist(), strict=True):
            same = known.get(row.key, -1)
            if same >= 0 or like >= 0:
                path = held[same if same >= 0 else like].path
                found.near_duplicates.add(position=position, path=path, identical=same >= 0)
        return found

    def _pairs(self, snapshot: Snapshot, held: list[Row], test: list[Row]) -> Pairs:
        """Those of the examples used and the ones of the test behind them."""
        name, version, used = snapshot.name, snapshot.version, snapshot.sorting.used
        images, texts = _having(IMAGE, held, test), _having(TEXT, held, test)
        drawn = self._catalogue.sketches(name, version, [used[n] for n in images.held])
        taken = self._catalogue.fingerprints(name, version, [used[n] for n in texts.held])
        return near_items(
            len(held) + len(test),
            Seen(images.numbers, np.concatenate([drawn, sketch.stack(images.sketches)])),
            Seen(texts.numbers, np.concatenate([taken, fingerprint.stack(texts.sketches)])),
        )


@dataclass(frozen=True, slots=True)
class _Having:
    """Those that have a part: numbers of `held` rows, the sketches of those of the test, and the
    numbers of all where the test stands behind the rows held."""

    held: list[int]
    sketches: list[bytes]
    numbers: Indices


def _having(part: str, held: list[Row], test: list[Row]) -> _Having:
    mine = [n for n, row in enumerate(held) if part in row.parts]
    tested = [n for n, row in enumerate(test) if part in row.parts]
    sketches = [test[n].parts[part].sketch for n in tested]
    numbers = [*mine, *(len(held) + n for n in tested)]
    return _Having(mine, sketches, np.array(numbers, np.int64))


def _check_count(count: int, field_name: str) -> None:
    if count > MAX_COMPARED:
        raise ResourceExhausted(
            f"at most {MAX_COMPARED:,} examples are compared with at most as many of a data set;"
            f" compare fewer. Received: {count:,}",
            field=field_name,
            metadata={"limit": str(MAX_COMPARED), "unit": "examples"},
        )
