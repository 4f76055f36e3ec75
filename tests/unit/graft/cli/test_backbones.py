"""`graft backbones`: list, show, import, distill."""

from __future__ import annotations

from pathlib import Path

from graft.cli.backbones import _checked, _doing
from tests.support.command import Run


def test_a_backbone_that_cannot_be_imported_tells_why(up: Run, tmp_path: Path) -> None:
    done = up("backbones", "import", tmp_path / "nothing", "--name", "mine")
    assert (done.code, done.out) == (1, "")
    assert str(tmp_path / "nothing") in done.err
    assert up("backbones", "import", tmp_path, "--name", "a/b").code == 1


def test_a_teacher_that_is_not_there_is_told(up: Run, tmp_path: Path) -> None:
    asked = ("distill", "nobody", "--images", tmp_path, "--name", "mine", "--budget", "5s")
    done = up("backbones", *asked)
    assert (done.code, done.out) == (1, "")
    assert "no backbone backbones/nobody" in done.err
    assert up("backbones", *asked[:-1], "soon").code == 2
    assert up("backbones", *asked[:5], "a/b").code == 1


def test_progress_and_the_check_are_told_in_words() -> None:
    assert _doing("0.2500 learning, step 3") == "distilling: 25.0% learning, step 3"
    assert _doing("WARNING: something else") == "distilling"
    check = {"pictures": 40, "student": 0.5, "bundled": 0.4, "chance": 0.25}
    told = _checked(check, "big")
    assert "whom big finds alike among 40 pictures" in told
    assert "finds 50.0% (the bundled one 40.0%, chance 25.0%)" in told


def test_backbones(up: Run) -> None:
    assert "fake" in up("backbones", "list").out
    assert up("backbones", "show", "fake", "--json").document["engine"] == "fake"
    assert "8x8" in up("backbones", "show", "fake").out
    assert up("backbones", "show", "none").code == 1


def test_what_was_tuned_for_a_model_is_listed_only_when_asked_for(up: Run) -> None:
    assert "hues-1" not in up("backbones", "list").out
    assert [one["name"] for one in up("backbones", "list", "--json").document] == ["backbones/fake"]
    assert "hues-1" in up("backbones", "list", "--tuned").out
    shown = up("backbones", "show", "hues-1-0123456789ab").out
    assert f"tuned: after cut of backbones/fake@{'0' * 64}" in " ".join(shown.split())
    assert "tuned:" not in up("backbones", "show", "fake").out
