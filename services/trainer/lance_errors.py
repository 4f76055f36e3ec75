"""What Lance raises, as Graft's errors.

Lance has one exception class for nearly everything (OSError, or ValueError while it opens a table)
and tells the kinds apart in its text only; these words are checked by `tests/contracts`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from lance.commit import CommitConflictError

from graft.errors import (
    Conflict,
    DataLoss,
    FailedPrecondition,
    GraftError,
    Internal,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    Unavailable,
)
from services.common.store.base import away

_ITS_SOURCE = re.compile(r",? \S+\.rs:\d+:\d+")  # where in Lance it was raised: of no use here
_MAX_TEXT = 300  # characters of Lance's own text that are passed on
_SILENT = (
    "error sending request",
    "http error",
    "timed out",
    "timeout",
    "connection re",
    "500 internal",
    "502 bad gateway",
    "503 service",
    "slowdown",
)
# The first kind whose word occurs in the text, in this order.
_WORDS: tuple[tuple[type[GraftError], str, tuple[str, ...]], ...] = (
    (
        FailedPrecondition,
        "the store refuses access to the table; check its keys, bucket, owner and mode",
        (
            "403 forbidden",
            "accessdenied",
            "nosuchbucket",
            "permission denied",
            "read-only file system",
            "401 unauth",
        ),
    ),
    (ResourceExhausted, "no space left for the table; free some", ("no space left", "quota")),
    (
        Unavailable,
        "the store does not answer; try again",
        _SILENT,
    ),
    (
        Conflict,
        "another writer changed the table meanwhile; read it again and repeat",
        ("already exists", "commit conflict", "incompatible transaction", "contention"),
    ),
    (NotFound, "no such table or version", ("not found",)),
    (
        InvalidArgument,
        "the rows do not fit the table",
        ("different schema", "invalid user input", "schema mismatch", "does not match"),
    ),
    (DataLoss, "a file of the table is damaged", ("corrupt", "invalid magic", "failed to decode")),
)


@contextmanager
def lance_errors(key: str, *, opening: bool = False) -> Iterator[None]:
    """Translate what Lance raises; `opening` says that the table itself may be missing."""
    try:
        yield
    except CommitConflictError as error:
        raise _error(Conflict, _WORDS[3][1], key, error) from error
    except (OSError, ValueError, RuntimeError, NotImplementedError) as error:
        raise _translate(key, error, opening) from error


def _translate(key: str, error: Exception, opening: bool) -> GraftError:
    text = str(error).lower()
    for kind, advice, words in _WORDS:
        if any(word in text for word in words):
            if kind is NotFound and not opening:
                return _error(DataLoss, "a file of the table is missing", key, error)
            return _error(kind, advice, key, error)
    return _error(Internal, "the table failed", key, error)


def _error(kind: type[GraftError], advice: str, key: str, cause: Exception) -> GraftError:
    own = "" if kind is NotFound else f": {_ITS_SOURCE.sub('', str(cause))[:_MAX_TEXT]}"
    text = f"{advice}, got {type(cause).__name__} for {key!r}{own}"
    return away(text) if kind is Unavailable else kind(text, metadata={"key": key})
