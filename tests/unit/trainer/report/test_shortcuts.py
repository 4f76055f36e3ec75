from __future__ import annotations

import io

import numpy as np
from PIL import Image

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.report.shortcuts import outlined, shortcuts, shown
from tests.support.copies import jpeg

GREY = jpeg(Image.new("RGB", (100, 60), (120, 120, 120)))


def mark(**changes: object) -> pb.Shortcut:
    found = pb.Shortcut(
        label="<cat>",
        kind="mark",
        left=0.8,
        top=0.5,
        width=0.2,
        height=0.5,
        strength=0.9,
        sentence="a & b",
        sha256=["x", "y"],
    )
    found.MergeFrom(pb.Shortcut(**changes))  # type: ignore[arg-type]
    return found


def test_nothing_without_shortcuts() -> None:
    assert shortcuts(pb.Evaluation(), {}) == ""


def test_a_shortcut_is_shown_with_its_class_sentence_and_pictures() -> None:
    evaluation = pb.Evaluation(shortcuts=[mark()])
    page = shortcuts(evaluation, {"x": GREY})
    assert "&lt;cat&gt;: a mark" in page
    assert "a &amp; b" in page
    assert page.count("<img ") == 1
    assert page.count("not shown") == 1
    assert shown(evaluation) == {"x", "y"}


def test_the_region_is_outlined_and_no_edge_is_cut_off() -> None:
    drawn = outlined(GREY, mark())
    assert drawn is not None
    image = np.asarray(Image.open(io.BytesIO(drawn)).convert("RGB"), np.int64)
    assert image.shape == (100, 100, 3)
    orange = (image[..., 0] - image[..., 2]) > 80
    rows, columns = np.flatnonzero(orange.any(1)), np.flatnonzero(orange.any(0))
    assert abs(columns[0] - 80) <= 3
    assert columns[-1] >= 97
    assert abs(rows[0] - (20 + 30)) <= 3
    assert abs(rows[-1] - 79) <= 3


def test_a_background_is_outlined_on_both_sides() -> None:
    drawn = outlined(GREY, mark(kind="background"))
    plain = outlined(GREY, mark())
    assert drawn is not None
    assert drawn != plain


def test_what_is_no_picture_has_no_outline() -> None:
    assert outlined(b"not a picture", mark()) is None
