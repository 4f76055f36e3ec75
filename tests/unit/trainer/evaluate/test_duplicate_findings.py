from __future__ import annotations

import numpy as np

from services.trainer.evaluate.duplicate_findings import (
    MAX_GROUPS,
    MAX_MEMBERS,
    Groups,
    duplicate_findings,
)
from services.trainer.evaluate.proto import Source


def sources(count: int) -> list[Source]:
    return [Source(f"{n}.jpg", f"{n:064x}") for n in range(count)]


def test_groups_under_two_labels_come_first_and_single_pictures_never() -> None:
    groups = np.array([0, 0, 0, 1, 2, 1, 3])
    y = np.array([0, 0, 0, 0, 1, 1, 1])
    torn, alike = duplicate_findings(
        Groups(groups, groups), y, ["cat", "dog"], sources(7), "picture"
    ).near_duplicates
    assert torn.labels_differ
    assert [(m.path, m.label, m.sha256) for m in torn.members] == [
        ("3.jpg", "cat", f"{3:064x}"),
        ("5.jpg", "dog", f"{5:064x}"),
    ]
    assert "different labels (cat, dog)" in torn.sentence
    assert not alike.labels_differ
    assert [m.path for m in alike.members] == ["0.jpg", "1.jpg", "2.jpg"]
    assert "3 pictures are nearly the same, all under cat" in alike.sentence


def test_no_groups_no_message() -> None:
    alone = Groups(np.arange(3), np.arange(3))
    found = duplicate_findings(alone, np.zeros(3, np.int64), ["a"], sources(3), "picture")
    assert not found.near_duplicates
    empty = np.zeros(0, np.int64)
    assert not duplicate_findings(Groups(empty, empty), empty, [], [], "picture").near_duplicates


def test_lists_are_bounded() -> None:
    groups = np.concatenate([np.zeros(50, np.int64), np.repeat(np.arange(1, 150), 2)])
    y = np.zeros(len(groups), np.int64)
    both, paths = Groups(groups, groups), sources(len(groups))
    found = duplicate_findings(both, y, ["a"], paths, "text").near_duplicates
    assert len(found) == MAX_GROUPS
    assert len(found[0].members) == MAX_MEMBERS
    assert found[0].sentence.startswith("50 texts")


def test_groups_that_were_held_out_from_themselves_say_so() -> None:
    groups = Groups(np.array([0, 0, 0, 1, 1]), np.array([2, 3, 4, 1, 1]))
    y = np.array([0, 0, 0, 1, 1])
    found = duplicate_findings(groups, y, ["cat", "dog"], sources(5), "picture").near_duplicates
    assert ["held out from each other" in one.sentence for one in found] == [True, False]
