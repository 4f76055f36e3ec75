"""Laws of the predictor's policy: it ends, repeats itself, and frees nothing that is in use."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

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

versions = st.integers(1, 5)
sets = st.frozensets(versions)
views = st.builds(View, st.none() | versions, st.none() | versions, sets, sets)
heads = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 2)), max_size=8).map(
    lambda found: [Held(key, size, users) for key, (size, users) in enumerate(found)]
)


@given(views, sets)
def test_a_name_comes_to_serve_what_is_wanted_unless_it_cannot_be_loaded(
    view: View, damaged: frozenset[int]
) -> None:
    first = view.serving
    for _ in range(3):
        step = follow(view)
        assert step == follow(view)
        match step:
            case None:
                break
            case Load(version):
                assert version not in view.ready
                if version in damaged:
                    view = View(view.wanted, view.serving, view.ready, view.refused | {version})
                else:
                    view = View(view.wanted, view.serving, view.ready | {version}, view.refused)
            case Switch(version):
                assert version in view.ready
                view = View(view.wanted, version, view.ready, view.refused)
            case Withdraw():
                assert view.wanted is None
                view = View(None, None, view.ready, view.refused)
    assert follow(view) is None
    assert view.serving == view.wanted or (
        view.serving == first and view.wanted in view.refused and view.wanted not in view.ready
    )


@given(heads, st.integers(0, 120), st.integers(1, 100))
def test_room_is_made_of_idle_heads_only_oldest_first_and_of_no_more_than_needed(
    held: list[Held], extra: int, budget: int
) -> None:
    left = list(held)
    while True:
        used = sum(head.size_bytes for head in left)
        step = make_room(left, used_bytes=used, extra_bytes=extra, budget_bytes=budget)
        again = make_room(iter(left), used_bytes=used, extra_bytes=extra, budget_bytes=budget)
        assert step == again
        if not isinstance(step, Unload):
            break
        assert used + extra > budget
        idle = [head for head in left if head.users == 0]
        assert step.key == idle[0].key
        left.remove(idle[0])
    assert [head for head in held if head.users] == [head for head in left if head.users]
    assert isinstance(step, Refuse) == (extra > budget)
    if isinstance(step, Refuse):
        assert left == held
    if isinstance(step, Wait):
        assert used + extra > budget
        assert all(head.users for head in left)
    if step is None:
        assert used + extra <= budget
