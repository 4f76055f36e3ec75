"""`graft detect-assist`: proposed boxes in a document that can be trained on again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from graft import read_examples
from graft.client import proposals
from tests.support.command import Run
from tests.support.fake_suite import FakeSuite
from tests.support.things import GREY, PLACES, scene


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """Unlabelled pictures: a plain one, one with an unknown thing, one that shows nothing, one that
    is no picture, and one that was trained on."""
    fresh = tmp_path / "fresh"
    (fresh / "deep").mkdir(parents=True)
    scene(fresh / "plain.png", red=(245, 0, 0))
    scene(fresh / "deep" / "strange.png", red=(205, 0, 0), green=False)
    Image.new("RGB", (40, 20), GREY).save(fresh / "empty.png")
    scene(fresh / "trained.png")
    (fresh / "bad.png").write_bytes(b"no image")
    (fresh / "notes.txt").write_text("no picture either")
    return fresh


def test_pictures_come_by_what_a_label_would_teach(
    detector: Run, fresh: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out" / "boxes.json"
    out.parent.mkdir()
    told = detector("detect-assist", "things", fresh, "--out", out, "--json").document
    assert [Path(one["input"]).name for one in told["pictures"]] == [
        "strange.png",
        "empty.png",
        "plain.png",
    ]
    assert [one["objects"] for one in told["pictures"]] == [1, 0, 2]
    worth = [one["worth"] for one in told["pictures"]]
    assert worth == sorted(worth, reverse=True)
    assert list(told["problems"]) == [str(fresh / "bad.png")]
    assert list(told["known"]) == [str(fresh / "trained.png")]
    assert told["left"] == 0


def test_the_document_can_be_trained_on_again(detector: Run, fresh: Path, tmp_path: Path) -> None:
    out = tmp_path / "boxes.json"
    assert detector("detect-assist", "things", fresh, "--out", out).code == 0
    document = json.loads(out.read_text())
    assert [one["file_name"] for one in document["images"]] == [
        "fresh/deep/strange.png",
        "fresh/empty.png",
        "fresh/plain.png",
    ]
    assert {one["score"] for one in document["annotations"]} == {1.0}
    assert [one["unknown"] for one in document["annotations"]].count(True) == 1
    first, second, third = read_examples(out).examples
    assert first.source == fresh / "deep" / "strange.png"
    assert first.drawing is not None
    assert (first.drawing.width, first.drawing.height) == (40, 20)
    assert second.drawing is not None
    assert second.drawing.boxes == ()
    assert third.drawing is not None
    found = {one.label: one.box for one in third.drawing.boxes}
    assert {label: (b.left, b.top, b.width, b.height) for label, b in found.items()} == PLACES
    assert detector("train", out, "--model", "again").code == 0


def test_words_say_what_was_written_and_left_out(
    detector: Run, fresh: Path, tmp_path: Path
) -> None:
    out = tmp_path / "boxes.json"
    done = detector("detect-assist", "things", fresh, "--out", out, "--count", "2")
    assert f"wrote 1 box in 2 pictures to {out}" in done.out
    assert "strange.png" in done.out
    assert "plain.png" not in done.out
    assert "bad.png" in done.err
    assert "1 picture left out: the model was trained on them, or on nearly the same" in done.err


def test_what_cannot_be_done_is_refused(
    detector: Run,
    suite: FakeSuite,
    fresh: Path,
    images: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "boxes.json"
    done = detector("detect-assist", "things", tmp_path / "nowhere", "--out", out)
    assert "is no folder with images" in done.err
    done = detector("detect-assist", "things", fresh, "--out", tmp_path / "no" / "x.json")
    assert (done.code, "cannot write" in done.err) == (1, True)
    detector("train", images, "--model", "hues")
    asked = len(suite.world.asked)
    done = detector("detect-assist", "hues", fresh, "--out", out)
    assert "only a model that finds things can propose boxes" in done.err
    monkeypatch.setattr(proposals, "MAX_PICTURES", 4)
    done = detector("detect-assist", "things", fresh, "--out", out)
    assert (
        "at most 4 pictures are looked at in one go; take a part of them. Received: 5" in done.err
    )
    assert len(suite.world.asked) == asked
    assert not out.exists()
