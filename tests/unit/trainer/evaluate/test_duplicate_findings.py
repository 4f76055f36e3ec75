from __future__ import annotations

import numpy as np

from services.trainer.evaluate.duplicate_findings import (
    MAX_GROUPS,
    MAX_MEMBERS,
    duplicate_findings,
)
from services.trainer.evaluate.proto import Source


def sources(count: int) -> list[Source]:
    return [Source(f"{n}.jpg", f"{n:064x}") for n in range(count)]


def test_groups_under_two_labels_come_first_and_single_pictures_never() -> None:
    groups = np.array([0, 0, 0, 1, 2, 1, 3])
    y = np.array([0, 0, 0, 0, 1, 1, 1])
    torn, alike = duplicate_findings(
        groups, y, ["cat", "dog"], sources(7), "picture"
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
    found = duplicate_findings(np.arange(3), np.zeros(3, np.int64), ["a"], sources(3), "picture")
    assert not found.near_duplicates
    empty = np.zeros(0, np.int64)
    assert not duplicate_findings(empty, empty, [], [], "picture").near_duplicates


def test_lists_are_bounded() -> None:
    groups = np.concatenate([np.zeros(50, np.int64), np.repeat(np.arange(1, 150), 2)])
    y = np.zeros(len(groups), np.int64)
    found = duplicate_findings(groups, y, ["a"], sources(len(groups)), "text").near_duplicates
    assert len(found) == MAX_GROUPS
    assert len(found[0].members) == MAX_MEMBERS
    assert found[0].sentence.startswith("50 texts")
