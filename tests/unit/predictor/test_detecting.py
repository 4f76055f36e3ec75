"""Detectors in the predictor: regions asked for a few at a time, errors named by the item."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from graft.common.v1 import content_pb2
from graft.errors import InvalidArgument
from graft.names import ModelName
from services.common.blocking import Bridge
from services.common.detector.detector import Detector
from services.common.image import decode_picture
from services.predictor import detecting
from services.predictor.detecting import Lookout, Seeing
from services.predictor.embedding import Deadline, Embedded
from services.predictor.served import Leg, Route, Servable
from tests.support import blobs
from tests.support.images import encode, picture


class Maps:
    """An embedder whose maps are noise, the same for the same picture; it keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, tuple[str, ...], int]] = []

    async def embed(
        self,
        items: Sequence[content_pb2.Content],
        *,
        backbone: str,
        endpoints: Sequence[str],
        deadline: Deadline,
        side: int = 0,
    ) -> Embedded:
        """As services.predictor.embedding.Embedder; a picture of one pixel is refused."""
        self.asked.append((len(items), tuple(endpoints), side))
        rows = []
        for number, item in enumerate(items):
            shown = decode_picture(item.image)
            if shown.size == (1, 1):
                raise InvalidArgument(
                    f"items[{number}]: it is too small",
                    field=f"items[{number}].image",
                    metadata={"index": str(number)},
                )
            seed = int(np.asarray(shown, np.uint64).sum())
            shape = (blobs.CELLS, blobs.CELLS, blobs.CHANNELS)
            rows.append(np.random.default_rng(seed).normal(size=shape).astype(np.float32))
        return Embedded({name: np.stack(rows) for name in endpoints}, ())


@pytest.fixture
async def bridge() -> AsyncIterator[Bridge]:
    made = Bridge("compute", 2)
    yield made
    made.close()


def seeing(detector: Detector, version: int = 1, backbone: str = "backbones/b@d") -> Seeing:
    name = ModelName("default", "things").version(version)
    leg = Leg(backbone, ("map",), (blobs.CHANNELS,), "")
    return Seeing(Servable(f"{name}@e", name, str(name), Route((leg,)), 1000), detector)


def images(*sizes: tuple[int, int]) -> list[content_pb2.Content]:
    return [
        content_pb2.Content(image=encode(picture(*size, seed=n), "PNG"))
        for n, size in enumerate(sizes)
    ]


async def detect(bridge: Bridge, maps: Any, some: list[Seeing], items: Any) -> Any:
    found, _ = await Lookout(maps, bridge).detect(some, items, Deadline(20.0))
    return found


def told(found: Any) -> list[float]:
    """The scores of all that was found, which differ by rounding with what is computed at once."""
    (rows,) = found.values()
    return [thing.score for row in rows for thing in row.detected.objects]


async def test_what_is_meant_and_what_is_doubtful_are_told_apart(bridge: Bridge) -> None:
    one = seeing(blobs.detector())
    found = await detect(bridge, Maps(), [one], images((128, 96), (96, 128)))
    first, second = (each.detected for each in found[one.servable.revision])
    assert [(d.width, d.height) for d in (first, second)] == [(128, 96), (96, 128)]
    for detected in (first, second):
        assert all(thing.score >= 0.3 for thing in detected.objects)
        assert all(thing.score < 0.3 for thing in detected.doubtful)
        assert len(detected.objects) + len(detected.doubtful) > 0
        for thing in (*detected.objects, *detected.doubtful):
            assert thing.box.left >= 0
            assert thing.box.left + thing.box.width <= detected.width + 1e-3


async def test_detectors_that_look_alike_share_one_call(bridge: Bridge) -> None:
    maps, plain = Maps(), blobs.detector()
    far = replace(plain, geometry=replace(plain.geometry, reach=40.0))
    asked = [seeing(plain, 1), seeing(blobs.detector(7), 2), seeing(far, 3)]
    found = await detect(bridge, maps, asked, images((128, 128)))
    assert [(count, side) for count, _, side in maps.asked] == [(1, 128), (17, 128)]
    assert set(found) == {one.servable.revision for one in asked}


async def test_regions_are_asked_for_a_few_at_a_time(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = await detect(bridge, Maps(), [one := seeing(blobs.detector())], images((400, 300)) * 3)
    monkeypatch.setattr(detecting, "MAX_REGIONS", 4)
    maps = Maps()
    found = await detect(bridge, maps, [one], images((400, 300)) * 3)
    assert max(count for count, _, _ in maps.asked) == 4
    assert told(found) == pytest.approx(told(whole), rel=1e-4)
    monkeypatch.setattr(detecting, "SENT_BYTES", 3 * 128 * 128 * 2)
    maps = Maps()
    found = await detect(bridge, maps, [one], images((400, 300)) * 3)
    assert told(found) == pytest.approx(told(whole), rel=1e-4)
    assert max(count for count, _, _ in maps.asked) == 2
    monkeypatch.setattr(detecting, "MAPS_BYTES", 1)
    maps = Maps()
    await detect(bridge, maps, [one], images((100, 100)) * 3)
    assert [count for count, _, _ in maps.asked] == [1, 1, 1]


async def test_the_item_that_is_bad_is_named_whoever_refuses_it(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detecting, "MAX_REGIONS", 1)
    good = images((90, 90), (80, 80))
    for bad in (
        content_pb2.Content(image=b"no picture"),
        content_pb2.Content(text="words"),
        content_pb2.Content(image=good[0].image, text="words"),
        *images((1, 1)),
    ):
        with pytest.raises(InvalidArgument) as caught:
            await detect(bridge, Maps(), [seeing(blobs.detector())], [*good, bad])
        assert caught.value.field.startswith("items[2]")
        assert caught.value.message.startswith("items[2]: ")
        assert caught.value.message.count("items[") == 1
