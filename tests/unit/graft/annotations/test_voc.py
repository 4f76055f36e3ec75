from __future__ import annotations

from pathlib import Path

import pytest

from graft import Box, LabelledBox, read_examples
from tests.support.drawn import boxes, problems, put, write


def thing(name: str = "cat", difficult: str = "0", **corners: str) -> str:
    sides = {"xmin": "10", "ymin": "20", "xmax": "30", "ymax": "50", **corners}
    found = "".join(f"<{key}>{value}</{key}>" for key, value in sides.items())
    return (
        f"<object><name>{name}</name><difficult>{difficult}</difficult>"
        f"<bndbox>{found}</bndbox></object>"
    )


def voc(root: Path, stem: str, *things: str, picture: str | None = None, size: str = "") -> Path:
    stated = f"{stem}.jpg" if picture is None else picture
    text = f"<annotation><filename>{stated}</filename>{size}{''.join(things)}</annotation>"
    return write(root, f"Annotations/{stem}.xml", text)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    put(tmp_path, "JPEGImages/a.jpg", "JPEGImages/b.PNG")
    return tmp_path


def test_boxes_of_a_folder(root: Path) -> None:
    size = "<size><width>640</width><height>480</height><depth>3</depth></size>"
    voc(root, "a", thing(), thing("dog", "1", xmin="11.5"), size=size)
    voc(root, "b", picture="")
    first, second = read_examples(root).examples
    assert (first.path, first.source) == ("JPEGImages/a.jpg", root / "JPEGImages" / "a.jpg")
    assert first.drawing is not None
    assert first.drawing.boxes == (
        LabelledBox("cat", Box(10, 20, 20, 30), origin="Annotations/a.xml object 1"),
        LabelledBox(
            "dog", Box(11.5, 20, 18.5, 30), crowd=True, origin="Annotations/a.xml object 2"
        ),
    )
    assert (first.drawing.width, first.drawing.height) == (640, 480)
    assert (second.source, boxes(second)) == (root / "JPEGImages" / "b.PNG", [])


def test_the_picture_is_what_the_file_states_else_what_is_named_alike(root: Path) -> None:
    voc(root, "x", picture="a.jpg")
    voc(root, "b", picture="elsewhere/0001.jpg")
    voc(root, "gone", picture="../a.jpg")
    found = read_examples(root)
    assert [one.path for one in found.examples[:1]] == ["JPEGImages/b.PNG"]
    assert found.examples[2].path == "JPEGImages/a.jpg"
    assert problems(found) == {
        "JPEGImages/../a.jpg": "there is no JPEGImages/../a.jpg, and no picture in JPEGImages is"
        " named gone. Received: gone.xml"
    }


def test_a_picture_without_a_file_is_left_out_and_told(root: Path) -> None:
    voc(root, "a", thing())
    found = read_examples(root)
    assert len(found.examples) == 1
    assert found.warnings == (
        "1 picture has no file in Annotations and is left out ('b.PNG'); a picture that shows"
        " nothing gets a file without objects",
    )


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (thing(xmin="40"), "its corners are swapped"),
        (thing(ymax="20"), "it has no area"),
        (thing(xmin="far"), "xmin, ymin, xmax, ymax are to be numbers"),
        (thing(xmin=""), "xmin, ymin, xmax, ymax are to be numbers"),
        (thing(xmin="nan"), "no finite number"),
        (thing(name=""), "a label is wanted"),
        (thing(name="x" * 201), "a label has at most 200 bytes"),
        (thing(difficult="maybe"), "<difficult> is to be 0 or 1"),
        ("<object><name>cat</name><robndbox/></object>", "it has no <bndbox>"),
    ],
)
def test_a_bad_object_refuses_its_picture(root: Path, bad: str, words: str) -> None:
    voc(root, "a", thing(), bad)
    told = problems(read_examples(root))
    assert list(told) == ["JPEGImages/a.jpg"]
    assert told["JPEGImages/a.jpg"].startswith("Annotations/a.xml object 2")
    assert words in told["JPEGImages/a.jpg"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<annotation>", "is no XML: "),
        ("", "is no XML: "),
        ("<!DOCTYPE a><a/>", "has a DOCTYPE"),
        (
            "<!DOCTYPE a [<!ENTITY x 'ha'><!ENTITY y '&x;&x;'>]><annotation>&y;</annotation>",
            "has a DOCTYPE",
        ),
        ("<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>", "has a DOCTYPE"),
        ("<?xml version='1.0' encoding='nonsense'?><a/>", "is no XML: "),
    ],
)
def test_a_file_that_is_no_xml_refuses_its_picture(root: Path, text: str, words: str) -> None:
    voc(root, "b")
    write(root, "Annotations/a.xml", text)
    told = problems(read_examples(root))
    assert list(told) == ["JPEGImages/a.jpg"]
    assert told["JPEGImages/a.jpg"].startswith(f"Annotations/a.xml {words}")


def test_a_folder_of_classes_with_such_a_name_is_one(tmp_path: Path) -> None:
    put(tmp_path, "Annotations/a.png", "Other/b.png")
    labels = [one.labels for one in read_examples(tmp_path).examples]
    assert labels == [("Annotations",), ("Other",)]
