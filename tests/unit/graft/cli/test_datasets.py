"""`graft datasets`: list, show, delete."""

from __future__ import annotations

from tests.support.command import Run


def test_datasets(trained: Run) -> None:
    assert trained("datasets", "list", "--json").document[0]["labels"] == {"green": 3, "red": 3}
    assert "6 examples" in trained("datasets", "show", "hues").out
    assert "hues" in trained("datasets", "list").out
    assert trained("datasets", "delete", "hues").code == 0
    assert trained("datasets", "show", "hues").code == 1
