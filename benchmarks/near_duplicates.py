"""Are copies of pictures found, and nothing else?

    python -m benchmarks.near_duplicates

To all pictures of each shared set one copy of each kind is added: five times as many pictures in
all. `recall` is the share of copies that end up in the group of their original. A pair that is
named between different originals (or copies of them) is a stranger's, unless these two are in one
group before any copy is made: such are in the sets already, under `already_there`, with the first
of them by name for the eye. `false_share` is strangers' pairs among all pairs named.

Looked at by eye: of the pairs that are there already, the 3 of houses (2 of them under two labels),
14 of the 15 of cifar10 and all of 48 of magnetic_tile, the 24 least alike among them, show the same
thing (a tile at another exposure); one of cifar10 is doubtful, and the 2 of omniglot20 are simple
letters by different hands.
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from benchmarks import record
from benchmarks.copies import KINDS, SETS, Picture, copies, pictures, sketch
from services.trainer.data.near_duplicates import Pairs, groups, near_duplicates
from services.trainer.data.sketch import Sketches, stack

NAMED = 12
GROWTH = (250, 1_000, 4_000, 16_000)

Indices = NDArray[np.int64]


def _sketches(found: list[Picture], seed: int) -> tuple[Sketches, Sketches]:
    """Of the originals [n] and of their copies [n x KINDS], those of one picture together."""
    rng = np.random.default_rng(seed)
    whole = [sketch(picture.path.read_bytes()) for picture in found]
    made = [sketch(data) for picture in found for data in copies(picture.opened(), rng)]
    return stack(whole), stack(made)


def _strangers(pairs: Pairs, source: Indices, before: Indices) -> int:
    first, second = source[pairs.first], source[pairs.second]
    return int((before[first] != before[second]).sum())


def _question(name: str) -> tuple[dict[str, object], Sketches]:
    found = pictures(name)
    whole, made = _sketches(found, seed=0)
    count = len(whole)
    alone = near_duplicates(whole)
    before = groups(alone, count)
    everything = np.concatenate([whole, made])
    source = np.concatenate([np.arange(count), np.repeat(np.arange(count), len(KINDS))])
    started = time.process_time()
    pairs = near_duplicates(everything)
    cpu_s = time.process_time() - started
    after = groups(pairs, len(everything))
    hits = after[count:].reshape(count, len(KINDS)) == after[:count, None]
    strangers = _strangers(pairs, source, before)
    listed = zip(alone.first[:NAMED].tolist(), alone.second[:NAMED].tolist(), strict=True)
    return {
        "pictures": count,
        "recall": round(float(hits.mean()), 4),
        "recall_by_kind": dict(zip(KINDS, hits.mean(0).round(4).tolist(), strict=True)),
        "pairs": len(pairs.first),
        "strangers": strangers,
        "false_share": round(strangers / max(1, len(pairs.first)), 5),
        "already_there": len(alone.first),
        "largest_group": int(np.bincount(before).max()),
        "named": [f"{found[a].name} = {found[b].name}" for a, b in listed],
        "cpu_s": round(cpu_s, 2),
    }, everything


def _growth(sketches: Sketches) -> dict[str, float]:
    """Seconds of processor time by number of pictures."""
    found = {}
    for count in GROWTH:
        if count <= len(sketches):
            started = time.process_time()
            near_duplicates(sketches[:count])
            found[str(count)] = round(time.process_time() - started, 2)
    return found


def main() -> None:
    """Measure, print and keep."""
    answers, pools = {}, []
    for name in SETS:
        answers[name], pool = _question(name)
        pools.append(pool)
    joined = np.concatenate(pools)
    mixed = joined[np.random.default_rng(0).permutation(len(joined))]
    record.keep("near_duplicates", {"sets": answers, "cpu_s_by_count": _growth(mixed)})


if __name__ == "__main__":
    main()
