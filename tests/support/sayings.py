"""Short texts of a few intents, written for the tests; each is another one."""

from __future__ import annotations

from collections.abc import Iterator

from graft.common.v1 import content_pb2
from graft.trainer.v1 import dataset_service_pb2

_PARTS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "weather": (
        ("will it", "does it look as if it will", "tell me if it will", "how likely is it to"),
        ("rain", "snow", "be sunny", "get cold", "storm"),
        ("today", "tomorrow", "on Sunday", "in Oslo", "by the sea"),
    ),
    "music": (
        ("play", "put on", "I want to hear", "start"),
        ("some jazz", "a slow song", "my favourite album", "the new record", "old rock music"),
        ("please", "in the kitchen", "a bit louder", "again", "for the party"),
    ),
    "travel": (
        ("book", "find me", "I need", "reserve"),
        ("a flight", "a train ticket", "a hotel room", "two seats", "a rental car"),
        ("to Rome", "for next week", "from Berlin", "for three nights", "as cheap as possible"),
    ),
}
INTENTS = tuple(_PARTS)


def sayings(intent: str, *, first: int = 0, count: int) -> list[str]:
    """Texts of one intent from number `first` on; there are 100 of each, in an order that mixes
    the parts."""
    begin, middle, end = _PARTS[intent]
    every = [
        f"{begin[n % len(begin)]} {middle[n // 4 % 5]} {end[(n // 20 + n) % 5]}" for n in range(100)
    ]
    return every[first : first + count]


def examples(*, first: int = 0, count: int) -> Iterator[dataset_service_pb2.Example]:
    """`count` texts of each intent, as a trainer takes them."""
    for intent in INTENTS:
        for number, text in enumerate(sayings(intent, first=first, count=count), start=first):
            yield dataset_service_pb2.Example(
                path=f"{intent} {number}",
                labels=[intent],
                content=content_pb2.Content(text=text),
            )
