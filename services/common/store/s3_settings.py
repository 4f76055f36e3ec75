"""Where a bucket is and who may use it: read once from a store url and the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from graft.errors import InvalidArgument
from services.common.store.base import check_key

DEFAULT_REGION = "us-east-1"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION = re.compile(r"[A-Za-z0-9-]{1,64}")


@dataclass(frozen=True, slots=True)
class S3Settings:
    """One prefix of one bucket on one server; `prefix` is "" or ends with a slash."""

    bucket: str
    prefix: str
    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(repr=False)
    region: str
    ca_file: str | None = None

    @property
    def url(self) -> str:
        """The store url, without a slash at its end."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    @property
    def secure(self) -> bool:
        """Whether the server is reached over TLS."""
        return self.endpoint.startswith("https://")


def read_s3_settings(url: str, environ: Mapping[str, str]) -> S3Settings:
    """Combine `s3://bucket/prefix` with the usual S3 variables.

    Raises InvalidArgument naming the setting, what was wanted and what was received.
    """
    bucket, prefix = _read_url(url)
    region = environ.get("AWS_REGION") or DEFAULT_REGION
    if not _REGION.fullmatch(region):
        raise _bad("AWS_REGION", "a region name such as us-east-1", region)
    return S3Settings(
        bucket=bucket,
        prefix=prefix,
        endpoint=_read_endpoint(environ, region),
        access_key=_required(environ, "AWS_ACCESS_KEY_ID"),
        secret_key=_required(environ, "AWS_SECRET_ACCESS_KEY"),
        session_token=environ.get("AWS_SESSION_TOKEN") or None,
        region=region,
        ca_file=environ.get("SSL_CERT_FILE") or None,
    )


def _read_url(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    prefix = unquote(parts.path).strip("/")
    if not _BUCKET.fullmatch(parts.netloc) or parts.query or parts.fragment:
        raise _bad("the store url", "s3://bucket/prefix", url)
    return parts.netloc, f"{check_key(prefix)}/" if prefix else ""


def _read_endpoint(environ: Mapping[str, str], region: str) -> str:
    value = environ.get("AWS_ENDPOINT_URL") or f"https://s3.{region}.amazonaws.com"
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise _bad("AWS_ENDPOINT_URL", "http(s)://host:port", value) from error
    plain = not (parts.path.strip("/") or parts.query or parts.fragment or parts.username)
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain or port == 0:
        raise _bad("AWS_ENDPOINT_URL", "http(s)://host:port without a path", value)
    return f"{parts.scheme}://{parts.netloc}"


def _required(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value.strip():
        raise _bad(name, "a value, since the store is a bucket", value)
    return value


def _bad(name: str, wanted: str, value: str) -> InvalidArgument:
    return InvalidArgument(f"{name} must be {wanted}, got {value!r}", metadata={"setting": name})
