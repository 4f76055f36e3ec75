"""Errors on the wire and back."""

from __future__ import annotations

import pytest
from google.rpc import code_pb2, error_details_pb2, status_pb2

from graft import errors
from graft.common.v1 import error_reason_pb2
from graft.status import from_status, to_status


@pytest.mark.parametrize("kind", errors.BY_CODE.values())
def test_every_error_survives_the_round_trip(kind: type[errors.GraftError]) -> None:
    sent = kind("why. Received: 7", field="items[3]", metadata={"a": "b"}, retry_after_s=0.25)
    got = from_status(status_pb2.Status.FromString(to_status(sent).SerializeToString()))
    assert type(got) is kind
    assert (got.message, got.reason, got.field, got.metadata, got.retry_after_s) == (
        sent.message,
        kind.default_reason,
        "items[3]",
        {"a": "b"},
        0.25,
    )


@pytest.mark.parametrize("kind", errors.BY_CODE.values())
def test_every_reason_is_documented_in_the_protos(kind: type[errors.GraftError]) -> None:
    names = list(error_reason_pb2.ErrorReason.keys())
    assert f"ERROR_REASON_{kind.default_reason}" in names


def test_an_error_carries_exactly_one_error_info() -> None:
    status = to_status(errors.NotFound("x"))
    kinds = [detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR) for detail in status.details]
    assert kinds == [True]


def test_a_status_of_somebody_else_keeps_code_and_message() -> None:
    got = from_status(status_pb2.Status(code=code_pb2.NOT_FOUND, message="gone"))
    assert isinstance(got, errors.NotFound)
    assert str(got) == "gone"


def test_an_unknown_code_is_internal() -> None:
    assert isinstance(
        from_status(status_pb2.Status(code=code_pb2.UNIMPLEMENTED, message="?")), errors.Internal
    )
