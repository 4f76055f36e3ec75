"""What may be inside: bounded, told by its unit, and refused with a moment to come back at."""

from __future__ import annotations

import asyncio

import pytest

from graft.channel import MAX_MESSAGE_BYTES
from graft.errors import Unavailable
from services.common import metrics
from services.common.admission import BYTES, ITEMS, Admission
from services.embedder import servicer as embedder
from services.predictor import servicer as predictor


class Clock:
    """Stands still but for what a test adds."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def refusal(admission: Admission, amount: int) -> Unavailable:
    with pytest.raises(Unavailable) as caught, admission.admit(amount):
        pass
    return caught.value


def test_what_is_too_much_is_refused_in_its_unit_and_fits_later() -> None:
    admission = Admission(100, BYTES)
    with admission.admit(60):
        error = refusal(admission, 41)
        assert (error.reason, error.metadata) == ("OVERLOADED", {"limit": "100", "unit": "bytes"})
        assert "holds 60 of at most 100 bytes" in error.message
        assert error.message.endswith("got 41 more")
        with admission.admit(40):
            assert admission.inside == 100
    with admission.admit(100):
        pass
    assert admission.inside == 0


def test_the_metrics_tell_what_is_inside_and_what_was_refused() -> None:
    refused = metrics.REGISTRY.get_sample_value("graft_refused_bytes_total") or 0.0
    with Admission(10, BYTES).admit(7):
        assert metrics.REGISTRY.get_sample_value("graft_admitted_bytes") == 7
    refusal(Admission(10, BYTES), 11)
    assert metrics.REGISTRY.get_sample_value("graft_admitted_bytes") == 0
    assert metrics.REGISTRY.get_sample_value("graft_refused_bytes_total") == refused + 11


def test_each_refused_one_is_told_a_later_moment() -> None:
    admission = Admission(100, ITEMS, clock=Clock())
    with admission.admit(100):
        moments = [refusal(admission, 50).retry_after_s for _ in range(4)]
        assert moments == [1.5, 2.0, 2.5, 3.0]  # at 100 items a second, behind those inside
        assert [refusal(admission, 50).retry_after_s for _ in range(9)][-1] == 5.0


def test_answers_teach_how_fast_they_come_and_failures_do_not() -> None:
    clock = Clock()
    admission = Admission(100, ITEMS, clock=clock)
    for _ in range(50):
        with admission.admit(100):
            clock.now += 4.0  # 25 a second
    for _ in range(50):
        with pytest.raises(ValueError, match="bad"), admission.admit(1):
            raise ValueError("bad")
    with admission.admit(100):
        told = refusal(admission, 1).retry_after_s
    assert told is not None
    assert 4.0 < told < 5.0


async def test_room_is_waited_for_until_there_is_some() -> None:
    admission = Admission(100, BYTES)
    with admission.admit(60):
        waiting = asyncio.ensure_future(admission.room(50))
        await asyncio.sleep(0)
        with admission.admit(1):
            pass
        await asyncio.sleep(0)
        assert not waiting.done()
    await waiting


async def test_the_closed_one_refuses_and_drains() -> None:
    admission = Admission(100, BYTES)
    with admission.admit(100):
        waiting = asyncio.ensure_future(admission.room(1))
        await asyncio.sleep(0)
        admission.close()
        await waiting
        assert refusal(admission, 0).reason == "NOT_SERVING"
        draining = asyncio.ensure_future(admission.drained())
        await asyncio.sleep(0)
        assert not draining.done()
    await draining


@pytest.mark.parametrize("limit", [embedder.ADMITTED_BYTES, predictor.ADMITTED_BYTES])
def test_any_request_fits_where_there_is_no_other(limit: int) -> None:
    assert limit >= MAX_MESSAGE_BYTES
