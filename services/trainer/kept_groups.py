"""Near-duplicate groups of examples, kept: laying pictures on each other takes seconds a thousand.

They follow from the contents alone, so they are named by the keys of the examples in their order,
and by the version of the suite that compared them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

import graft
from graft.errors import NotFound
from services.common import layout
from services.common.store import Store
from services.trainer.data.near_duplicates import Pairs, groups
from services.trainer.search.examples import Indices

_TYPE: Final = np.dtype("<u4")


def grouped(
    store: Store, project: str, keys: Sequence[bytes], compare: Callable[[], Pairs]
) -> Indices:
    """A group for each example, `[n]`, from the store or by comparing them.

    What is in the store and has not one number an example is written anew.
    """
    digest = hashlib.sha256(graft.__version__.encode() + b"\0" + b"".join(keys)).hexdigest()
    place = layout.duplicate_groups(project, digest)
    try:
        data = store.get(place)
    except NotFound:
        data = b""
    if keys and len(data) == len(keys) * _TYPE.itemsize:
        return np.frombuffer(data, _TYPE).astype(np.int64)
    found = groups(compare(), len(keys))
    store.put(place, found.astype(_TYPE).tobytes())
    return found
