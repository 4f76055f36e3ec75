"""Logs as JSON lines, and the request id that ties the lines of all services together."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
import uuid
from contextvars import ContextVar
from typing import Final

from graft.channel import REQUEST_ID_KEY

_REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
_ACCEPTABLE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PLAIN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def request_id() -> str:
    """Answer the id of the request being served, or an empty string outside one."""
    return _REQUEST_ID.get()


def begin_request(received: str) -> str:
    """Take over the caller's request id, or make one; answer it."""
    accepted = received if _ACCEPTABLE.fullmatch(received) else uuid.uuid4().hex
    _REQUEST_ID.set(accepted)
    return accepted


def outgoing_metadata() -> tuple[tuple[str, str], ...]:
    """Answer the metadata that carry the request id to the next service."""
    current = request_id()
    return ((REQUEST_ID_KEY, current),) if current else ()


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, service, logger, message, request_id and extras."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Format one record; `extra` fields appear under their own names."""
        entry: dict[str, object] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if current := request_id():
            entry["request_id"] = current
        entry.update({key: value for key, value in vars(record).items() if key not in _PLAIN})
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str, ensure_ascii=False)


def configure(service: str, level: str) -> None:
    """Send all logs of this process to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # It logs the addresses of its retries whole, and a presigned one is a key to the store.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
