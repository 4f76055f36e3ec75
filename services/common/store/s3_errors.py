"""What an S3 server or the way to it may answer, as Graft's errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from xml.etree import ElementTree

from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from urllib3.exceptions import HTTPError

from graft.errors import FailedPrecondition, GraftError, InvalidArgument, Unavailable
from services.common.store.base import away, not_found
from services.common.store.s3_settings import S3Settings

_BUSY = frozenset({429, *range(500, 600)} - {501})
_ABSENT = frozenset({"NoSuchKey", "NoSuchVersion", "ResourceNotFound"})
_DENIED = frozenset({"AccessDenied", "AllAccessDisabled", "AccountProblem"})
_BAD_KEYS = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken"})
_BAD_NAMES = frozenset(
    {
        "KeyTooLongError",
        "XMinioInvalidObjectName",
        "XMinioObjectExistsAsDirectory",
        "XMinioParentIsObject",
    }
)


@contextmanager
def s3_errors(settings: S3Settings, key: str) -> Iterator[None]:
    """Turn what the client raises into Graft's errors, naming the key and the server."""
    try:
        yield
    except S3Error as error:
        status = error.response.status if error.response is not None else 0
        raise s3_error(settings, key, status, error.code or "", error.message or "") from error
    except InvalidResponseError as error:
        raise s3_error(settings, key, int(error._code or 0), "", "not an S3 answer") from error
    except ServerError as error:
        raise s3_error(settings, key, error.status_code, "", str(error)) from error
    except (HTTPError, MinioException) as error:
        raise unreachable(settings, key, error) from error
    except ElementTree.ParseError as error:
        raise s3_error(settings, key, 0, "", "not an S3 answer") from error


def s3_error(settings: S3Settings, key: str, status: int, code: str, message: str) -> GraftError:
    """The error for an answer with this HTTP status, S3 error code and text."""
    if code in _ABSENT:
        return not_found(key)
    got = f"got {code or status} ({message}) for {key!r} from {settings.endpoint}"
    if code in _BAD_NAMES:
        return InvalidArgument(f"the S3 server refuses the key, {got}", metadata={"key": key})
    if status in _BUSY or code in ("SlowDown", "RequestTimeout"):
        return away(f"the S3 server cannot answer now, {got}")
    return FailedPrecondition(f"{_fix(settings, code, status)}, {got}")


def unreachable(settings: S3Settings, key: str, cause: Exception) -> Unavailable:
    """The error for no answer at all."""
    return away(
        f"the S3 server does not answer; check AWS_ENDPOINT_URL={settings.endpoint} and that it "
        f"runs; if this was a write, it may have happened, got {type(cause).__name__} for {key!r}"
    )


def error_code(body: bytes) -> tuple[str, str]:
    """The code and the text in the XML body of an S3 error; empty where it is something else."""
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        return "", ""
    return root.findtext("Code") or "", root.findtext("Message") or ""


def _fix(settings: S3Settings, code: str, status: int) -> str:
    if code == "NoSuchBucket":
        return f"the bucket {settings.bucket!r} does not exist; create it or correct the store url"
    if code in _BAD_KEYS:
        return "the S3 server refuses the keys; correct AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"
    if code == "RequestTimeTooSkewed":
        return "the clocks of this machine and the S3 server differ; set them"
    if status == 501:
        return "the S3 server lacks what Graft needs; use one with conditional writes"
    if code in _DENIED or status in (401, 403):
        return f"access denied; let this key read, write, list, delete in {settings.bucket!r}"
    return "the S3 server refuses the request; check AWS_ENDPOINT_URL and AWS_REGION"
