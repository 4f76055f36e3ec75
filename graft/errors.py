"""Every failure that Graft names, as one tree shared by the services and the client.

    GraftError                          code                 reason (from error_reason.proto)
      InvalidArgument                   INVALID_ARGUMENT     the request itself is wrong
      NotFound                          NOT_FOUND            the named thing does not exist
      AlreadyExists                     ALREADY_EXISTS       the name is taken by something else
      FailedPrecondition                FAILED_PRECONDITION  right request, wrong state
      Conflict                          ABORTED              somebody else wrote first; read again
      ResourceExhausted                 RESOURCE_EXHAUSTED   a stated limit; retrying is no help
      Unavailable                       UNAVAILABLE          not now; retry after `retry_after_s`
      DeadlineExceeded                  DEADLINE_EXCEEDED    the caller's time ran out
      Cancelled                         CANCELLED            the caller took it back
      DataLoss                          DATA_LOSS            a stored object is not what it was
      Internal                          INTERNAL             a bug of ours

The text of an error names the item, the limit and the fix, and ends with what was received.
`reason` is a name of the enum `graft.common.v1.ErrorReason` without its prefix; `metadata` holds
facts for programs; `field` is the path of the request field at fault (`items[7].image`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

DOMAIN = "graft"


class GraftError(Exception):
    """A failure with a machine-readable reason. Only its subclasses are raised."""

    code: ClassVar[str] = "INTERNAL"
    default_reason: ClassVar[str] = "INTERNAL"

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        field: str = "",
        metadata: Mapping[str, str] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or self.default_reason
        self.field = field
        self.metadata = dict(metadata or {})
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return self.message


class InvalidArgument(GraftError):
    """The request cannot be right in any state of the system."""

    code = "INVALID_ARGUMENT"
    default_reason = "INVALID_ARGUMENT"


class NotFound(GraftError):
    """The named resource does not exist."""

    code = "NOT_FOUND"
    default_reason = "NOT_FOUND"


class AlreadyExists(GraftError):
    """The name is taken by a resource with other content."""

    code = "ALREADY_EXISTS"
    default_reason = "ALREADY_EXISTS"


class FailedPrecondition(GraftError):
    """The request is right, but the system is not in a state for it."""

    code = "FAILED_PRECONDITION"
    default_reason = "FAILED_PRECONDITION"


class Conflict(GraftError):
    """Another writer came first; read again and repeat."""

    code = "ABORTED"
    default_reason = "CONFLICT"


class ResourceExhausted(GraftError):
    """A size limit or a quota: the same request will fail again."""

    code = "RESOURCE_EXHAUSTED"
    default_reason = "RESOURCE_EXHAUSTED"


class Unavailable(GraftError):
    """This replica cannot answer now; `retry_after_s` says when to try again."""

    code = "UNAVAILABLE"
    default_reason = "UNAVAILABLE"


class DeadlineExceeded(GraftError):
    """The caller's deadline passed before the answer was ready."""

    code = "DEADLINE_EXCEEDED"
    default_reason = "DEADLINE_EXCEEDED"


class Cancelled(GraftError):
    """The caller took the request back."""

    code = "CANCELLED"
    default_reason = "CANCELLED"


class DataLoss(GraftError):
    """A stored object is missing a part or does not match its digest."""

    code = "DATA_LOSS"
    default_reason = "DATA_LOSS"


class Internal(GraftError):
    """A bug of ours; the server's log has the traceback under the request id."""

    code = "INTERNAL"
    default_reason = "INTERNAL"


BY_CODE: dict[str, type[GraftError]] = {
    kind.code: kind
    for kind in (
        InvalidArgument,
        NotFound,
        AlreadyExists,
        FailedPrecondition,
        Conflict,
        ResourceExhausted,
        Unavailable,
        DeadlineExceeded,
        Cancelled,
        DataLoss,
        Internal,
    )
}
