"""The object store: one interface (`Store`), a folder or a bucket behind it (`open_store`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from graft.errors import InvalidArgument
from services.common.store.base import ObjectInfo, Store
from services.common.store.file import FileStore
from services.common.store.s3 import S3Store
from services.common.store.s3_settings import read_s3_settings

__all__ = ["ObjectInfo", "Store", "open_store"]

_WANTED = "a folder, file:///absolute/folder or s3://bucket/prefix"


def open_store(url: str, environ: Mapping[str, str]) -> Store:
    """Open the store at `url`: a plain path, `file:///folder` or `s3://bucket/prefix`.

    A bucket is reached with AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
    AWS_SESSION_TOKEN and AWS_REGION from `environ`. Opening sends no request: see `Store.probe`.
    Raises InvalidArgument naming the setting, its value and what was wanted.
    """
    if not url:
        raise _no_store(url)
    if "://" not in url and not url.startswith(("file:", "s3:")):
        return FileStore(Path(url).expanduser().absolute())
    if url.startswith("file:///"):
        return FileStore(Path(unquote(urlsplit(url).path)))
    if url.startswith("s3://"):
        return S3Store(read_s3_settings(url, environ))
    raise _no_store(url)


def _no_store(url: str) -> InvalidArgument:
    return InvalidArgument(f"GRAFT_STORE must be {_WANTED}. Received: {url!r}", field="GRAFT_STORE")
