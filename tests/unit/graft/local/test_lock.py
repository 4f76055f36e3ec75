"""One supervisor for a HOME, and everybody can see whether there is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from graft.errors import AlreadyExists
from graft.local.lock import is_held, only_one


def test_a_second_holder_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    home = tmp_path / "home" / ".graft"
    assert not is_held(home)
    with only_one(home):
        assert is_held(home)
        with pytest.raises(AlreadyExists, match="runs already"), only_one(home):
            pass
    assert not is_held(home)
    with only_one(home):
        pass


def test_an_error_inside_lets_go(tmp_path: Path) -> None:
    with pytest.raises(ValueError), only_one(tmp_path):
        raise ValueError
    assert not is_held(tmp_path)
