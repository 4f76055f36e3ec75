"""Make the bucket of the store: `python -m services.common.store.bucket [--wait SECONDS]`.

Run once before the services, by the cluster's bucket Job. Waits for the S3 server, finds or makes
the bucket, and says which; run again it changes nothing. Exit status 0 done, 1 failed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence

import certifi
import urllib3
from minio import Minio
from minio.error import S3Error

from graft.errors import GraftError, Unavailable
from services.common.store.s3_errors import s3_errors
from services.common.store.s3_settings import S3Settings, read_s3_settings

DEFAULT_WAIT_S = 120.0
PAUSE_S = 1.0
CALL_TIMEOUT_S = 5.0


def ensure_bucket(settings: S3Settings, *, wait_s: float) -> bool:
    """Make the bucket unless it exists; True where it was made here.

    A server that does not answer yet is asked again for `wait_s` seconds, then Unavailable is
    raised. One that refuses (FailedPrecondition) is not asked again.
    """
    deadline = time.monotonic() + wait_s
    while True:
        try:
            return _ensure_now(settings)
        except Unavailable:
            if time.monotonic() + PAUSE_S > deadline:
                raise
            time.sleep(PAUSE_S)


def _ensure_now(settings: S3Settings) -> bool:
    client = _client(settings)
    with s3_errors(settings, settings.bucket):
        return not _exists(client, settings) and _make(client, settings)


def _exists(client: Minio, settings: S3Settings) -> bool:
    try:
        return bool(client.bucket_exists(bucket_name=settings.bucket))
    except S3Error as error:
        if error.code != "AccessDenied":
            raise
        return False  # the answer to a HEAD gives no reason; the one to making the bucket does


def _make(client: Minio, settings: S3Settings) -> bool:
    try:
        client.make_bucket(bucket_name=settings.bucket, location=settings.region)
    except S3Error as error:
        if error.code != "BucketAlreadyOwnedByYou":  # somebody made it since we looked
            raise
        return False
    return True


def _client(settings: S3Settings) -> Minio:
    """A client that asks once: the waiting is `ensure_bucket`'s."""
    return Minio(
        endpoint=settings.endpoint.partition("://")[2],
        access_key=settings.access_key,
        secret_key=settings.secret_key,
        session_token=settings.session_token,
        secure=settings.secure,
        region=settings.region,
        http_client=urllib3.PoolManager(
            timeout=CALL_TIMEOUT_S, retries=False, ca_certs=settings.ca_file or certifi.where()
        ),
    )


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Make the bucket that the settings name; answer the exit status."""
    parser = argparse.ArgumentParser(prog="bucket", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--wait", type=float, default=DEFAULT_WAIT_S, help="seconds to wait")
    wait_s = parser.parse_args(arguments).wait
    try:
        settings = read_s3_settings(environ.get("GRAFT_STORE", ""), environ)
        made = ensure_bucket(settings, wait_s=wait_s)
    except GraftError as error:
        print(f"bucket: {error}", file=sys.stderr)
        return 1
    print(f"bucket: {settings.bucket} at {settings.endpoint} {'made' if made else 'exists'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
