"""Fetching a file that a manifest names by its URL."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from typing import Final
from urllib.parse import urlsplit

from graft.errors import DeadlineExceeded, GraftError, InvalidArgument, NotFound, Unavailable

MAX_BYTES: Final = 20 << 20
"""Of one file: what a service takes for one image, unless it says less."""
TIMEOUT_S: Final = 30.0
"""Without a byte from the other side."""
_SCHEMES: Final = ("http", "https")
_GONE: Final = (404, 410)
_SHOWN: Final = 200


def check_url(url: str) -> str:
    """Answer a URL that may be fetched; raise InvalidArgument for any other."""
    try:
        parts = urlsplit(url)
        right = parts.scheme.lower() in _SCHEMES and bool(parts.hostname)
    except ValueError:
        right = False
    if not right or not url.isascii() or any(c.isspace() or not c.isprintable() for c in url):
        raise InvalidArgument(
            f"a URL of http or https is wanted, with what is not ASCII escaped."
            f" Received: {url[:_SHOWN]!r}"
        )
    return url


def fetch(url: str, limit: int = MAX_BYTES) -> bytes:
    """Answer the content of a URL; raise NotFound, Unavailable, DeadlineExceeded, or
    InvalidArgument for what is larger than `limit` or MAX_BYTES, or refused."""
    limit = min(limit, MAX_BYTES)
    shown = check_url(url)[:_SHOWN]
    try:
        # Only http and https come here, and urllib follows redirects to no file.
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
            data: bytes = answer.read(limit + 1)
    except urllib.error.HTTPError as error:
        raise _refused(shown, error) from error
    except TimeoutError as error:
        raise DeadlineExceeded(f"{shown} did not answer within {TIMEOUT_S:g} s") from error
    except (OSError, http.client.HTTPException) as error:
        why = getattr(error, "reason", None) or error
        raise Unavailable(f"{shown} cannot be fetched; try again. Received: {why}") from error
    if len(data) > limit:
        raise InvalidArgument(
            f"{shown} is larger than the {limit} bytes that are taken of one item; store it"
            " smaller. Received: more",
            reason="REQUEST_TOO_LARGE",
        )
    return data


def _refused(shown: str, error: urllib.error.HTTPError) -> GraftError:
    error.close()
    text = f"{shown} answers {error.code} {error.reason}"
    if error.code in _GONE:
        return NotFound(f"there is nothing at {text}. Received: {error.code}")
    return InvalidArgument(f"{text}; download it and give its path. Received: {error.code}")
