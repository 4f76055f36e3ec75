"""Which endpoints are joined, and how long each block is."""

from __future__ import annotations

import pytest

from services.trainer.search.cuts import DEFAULT, LAST, MAX_JOINED, Cut, candidate_cuts

FIVE = ("stride4", "stride8", "stride16", "stride32", DEFAULT)


def test_the_last_layer_comes_first_and_earlier_ones_follow_nearest_first() -> None:
    cuts = candidate_cuts(FIVE)
    assert cuts[0] == LAST
    joined = [cut for cut in cuts if len(cut.endpoints) > 1]
    assert {cut.endpoints for cut in joined} == {
        (DEFAULT, "stride32"),
        (DEFAULT, "stride32", "stride16"),
        (DEFAULT, "stride32", "stride16", "stride8"),
    }
    assert [cut.endpoints for cut in cuts if len(cut.endpoints) == 1] == [
        (DEFAULT,),
        ("stride32",),
        ("stride16",),
        ("stride8",),
    ]


def test_joined_blocks_weigh_the_same_or_less_the_earlier_they_are() -> None:
    joined = [cut for cut in candidate_cuts(FIVE) if len(cut.endpoints) > 1]
    for endpoints in {cut.endpoints for cut in joined}:
        lengths = [cut.lengths for cut in joined if cut.endpoints == endpoints]
        assert (1.0,) * len(endpoints) in lengths
        assert len(lengths) == len(set(lengths)) == 2
        for each in lengths:
            assert each[0] == 1
            assert list(each) == sorted(each, reverse=True)
            assert min(each) > 0


def test_the_last_layer_is_the_last_wherever_it_stands() -> None:
    assert candidate_cuts((DEFAULT, "a", "b")) == candidate_cuts(("a", "b", DEFAULT))


def test_a_backbone_with_one_endpoint_has_one_cut() -> None:
    assert candidate_cuts((DEFAULT,)) == (LAST,)


def test_however_deep_a_backbone_is_few_blocks_are_joined() -> None:
    cuts = candidate_cuts([f"e{i}" for i in range(100)] + [DEFAULT])
    assert max(len(cut.endpoints) for cut in cuts) == MAX_JOINED


def test_every_cut_has_a_name_of_its_own() -> None:
    names = [str(cut) for cut in candidate_cuts(FIVE)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("cut", "name"),
    [
        (LAST, "default"),
        (Cut((DEFAULT, "a"), (1.0, 1.0)), "default + a"),
        (Cut((DEFAULT, "a", "b"), (1.0, 0.6, 0.36)), "default + 0.6 a + 0.36 b"),
    ],
)
def test_a_cut_reads_as_a_sum(cut: Cut, name: str) -> None:
    assert str(cut) == name
