"""Pictures with boxes in a data set: what goes together, what is told, and what is kept."""

from __future__ import annotations

import pytest

from graft.boxes import Box, LabelledBox
from graft.common.v1 import content_pb2
from graft.trainer.v1 import dataset_service_pb2 as pb
from services.trainer.data.catalogue import Catalogue
from services.trainer.data.importer import Importer
from services.trainer.data.rows import IMAGE
from tests.support.images import picture, turned
from tests.support.imports import APPEND, NAME, box, boxed, example, image, labels, said, stream

WIDTH, HEIGHT = picture().size
CAT = box("cat", 1, 2, 9, 8)
DOG = box("dog", 3, 2, 9, 8)


async def test_boxes_are_kept_and_counted(importer: Importer, catalogue: Catalogue) -> None:
    sent = [
        boxed("a.png", image(1), CAT, DOG, box("cat", 0, 0, WIDTH, HEIGHT)),
        boxed("none.png", image(2)),
        boxed("b.png", image(3), CAT, box("cow", 0, 0, 10, 10, crowd=True)),
    ]
    dataset = await importer.run(stream(sent))
    assert dataset.boxed
    assert not dataset.multi_label
    counts = {one.label: (one.example_count, one.box_count) for one in dataset.labels}
    assert counts == {"cat": (2, 3), "dog": (1, 1)}
    assert dataset.summary.example_count == 3
    first, none, last = catalogue.snapshot(NAME, 1).rows
    assert first.boxes == (
        LabelledBox("cat", Box(0, 0, WIDTH, HEIGHT)),
        LabelledBox("cat", Box(1, 2, 9, 8)),
        LabelledBox("dog", Box(3, 2, 9, 8)),
    )
    assert (none.boxes, none.size) == ((), (WIDTH, HEIGHT))
    assert last.boxes[1] == LabelledBox("cow", Box(0, 0, 10, 10), crowd=True)
    assert last.labels == ("cat",)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
async def test_the_size_is_that_of_the_picture_as_it_is_seen(
    importer: Importer, catalogue: Catalogue, kind: str
) -> None:
    data = turned(picture(60, 20), kind, 6)
    sent = [boxed("t", data, box("cat", 0, 30, 20, 30)), boxed("b.png", image(3), CAT)]
    dataset = await importer.run(stream(sent))
    (row, _) = catalogue.snapshot(NAME, 1).rows
    assert row.size == (20, 60)
    assert labels(dataset) == {"cat": 2}


async def test_among_boxes_labels_alone_are_refused(
    importer: Importer, catalogue: Catalogue
) -> None:
    dataset = await importer.run(
        stream([example(1, "cat"), boxed("a.png", image(1), CAT), boxed("b.png", image(2), DOG)])
    )
    assert labels(dataset) == {"cat": 1, "dog": 1}
    (issue,) = dataset.summary.issues
    assert issue.path == "cat/1.png"
    assert "bears labels and no boxes, and others of this data set have boxes" in issue.message
    assert catalogue.contents(NAME, 1, IMAGE, [1, 2]) == [image(1), image(2)]


async def test_labels_and_boxes_of_one_example_are_refused(importer: Importer) -> None:
    both = boxed("a.png", image(1), CAT)
    both.labels.append("cat")
    dataset = await importer.run(stream([both, boxed("b.png", image(2), CAT)]))
    assert dataset.summary.example_count == 1
    assert "labels or boxes" in dataset.summary.issues[0].message


async def test_a_text_has_no_boxes(importer: Importer) -> None:
    text = pb.Example(path="t", content=content_pb2.Content(text="hello"), boxes=[CAT])
    dataset = await importer.run(stream([text, said("1", "bye")]))
    assert "a text has no boxes" in dataset.summary.issues[0].message


@pytest.mark.parametrize("label", ["", " ", "x" * 201])
async def test_a_label_of_a_box_is_held_to_what_a_label_is(importer: Importer, label: str) -> None:
    bad = box(label, 1, 1, 5, 5, origin="line 3")
    dataset = await importer.run(stream([boxed("a.png", image(1), CAT, bad)]))
    assert dataset.summary.issues[0].message.startswith("line 3: ")


async def test_a_bad_box_refuses_its_picture_with_its_number(importer: Importer) -> None:
    bad = box("cat", 5, 5, -1, 5, origin="annotation 9")
    dataset = await importer.run(
        stream([boxed("a.png", image(1), CAT, bad), boxed("b.png", image(2), CAT)])
    )
    assert labels(dataset) == {"cat": 1}
    (issue,) = dataset.summary.issues
    assert issue.path == "a.png"
    assert issue.message.startswith("annotation 9, 'cat': its corners are swapped")


async def test_what_was_mended_is_told_of_an_example_that_is_used(importer: Importer) -> None:
    odd = boxed("a.png", image(1), CAT, CAT, box("dog", 1, 2, 9, 8))
    dataset = await importer.run(stream([odd, boxed("b.png", image(2), CAT)]))
    assert (dataset.summary.example_count, dataset.summary.rejected_count) == (2, 0)
    (issue,) = dataset.summary.issues
    assert "given again and used once" in issue.message
    assert "taken under several labels" in issue.message
    again = await importer.run(stream([boxed("c.png", image(3), CAT)], mode=APPEND))
    assert not again.summary.issues


async def test_the_same_bytes_with_other_boxes_are_a_conflict(importer: Importer) -> None:
    sent = [
        boxed("a.png", image(1), CAT),
        boxed("b.png", image(1), box("cat", 11, 2, 9, 9)),
        boxed("c.png", image(2), CAT, DOG),
        boxed("d.png", image(2), DOG, CAT),
        boxed("e.png", image(3), CAT),
        boxed("f.png", image(3)),
    ]
    summary = (await importer.run(stream(sent))).summary
    assert (summary.example_count, summary.duplicate_count, summary.conflict_count) == (1, 1, 4)
    told = {issue.path: issue.message for issue in summary.issues}
    assert "the same bytes stand under different boxes (first as 'a.png', 1 box)" in told["b.png"]
    assert "which has the same boxes; used once" in told["d.png"]


async def test_copies_are_stored_once_whatever_comes_before_them(
    importer: Importer, catalogue: Catalogue
) -> None:
    sent = [boxed("a.png", image(1), CAT), boxed("b.png", image(1), CAT), example(1, "cat")]
    await importer.run(stream(sent))
    await importer.run(stream([boxed("c.png", image(1), CAT)], mode=APPEND))
    assert catalogue.contents(NAME, 2, IMAGE, [0, 1, 2, 3]) == [image(1), b"", b"", b""]
    await importer.run(stream([example(1, "cat"), boxed("n.png", image(1))]))
    await importer.run(stream([boxed("a.png", image(2), CAT)], mode=APPEND))
    assert catalogue.contents(NAME, 4, IMAGE, [1]) == [image(1)]


async def test_pictures_without_any_box_are_no_negatives_of_anything(importer: Importer) -> None:
    dataset = await importer.run(stream([boxed("a.png", image(1)), boxed("b.png", image(2))]))
    assert (dataset.boxed, dataset.summary.example_count) == (False, 0)
    assert (
        "no example of this data set bears several, or boxes" in dataset.summary.issues[0].message
    )
    dataset = await importer.run(stream([boxed("c.png", image(3), CAT)], mode=APPEND))
    assert (dataset.boxed, dataset.summary.example_count) == (True, 3)
