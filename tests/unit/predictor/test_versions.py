"""The policy, one decision at a time; tests/properties/test_versions.py states its laws."""

from __future__ import annotations

import pytest

from services.predictor.versions import (
    Held,
    Load,
    Refuse,
    Switch,
    Unload,
    View,
    Wait,
    Withdraw,
    follow,
    make_room,
)

V1, V2 = "pets/1", "pets/2"


def only(*versions: str) -> frozenset[str]:
    return frozenset(versions)


@pytest.mark.parametrize(
    ("view", "action"),
    [
        (View(wanted=V1, serving=V1), None),
        (View(wanted=None, serving=None), None),
        (View(wanted=V1, serving=None), Load(V1)),
        (View(wanted=V2, serving=V1), Load(V2)),
        (View(wanted=V2, serving=V1, ready=only(V2)), Switch(V2)),
        (View(wanted=V2, serving=V1, refused=only(V2)), None),
        (View(wanted=V1, serving=None, refused=only(V1)), None),
        (View(wanted=None, serving=V1), Withdraw()),
        (View(wanted=V2, serving=V1, ready=only(V2), refused=only(V2)), Switch(V2)),
    ],
)
def test_what_a_name_does_next(view: View, action: object) -> None:
    assert follow(view) == action


def test_room_that_is_there_needs_no_action() -> None:
    assert make_room([], used_bytes=60, extra_bytes=40, budget_bytes=100) is None


def test_the_idle_head_used_longest_ago_goes_first() -> None:
    held = [Held("busy", 40, 1), Held("old", 30, 0), Held("new", 30, 0)]
    assert make_room(held, used_bytes=100, extra_bytes=1, budget_bytes=100) == Unload("old")


def test_heads_in_use_are_waited_for() -> None:
    held = [Held("a", 50, 1), Held("b", 50, 3)]
    assert make_room(held, used_bytes=100, extra_bytes=1, budget_bytes=100) == Wait()


def test_a_head_larger_than_the_budget_moves_nobody_out() -> None:
    held = [Held("a", 50, 0)]
    assert make_room(held, used_bytes=50, extra_bytes=101, budget_bytes=100) == Refuse()
