"""What can be predicted or learned from: an image as a file or as bytes, a text, or both as one.

A file whose name ends in .txt is a text, every other one an image.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from graft import download
from graft.common.v1 import content_pb2, error_reason_pb2, problem_pb2
from graft.errors import GraftError, InvalidArgument, NotFound


@dataclass(frozen=True, slots=True)
class Text:
    """A text, as opposed to the path of a file."""

    text: str


@dataclass(frozen=True, slots=True)
class Url:
    """Where an image or .txt file can be fetched."""

    url: str


@dataclass(frozen=True, slots=True)
class Joint:
    """An image and a text that are one item, such as a post with a picture and words."""

    image: bytes | str | os.PathLike[str] | Url
    text: str


Item = bytes | str | os.PathLike[str] | Text | Url | Joint
"""An image file's bytes, the path of an image or .txt file (str or Path), a Text, a Url, or a
Joint."""

TEXT_EXTENSION: Final = ".txt"

MAX_TEXT_BYTES: Final = 1 << 20
"""The longest text that any service takes, in bytes of UTF-8: a book's chapter many times over."""

MESSAGE_SLACK_BYTES: Final = 64 * 1024
"""Room in a message for names, lengths and framing around the contents."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why one item was not taken: a name of ErrorReason without its prefix, and a sentence."""

    reason: str
    message: str

    @classmethod
    def from_proto(cls, problem: problem_pb2.Problem) -> Problem:
        """Read a problem off the wire."""
        name = error_reason_pb2.ErrorReason.Name(problem.reason)
        return cls(name.removeprefix("ERROR_REASON_"), problem.message)

    def to_proto(self) -> problem_pb2.Problem:
        """Write it for the wire."""
        return problem_pb2.Problem(reason=f"ERROR_REASON_{self.reason}", message=self.message)

    @classmethod
    def from_error(cls, error: GraftError) -> Problem:
        """Tell an error as a problem of one item."""
        return cls(error.reason, error.message)


def display_path(path: str | os.PathLike[str]) -> str:
    r"""Answer a path as valid Unicode: bytes of the name that are not UTF-8 appear as \xNN."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def item_name(item: Item, position: int) -> str:
    """Answer how error texts call an item: its path, or its place among the items."""
    if isinstance(item, Joint):
        return item_name(item.image, position)
    if isinstance(item, Url):
        return item.url
    return f"items[{position}]" if isinstance(item, bytes | Text) else display_path(item)


def item_size(item: Item) -> int:
    """Answer the size in bytes that an item takes on the wire, 0 for a Url, of which it is not
    known; raise like `load` for a file."""
    if isinstance(item, Joint):
        return sum(map(item_size, parts_of(item)))
    if isinstance(item, Url):
        return 0
    if isinstance(item, bytes):
        return len(item)
    if isinstance(item, Text):
        return len(_encoded(item.text))
    try:
        found = Path(item).stat()
        if not stat.S_ISREG(found.st_mode):
            shown = display_path(item)
            raise InvalidArgument(f"{shown} is no file. Received: {shown!r}")
        return found.st_size
    except (OSError, ValueError) as error:
        raise file_error(item, error) from error


def parts_of(item: Item) -> tuple[Item, ...]:
    """Answer the image and the text of a Joint, of any other item the item itself."""
    return (item.image, Text(item.text)) if isinstance(item, Joint) else (item,)


def load(item: Item, *, limit: int = download.MAX_BYTES) -> content_pb2.Content:
    """Read an item for the wire; raise NotFound or InvalidArgument naming the file, of a Url what
    `fetch` raises, for one larger than `limit` bytes, too."""
    if isinstance(item, Joint):
        return _load_joint(item, limit)
    if isinstance(item, bytes):
        return content_pb2.Content(image=item)
    if isinstance(item, Text):
        return content_pb2.Content(text=_encoded(item.text).decode())
    if isinstance(item, Url):
        most = MAX_TEXT_BYTES if is_text(item) else limit
        data, shown = download.fetch(item.url, most), item.url
    else:
        shown = display_path(item)
        try:
            data = Path(item).read_bytes()
        except (OSError, ValueError) as error:
            raise file_error(item, error) from error
    if is_text(item):
        return content_pb2.Content(text=decode_text(data, shown))
    return content_pb2.Content(image=data)


def _load_joint(item: Joint, limit: int) -> content_pb2.Content:
    image, words = parts_of(item)
    if is_text(image):
        shown = item_name(image, 0)
        raise InvalidArgument(
            f"{shown} is no image, and a text stands beside it; name an image, or the text alone."
            f" Received: {shown!r}"
        )
    return content_pb2.Content(image=load(image, limit=limit).image, text=load(words).text)


def is_text(item: Item) -> bool:
    """Whether an item is a text and nothing else: a Text, or a file by its name."""
    if isinstance(item, bytes | Text | Joint):
        return isinstance(item, Text)
    if isinstance(item, Url):
        return urlsplit(item.url).path.lower().endswith(TEXT_EXTENSION)
    return os.path.splitext(os.fsdecode(item))[1].lower() == TEXT_EXTENSION


def decode_utf8(data: bytes, shown: str) -> str:
    """Read UTF-8 with or without a byte order mark; raise InvalidArgument for anything else."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InvalidArgument(
            f"{shown} line {line} is not UTF-8; save the file as UTF-8."
            f" Received: byte {error.object[error.start]:#04x}"
        ) from error


def decode_text(data: bytes, shown: str) -> str:
    """Read a text as `decode_utf8` does; raise InvalidArgument for a zero byte, too.

    No person wrote one: the file is a binary one, or UTF-16.
    """
    text = decode_utf8(data, shown)
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise InvalidArgument(
            f"{shown} line {line} holds a zero byte and is no text; save it as UTF-8. Received:"
            " byte 0x00"
        )
    return text


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgument(
            f"a text is Unicode without lone surrogates. Received: {text[error.start]!a} at"
            f" character {error.start}"
        ) from error


def file_error(path: str | os.PathLike[str], error: OSError | ValueError) -> GraftError:
    """Say why a file could not be read."""
    shown = display_path(path)
    if isinstance(error, FileNotFoundError):
        return NotFound(f"there is no file {shown}. Received: {shown!r}")
    if isinstance(error, IsADirectoryError):
        return InvalidArgument(f"{shown} is a folder; a file was wanted. Received: {shown!r}")
    why = (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__
    return InvalidArgument(f"{shown} cannot be read: {why}. Received: {shown!r}")


def too_large(path: str, size: int, limit: int, *, text: bool) -> Problem:
    """Say that a file, or a text, exceeds what the server takes."""
    if text:
        return Problem(
            "TEXT_TOO_LARGE",
            f"{path} is larger than the {limit} bytes of UTF-8 that one text may have; cut it, or"
            f" split it. Received: {size} bytes",
        )
    return Problem(
        "IMAGE_TOO_LARGE",
        f"{path} is larger than the {limit} bytes that the server takes for one image; store it"
        f" smaller. Received: {size} bytes",
    )
