"""Where two backbones are cut together, and how the parts are weighed."""

from __future__ import annotations

import math

import pytest

from services.trainer.search.cuts import DEFAULT, Cut, candidate_cuts
from services.trainer.search.part_cuts import (
    STEPS,
    by_part,
    count_of,
    cuts_of,
    last_of,
    named,
    split,
)

IMAGE, TEXT = ("stride16", "stride32", DEFAULT), ("layer_4", "layer_5", DEFAULT)
NAMES = (*(named("image", one) for one in IMAGE), *(named("text", one) for one in TEXT))
LAST = Cut(("image:default", "text:default"), (1.0, 1.0))
BEST = Cut(("image:stride32", "image:default", "text:default"), (0.6, 0.8, 1.0))


def _length(cut: Cut, part: str) -> float:
    pairs = zip(cut.endpoints, cut.lengths, strict=True)
    return math.sqrt(sum(length**2 for name, length in pairs if split(name)[0] == part))


def test_names_tell_part_and_endpoint_also_of_a_tensor() -> None:
    assert split(named("image", "block_3/relu:0")) == ("image", "block_3/relu:0")
    assert by_part(NAMES) == {"image": IMAGE, "text": TEXT}


def test_the_last_layers_of_both_come_first() -> None:
    assert last_of(NAMES) == LAST
    assert cuts_of(NAMES, 0, LAST)[0] == LAST


@pytest.mark.parametrize("step", [0, 1])
def test_first_one_part_is_cut_and_then_the_other_beside_the_best(step: int) -> None:
    part, other = ("image", "text") if step == 0 else ("text", "image")
    best = LAST if step == 0 else BEST
    found = cuts_of(NAMES, step, best)
    assert len(found) == len(candidate_cuts(IMAGE)) - step
    kept = [name for name in best.endpoints if split(name)[0] == other]
    for cut in found:
        assert [name for name in cut.endpoints if split(name)[0] == other] == kept
        assert _length(cut, part) == pytest.approx(1, abs=2e-3)
        assert _length(cut, other) == pytest.approx(1, abs=2e-3)
        assert [split(name)[0] for name in cut.endpoints] == sorted(
            split(name)[0] for name in cut.endpoints
        )


def test_in_the_end_either_part_may_weigh_less() -> None:
    assert cuts_of(NAMES, STEPS - 1, BEST) == (
        Cut(BEST.endpoints, (0.3, 0.4, 1.0)),
        Cut(BEST.endpoints, (0.6, 0.8, 0.5)),
    )


def test_no_cut_leaves_a_part_out() -> None:
    best = LAST
    for step in range(STEPS):
        for cut in cuts_of(NAMES, step, best):
            assert set(by_part(cut.endpoints)) == {"image", "text"}
            best = cut


def test_the_cuts_are_counted_and_each_has_a_name_of_its_own() -> None:
    names = [str(cut) for step in range(STEPS) for cut in cuts_of(NAMES, step, LAST)]
    assert len(set(names)) == len(names) == count_of(NAMES)
