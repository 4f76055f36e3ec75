"""The store in a bucket of MinIO or any other S3 server, through the `minio` client.

Only the plain part of the protocol is used: no tags, ACLs, notifications or lifecycle rules.
The client's `put_object` takes no conditions, so conditional writes are presigned PUTs sent with
`If-None-Match: *` or `If-Match`; `Store.probe` finds servers that ignore these headers.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

import certifi
import urllib3
from minio import Minio
from minio.deleteobjects import DeleteObject

from graft.errors import Conflict, NotFound
from services.common.store.base import (
    Names,
    ObjectInfo,
    Store,
    away,
    changed,
    check_folder,
    check_key,
    check_prefix,
    exists,
    is_key,
)
from services.common.store.newfile import new_file
from services.common.store.s3_errors import error_code, s3_error, s3_errors
from services.common.store.s3_settings import S3Settings

CONNECT_TIMEOUT_S = 2.0
READ_TIMEOUT_S = 10.0  # between two reads of one answer
RETRIES = 2
POOL_SIZE = 64  # connections kept; more threads than this open and close their own
PART_BYTES = 16 << 20
_CHUNK_BYTES = 1 << 20
_CONDITION_ATTEMPTS = 5
_PRESIGNED_FOR = timedelta(minutes=15)


class S3Store(Store):
    """Objects below one prefix of one bucket; owns its connections until `close`."""

    def __init__(self, settings: S3Settings, *, read_timeout_s: float = READ_TIMEOUT_S) -> None:
        """Prepare the client; no request is sent."""
        self.url = settings.url
        self._settings = settings
        self._http = _pool(settings, read_timeout_s)
        self._client = Minio(
            endpoint=settings.endpoint.partition("://")[2],
            access_key=settings.access_key,
            secret_key=settings.secret_key,
            session_token=settings.session_token,
            secure=settings.secure,
            region=settings.region,
            http_client=self._http,
        )

    def get_with_info(self, key: str) -> tuple[bytes, ObjectInfo]:
        with self._errors(key), self._response(key) as response:
            data: bytes = response.read()
            return data, ObjectInfo(key=key, size=len(data), etag=_etag(response.headers))

    def head(self, key: str) -> ObjectInfo | None:
        name = self._name(key)
        try:
            with self._errors(key):
                found = self._client.stat_object(
                    bucket_name=self._settings.bucket, object_name=name
                )
        except NotFound:
            return None
        return ObjectInfo(key=key, size=int(found.size or 0), etag=found.etag or "")

    def put(self, key: str, data: bytes, *, if_absent: bool = False) -> ObjectInfo:
        if if_absent:
            return self._put_when(key, data, {"If-None-Match": "*"}, exists(key))
        return self._put_stream(key, io.BytesIO(data), len(data))

    def replace(self, key: str, data: bytes, *, etag: str) -> ObjectInfo:
        return self._put_when(key, data, {"If-Match": f'"{etag}"'}, changed(key, etag))

    def put_file(self, key: str, path: Path) -> ObjectInfo:
        with path.open("rb") as file:
            return self._put_stream(key, file, os.fstat(file.fileno()).st_size)

    def get_file(self, key: str, path: Path) -> ObjectInfo:
        with self._errors(key), self._response(key) as response:
            with new_file(path) as file:
                size = sum(file.write(chunk) for chunk in response.stream(_CHUNK_BYTES))
            return ObjectInfo(key=key, size=size, etag=_etag(response.headers))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        check_prefix(prefix)
        for found in self._found(prefix, recursive=True):
            key = found.object_name.removeprefix(self._settings.prefix)
            if is_key(key):
                yield ObjectInfo(key=key, size=int(found.size or 0), etag=found.etag or "")

    def children(self, prefix: str) -> Names:
        check_folder(prefix, allow_all=True)
        start = self._settings.prefix + prefix
        found = self._found(prefix, recursive=False)
        names = {entry.object_name.removeprefix(start).removesuffix("/") for entry in found}
        return sorted(name for name in names if is_key(prefix + name))

    def delete(self, key: str) -> None:
        name = self._name(key)
        with self._errors(key):
            self._client.remove_object(bucket_name=self._settings.bucket, object_name=name)

    def delete_prefix(self, prefix: str) -> None:
        check_folder(prefix)
        names = (DeleteObject(found.object_name) for found in self._found(prefix, recursive=True))
        with self._errors(prefix):
            failures = self._client.remove_objects(
                bucket_name=self._settings.bucket, delete_object_list=names
            )
            for failure in failures:
                raise s3_error(
                    self._settings, prefix, 403, failure.code or "", failure.message or ""
                )

    def table_location(self, key: str) -> tuple[str, dict[str, str]]:
        settings = self._settings
        options = {
            "aws_endpoint": settings.endpoint,
            "aws_access_key_id": settings.access_key,
            "aws_secret_access_key": settings.secret_key,
            "aws_region": settings.region,
            "aws_virtual_hosted_style_request": "false",
            "allow_http": "false" if settings.secure else "true",
            "connect_timeout": f"{CONNECT_TIMEOUT_S:.0f}s",
            "timeout": f"{READ_TIMEOUT_S * 3:.0f}s",
            "client_max_retries": str(RETRIES),
            "client_retry_timeout": f"{READ_TIMEOUT_S * 3:.0f}",
        }
        if settings.session_token:
            options["aws_session_token"] = settings.session_token
        return f"s3://{settings.bucket}/{self._name(key)}", options

    def close(self) -> None:
        self._http.clear()

    def _name(self, key: str) -> str:
        return self._settings.prefix + check_key(key)

    @contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        with s3_errors(self._settings, key):
            yield

    @contextmanager
    def _response(self, key: str) -> Iterator[urllib3.BaseHTTPResponse]:
        response = self._client.get_object(
            bucket_name=self._settings.bucket, object_name=self._name(key)
        )
        try:
            yield response
        finally:
            response.close()
            response.release_conn()

    def _found(self, prefix: str, *, recursive: bool) -> Iterator[Any]:
        with self._errors(prefix):
            yield from self._client.list_objects(
                bucket_name=self._settings.bucket,
                prefix=self._settings.prefix + prefix,
                recursive=recursive,
            )

    def _put_stream(self, key: str, data: BinaryIO, size: int) -> ObjectInfo:
        name = self._name(key)
        with self._errors(key):
            written = self._client.put_object(
                bucket_name=self._settings.bucket,
                object_name=name,
                data=data,
                length=size,
                part_size=PART_BYTES,
                num_parallel_uploads=1,  # the client leaves its threads behind when one fails
            )
        return ObjectInfo(key=key, size=size, etag=written.etag or "")

    def _put_when(
        self, key: str, data: bytes, condition: Mapping[str, str], refused: Conflict
    ) -> ObjectInfo:
        for _ in range(_CONDITION_ATTEMPTS):
            response = self._send(key, data, condition)
            if response.status == 200:
                return ObjectInfo(key=key, size=len(data), etag=_etag(response.headers))
            code, message = error_code(response.data)
            gone = response.status == 404 and code == "NoSuchKey"
            if response.status == 412 or gone:
                raise refused
            if code != "ConditionalRequestConflict":  # writers met on the server: ask again
                raise s3_error(self._settings, key, response.status, code, message)
        raise away(f"writers of one object keep meeting, got {key!r}")

    def _send(
        self, key: str, data: bytes, condition: Mapping[str, str]
    ) -> urllib3.BaseHTTPResponse:
        """PUT once: a repeat after a lost answer would meet our own object and call it a loss."""
        name = self._name(key)
        digest = hashlib.md5(data, usedforsecurity=False).digest()
        with self._errors(key):
            url = self._client.presigned_put_object(
                bucket_name=self._settings.bucket, object_name=name, expires=_PRESIGNED_FOR
            )
            return self._http.request(
                "PUT",
                url,
                body=data,
                headers={"Content-MD5": base64.b64encode(digest).decode(), **condition},
                retries=urllib3.Retry(total=RETRIES, connect=RETRIES, read=0, other=0, status=0),
            )


def _pool(settings: S3Settings, read_timeout_s: float) -> urllib3.PoolManager:
    return urllib3.PoolManager(
        maxsize=POOL_SIZE,
        timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=read_timeout_s),
        retries=urllib3.Retry(
            total=RETRIES,
            read=1,
            backoff_factor=0.1,
            status_forcelist=(500, 502, 503, 504),
            raise_on_status=False,
            respect_retry_after_header=False,  # the server must not set how long we hang
        ),
        cert_reqs="CERT_REQUIRED",
        ca_certs=settings.ca_file or certifi.where(),
    )


def _etag(headers: Mapping[str, str]) -> str:
    return headers.get("etag", "").strip('"')
