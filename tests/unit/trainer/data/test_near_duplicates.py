from __future__ import annotations

import numpy as np
import pytest

from services.trainer.data import near_duplicates as module
from services.trainer.data.near_duplicates import groups, leaks, near_duplicates
from services.trainer.data.sketch import SIDE, Sketches
from tests.support.copies import copies, jpeg, scene, sketches

STRANGERS = 60
COPIED = 12


@pytest.fixture(scope="module")
def files() -> list[bytes]:
    return [jpeg(scene(seed)) for seed in range(STRANGERS)]


@pytest.fixture(scope="module")
def known(files: list[bytes]) -> Sketches:
    return sketches(files)


def test_strangers_stay_alone(known: Sketches) -> None:
    found = near_duplicates(known)
    assert len(found.first) == 0
    assert groups(found, STRANGERS).tolist() == list(range(STRANGERS))


@pytest.mark.parametrize("what", copies(scene(0)))
def test_copies_are_found_and_nothing_else(known: Sketches, what: str) -> None:
    copied = sketches([copies(scene(seed))[what] for seed in range(COPIED)])
    found = near_duplicates(np.concatenate([known, copied]))
    pairs = set(zip(found.first.tolist(), found.second.tolist(), strict=True))
    assert pairs == {(seed, STRANGERS + seed) for seed in range(COPIED)}


def test_all_copies_of_one_picture_are_one_group(known: Sketches) -> None:
    made = sketches(list(copies(scene(5)).values()))
    together = np.concatenate([known, made])
    group = groups(near_duplicates(together), len(together))
    assert set(group[STRANGERS:]) == {group[5]}
    assert (np.bincount(group) > 1).sum() == 1


def test_more_pictures_than_are_viewed_under_crops(
    known: Sketches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_VIEWED", 10)
    copied = sketches([copies(scene(seed))["cropped at the top"] for seed in range(COPIED)])
    found = near_duplicates(np.concatenate([known, copied]))
    assert sorted(found.first.tolist()) == list(range(COPIED))


def test_embeddings_name_candidates_but_do_not_decide(known: Sketches) -> None:
    same = np.ones((STRANGERS, 3), np.float32)
    assert len(near_duplicates(known, same).first) == 0


def test_the_answer_does_not_depend_on_the_order(known: Sketches) -> None:
    made = np.concatenate([known, sketches(list(copies(scene(5)).values()))])
    order = np.random.default_rng(0).permutation(len(made))
    plain = groups(near_duplicates(made), len(made))
    turned = groups(near_duplicates(made[order]), len(made))
    same = plain[order][:, None] == plain[order][None, :]
    assert np.array_equal(same, turned[:, None] == turned[None, :])


def test_equal_sketches_are_pairs_however_many(known: Sketches) -> None:
    many = np.concatenate([known, np.repeat(known[7:8], 500, axis=0)])
    group = groups(near_duplicates(many), len(many))
    assert np.bincount(group).max() == 501


def test_pictures_of_one_colour_are_alike_when_the_colour_is(known: Sketches) -> None:
    plain = np.empty((4, SIDE, SIDE, 3), np.uint8)
    for at, colour in enumerate(((250, 250, 250), (251, 250, 249), (20, 20, 20), (250, 20, 20))):
        plain[at] = colour
    group = groups(near_duplicates(np.concatenate([known, plain])), STRANGERS + 4)[STRANGERS:]
    assert group[0] == group[1]
    assert len(set(group.tolist())) == 3


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_few_pictures_are_no_trouble(known: Sketches, count: int) -> None:
    assert len(near_duplicates(known[:count]).first) == 0
    assert groups(near_duplicates(known[:count]), count).tolist() == list(range(count))


def test_leaks_name_the_picture_that_was_trained_on(known: Sketches) -> None:
    made = sketches([copies(scene(seed))["mirrored"] for seed in (3, 50)])
    pairs = near_duplicates(np.concatenate([known[:40], made, known[45:48]]))
    assert leaks(pairs, 40, 5).tolist() == [3, -1, -1, -1, -1]
    assert leaks(near_duplicates(known[:3]), 0, 3).tolist() == [-1, -1, -1]
    assert leaks(near_duplicates(known), len(known), 0).tolist() == []


def test_a_class_that_would_be_one_group_is_taken_apart_and_others_are_not() -> None:
    group = np.array([0, 0, 0, 1, 1, 2, 3, 3])
    members = [np.arange(3), np.arange(3, 6), np.arange(6, 8)]
    apart = module.with_something_to_hold_out(group, members)
    assert len(set(apart[:3])) == 3
    assert not set(apart[:3]) & set(group)
    np.testing.assert_array_equal(apart[3:], group[3:])
