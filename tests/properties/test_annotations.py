"""Whatever stands in a file of boxes, it is read or refused by one of our errors; and whatever is
taken lies in its picture."""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from graft import Box, Drawing, ExampleSet, InvalidArgument, LabelledBox, Problem, read_examples
from graft.boxes import MIN_SIDE
from graft.fitting import fit

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 700),
    st.sampled_from([10**400, -(10**20)]),
    st.floats(),
    st.sampled_from(["", " ", "a.png", "cat", "7", "\ud800", "x" * 201, "../a.png", "\0"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


def mostly(usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """What is usual, but once in twenty draws anything."""
    return st.integers(0, 19).flatmap(lambda draw: VALUES if draw == 7 else usual)


def entries(least: int, **usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Some objects with fields that are mostly as usual, and ids from 0 on."""
    fields = {key: mostly(one) for key, one in usual.items()}
    objects = st.lists(st.fixed_dictionaries(fields), min_size=least, max_size=4)
    return objects.map(lambda some: [{"id": at, **one} for at, one in enumerate(some)])


DOCUMENTS = st.fixed_dictionaries(
    {
        "images": mostly(
            entries(1, file_name=st.sampled_from(["a.png", "b.png"]), width=st.just(640))
        ),
        "annotations": mostly(
            entries(
                0,
                image_id=st.integers(0, 3),
                category_id=st.integers(0, 2),
                bbox=st.lists(mostly(st.integers(1, 50)), min_size=4, max_size=4),
                iscrowd=st.integers(0, 1),
            )
        ),
        "categories": mostly(entries(2, name=st.sampled_from(["cat", "dog"]))),
    }
)


def check(path: Path) -> None:
    """Read; what is refused is told, and what is taken may be sent."""
    try:
        found = read_examples(path)
    except InvalidArgument as refused:
        event("refused")
        told = refused.message
    else:
        check_taken(found)
        return
    assert "Received: " in told


def check_taken(found: ExampleSet) -> None:
    """What is taken has labels and boxes that a server may be sent."""
    for one in found.examples:
        one.path.encode()
        if isinstance(one.source, Problem):
            one.source.message.encode()
            event("a picture with a problem")
            continue
        assert one.drawing is not None
        event("a picture with boxes" if one.drawing.boxes else "a picture without")
        for drawn in one.drawing.boxes:
            assert drawn.label.strip()
            assert len(drawn.label.encode()) <= 200
            assert drawn.box.width > 0
            assert drawn.box.height > 0
            assert all(map(math.isfinite, (drawn.box.left, drawn.box.top)))


@settings(max_examples=200, deadline=None)
@given(DOCUMENTS)
def test_any_document_of_coco(document: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "boxes.json"
        path.write_text(json.dumps(document))
        (path.parent / "a.png").write_bytes(b"x")
        check(path)


ODD = st.sampled_from(
    ["", " ", "-1", "7", "nan", "1e999", "1e-320", "cat", "x" * 201, "½", "１", "0,5", "0x1"]
)
"""What stands in a cell where a share, a number or a label is wanted."""


def cells(usual: list[str]) -> st.SearchStrategy[str]:
    return st.integers(0, 19).flatmap(lambda draw: ODD if draw == 7 else st.sampled_from(usual))


NUMBER = cells(["0.25", "0.5", "1"])
LABEL = cells(["cat", "dog"])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(cells(["0", "2"]), *(4 * [NUMBER])) | st.tuples(NUMBER), max_size=3))
def test_any_lines_of_yolo(lines: list[tuple[str, ...]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "images").mkdir()
        (folder / "labels").mkdir()
        (folder / "images" / "a.png").write_bytes(b"x")
        (folder / "labels" / "a.txt").write_text("\n".join(" ".join(line) for line in lines))
        (folder / "classes.txt").write_text("cat\n\ndog\n")
        check(folder)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(LABEL, *(4 * [NUMBER])), max_size=3))
def test_any_rows_of_a_table(rows: list[tuple[str, ...]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "boxes.csv"
        lines = [
            "path,label,x,y,w,h",
            *(",".join(["a.png", *(f'"{cell}"' for cell in row)]) for row in rows),
        ]
        path.write_text("\n".join(lines))
        (path.parent / "a.png").write_bytes(b"x")
        check(path)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(LABEL, *(4 * [NUMBER])), max_size=3), cells(["0", "1"]))
def test_any_objects_of_pascal_voc(things: list[tuple[str, ...]], difficult: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "JPEGImages").mkdir()
        (folder / "Annotations").mkdir()
        (folder / "JPEGImages" / "a.png").write_bytes(b"x")
        corners = ("xmin", "ymin", "xmax", "ymax")
        objects = "".join(
            f"<object><name>{label}</name><difficult>{difficult}</difficult><bndbox>"
            + "".join(f"<{c}>{v}</{c}>" for c, v in zip(corners, values, strict=True))
            + "</bndbox></object>"
            for label, *values in things
        )
        text = f"<annotation><filename>a.png</filename>{objects}</annotation>"
        (folder / "Annotations" / "a.xml").write_text(text)
        check(folder)


SIDE = st.floats(-50, 700) | st.floats(0, 1)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("ab"), SIDE, SIDE, SIDE, SIDE, st.booleans()), max_size=5),
    st.integers(1, 640),
    st.integers(1, 480),
    st.booleans(),
)
def test_boxes_that_are_taken_lie_in_their_picture(
    boxes: list[tuple[str, float, float, float, float, bool]],
    width: int,
    height: int,
    relative: bool,
) -> None:
    drawn = tuple(LabelledBox(label, Box(*sides), crowd) for label, *sides, crowd in boxes)
    found = fit(Drawing(drawn, relative=relative), width, height)
    if found.why:
        assert found.boxes == ()
        assert "Received: " in found.why
        return
    assert len(set(found.boxes)) == len(found.boxes) <= len(drawn)
    assert (drawn == ()) == (found.boxes == ())
    for one in found.boxes:
        assert one.box.left >= 0
        assert one.box.top >= 0
        assert one.box.right <= width + 1e-9
        assert one.box.bottom <= height + 1e-9
        assert min(one.box.width, one.box.height) >= MIN_SIDE
