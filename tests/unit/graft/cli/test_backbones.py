"""`graft backbones`: list, show, import."""

from __future__ import annotations

from pathlib import Path

from tests.support.command import Run


def test_a_backbone_that_cannot_be_imported_tells_why(up: Run, tmp_path: Path) -> None:
    done = up("backbones", "import", tmp_path / "nothing", "--name", "mine")
    assert (done.code, done.out) == (1, "")
    assert str(tmp_path / "nothing") in done.err
    assert up("backbones", "import", tmp_path, "--name", "a/b").code == 1


def test_backbones(up: Run) -> None:
    assert "fake" in up("backbones", "list").out
    assert up("backbones", "show", "fake", "--json").document["engine"] == "fake"
    assert "8x8" in up("backbones", "show", "fake").out
    assert up("backbones", "show", "none").code == 1
