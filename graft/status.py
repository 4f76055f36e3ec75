"""GraftError to google.rpc.Status and back, side by side.

Every error on the wire has exactly one ErrorInfo, a BadRequest when a field is at fault, and a
RetryInfo when retrying helps (AIP-193).
"""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2

from graft import errors

STATUS_KEY = "grpc-status-details-bin"


def to_status(error: errors.GraftError) -> status_pb2.Status:
    """Describe an error for the wire."""
    details: list[Any] = [
        error_details_pb2.ErrorInfo(
            reason=error.reason, domain=errors.DOMAIN, metadata=error.metadata
        )
    ]
    if error.field:
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=error.field, description=error.message
        )
        details.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if error.retry_after_s is not None:
        delay = duration_pb2.Duration()
        delay.FromNanoseconds(int(error.retry_after_s * 1e9))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    status = status_pb2.Status(code=code_pb2.Code.Value(error.code), message=error.message)
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def from_status(status: status_pb2.Status) -> errors.GraftError:
    """Read an error off the wire; a status without details keeps its code and message."""
    kind = errors.BY_CODE.get(code_pb2.Code.Name(status.code), errors.Internal)
    info = _detail(status, error_details_pb2.ErrorInfo)
    bad = _detail(status, error_details_pb2.BadRequest)
    retry = _detail(status, error_details_pb2.RetryInfo)
    return kind(
        status.message,
        reason=info.reason if info else "",
        field=bad.field_violations[0].field if bad and bad.field_violations else "",
        metadata=dict(info.metadata) if info else None,
        retry_after_s=retry.retry_delay.ToNanoseconds() / 1e9 if retry else None,
    )


def _detail(status: status_pb2.Status, kind: type[Any]) -> Any:
    for packed in status.details:
        if packed.Is(kind.DESCRIPTOR):
            detail = kind()
            packed.Unpack(detail)
            return detail
    return None


def from_rpc_error(error: grpc.RpcError, *, target: str) -> errors.GraftError:
    """Translate what a stub raised, asyncio or blocking; `target` is the address called."""
    call: Any = error  # both kinds have code(), details() and trailing_metadata()
    for key, value in call.trailing_metadata() or ():
        if key == STATUS_KEY:
            return from_status(status_pb2.Status.FromString(value))
    kind = errors.BY_CODE.get(call.code().name, errors.Internal)
    text = call.details() or call.code().name
    if kind is errors.Unavailable:
        text = f"{_why_unavailable(target, text)}. Received: {text}"
    return kind(text, metadata={"target": target})


def _why_unavailable(target: str, text: str) -> str:
    if "unhealthy" in text:  # gRPC's word for a server whose health says NOT_SERVING
        return f"{target} runs but does not serve: it is warming or stopping; try again in a moment"
    return f"nothing answers at {target}; start the suite with `graft up`"
