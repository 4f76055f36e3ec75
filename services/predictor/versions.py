"""Which version answers and which head is given up: pure decisions, acted on elsewhere.

Two functions of plain snapshots. `follow` says what a name should do next to come to mean what the
store says, `make_room` what the cache of heads should do next to take one head more. Both keep the
same law: the same snapshot gives the same action, so a caller may ask again after every step, and
after any failure, until the answer is None.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class View:
    """What is known of one name.

    `wanted` is the version that it means in the store now (None: it is gone), `serving` the one
    that requests get. `ready` holds the versions loaded, `refused` those that could not be.
    """

    wanted: Hashable | None
    serving: Hashable | None
    ready: frozenset[Hashable] = frozenset()
    refused: frozenset[Hashable] = frozenset()


@dataclass(frozen=True, slots=True)
class Load:
    """Read this version into memory; requests go on getting the other one."""

    version: Hashable


@dataclass(frozen=True, slots=True)
class Switch:
    """Give requests this version, which is loaded, from now on."""

    version: Hashable


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Answer no more requests: the name is gone."""


def follow(view: View) -> Load | Switch | Withdraw | None:
    """The next step towards serving what is wanted; None when there is nothing to do.

    A version is switched to only once it is loaded, and one that was refused leaves the version
    that serves in its place.
    """
    if view.wanted == view.serving:
        return None
    if view.wanted is None:
        return Withdraw()
    if view.wanted in view.ready:
        return Switch(view.wanted)
    if view.wanted in view.refused:
        return None
    return Load(view.wanted)


@dataclass(frozen=True, slots=True)
class Held:
    """A head in memory: its size and how many requests use it."""

    key: Hashable
    size_bytes: int
    users: int


@dataclass(frozen=True, slots=True)
class Unload:
    """Give up this head: nobody uses it."""

    key: Hashable


@dataclass(frozen=True, slots=True)
class Wait:
    """All heads are in use: wait until one is not."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """No unloading can make room: the head is larger than the whole budget."""


def make_room(
    held: Iterable[Held], *, used_bytes: int, extra_bytes: int, budget_bytes: int
) -> Unload | Wait | Refuse | None:
    """The next step towards holding `extra_bytes` more within the budget; None when they fit.

    `held` comes least recently used first and is read no further than the first idle head;
    `used_bytes` counts all of it. A head in use is never given up.
    """
    if extra_bytes > budget_bytes:
        return Refuse()
    if used_bytes + extra_bytes <= budget_bytes:
        return None
    for head in held:
        if head.users == 0:
            return Unload(head.key)
    return Wait()
