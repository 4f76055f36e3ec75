"""Items taken apart: what of each a backbone is given, and where its vectors belong. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from graft.common.v1 import content_pb2
from graft.errors import GraftError, InvalidArgument
from services.common.heads.base import Floats

Kind = Literal["", "image", "text"]
"""A part of an item; empty for all that it has."""

KINDS: Final[tuple[Kind, Kind]] = ("image", "text")
_ITEM: Final = re.compile(r"items\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Given:
    """What of `count` items is embedded: the contents of those at `positions`, ascending."""

    count: int
    positions: tuple[int, ...]
    contents: Sequence[content_pb2.Content]

    def spread(self, vectors: Floats) -> Floats:
        """Vectors float32 `[positions, dim]` as `[count, dim]`, zeros where nothing is."""
        if len(self.positions) == self.count:
            return vectors
        found = np.zeros((self.count, vectors.shape[1]), np.float32)
        found[list(self.positions)] = vectors
        return found

    def named(self, error: GraftError) -> GraftError:
        """An error about one of the contents, in terms of the item that it is of."""
        match = _ITEM.match(error.field)
        if match is None or int(match[1]) >= len(self.positions):
            return error
        there, here = match[0], f"items[{self.positions[int(match[1])]}]"
        return type(error)(
            error.message.replace(there, here),
            reason=error.reason,
            field=error.field.replace(there, here),
            metadata=error.metadata,
            retry_after_s=error.retry_after_s,
        )


def give(items: Sequence[content_pb2.Content], kind: Kind) -> Given:
    """One part of the items that have it; InvalidArgument naming the first that has neither."""
    if not kind:
        return Given(len(items), tuple(range(len(items))), items)
    for number, item in enumerate(items):
        if not (item.HasField("image") or item.HasField("text")):
            field = f"items[{number}]"
            text = f"{field}: an item must have an image or a text, or both; got an empty item"
            raise InvalidArgument(text, field=field)
    having = [number for number, item in enumerate(items) if item.HasField(kind)]
    return Given(len(items), tuple(having), [_only(items[number], kind) for number in having])


def plain(items: Sequence[content_pb2.Content], kind: Kind) -> Kind:
    """The empty kind where all that the items have is of this one: models that share a backbone
    then share its vectors."""
    if not kind:
        return ""
    other: Kind = "text" if kind == "image" else "image"
    alone = all(item.HasField(kind) and not item.HasField(other) for item in items)
    return "" if alone else kind


def _only(item: content_pb2.Content, kind: Kind) -> content_pb2.Content:
    if kind == "image":
        return content_pb2.Content(image=item.image)
    return content_pb2.Content(text=item.text)
