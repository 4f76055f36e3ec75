"""What examples go together in one data set: their labels, and whether they are images, texts, or
both."""

from __future__ import annotations

from graft.embedder.v1 import backbone_pb2
from services.trainer.data import fingerprint
from services.trainer.data.catalogue import Catalogue
from services.trainer.data.importer import Importer
from services.trainer.data.rows import BOTH, IMAGE, TEXT
from tests.support.imports import APPEND, NAME, both, example, image, labels, said, stream


async def test_an_example_may_bear_several_labels_or_none(
    importer: Importer, catalogue: Catalogue
) -> None:
    several, none = example(1, "cat"), example(2, "cat")
    several.labels.extend(["pet", "cat"])
    none.labels.clear()
    dataset = await importer.run(stream([several, none, example(3, "dog")]))
    assert dataset.multi_label
    assert labels(dataset) == {"cat": 1, "dog": 1, "pet": 1}
    assert dataset.summary.example_count == 3
    found = [row.labels for row in catalogue.snapshot(NAME, 1).rows]
    assert found == [("cat", "pet"), (), ("dog",)]


async def test_where_every_example_bears_one_label_one_without_is_refused_and_told(
    importer: Importer, catalogue: Catalogue
) -> None:
    none = example(1, "cat")
    none.labels.clear()
    dataset = await importer.run(stream([none, example(1, "cat"), example(2, "dog")]))
    assert not dataset.multi_label
    assert labels(dataset) == {"cat": 1, "dog": 1}
    (issue,) = dataset.summary.issues
    assert (issue.path, list(issue.labels)) == ("cat/1.png", [])
    assert "no example of this data set bears several" in issue.message
    assert catalogue.contents(NAME, 1, IMAGE, [1]) == [image(1)]


async def test_an_example_takes_a_bounded_number_of_labels(importer: Importer) -> None:
    much = example(1, "cat")
    much.labels.extend(f"c{n}" for n in range(100))
    dataset = await importer.run(stream([much, example(2, "dog")]))
    assert labels(dataset) == {"dog": 1}
    assert "at most 100 labels. Received: 101" in dataset.summary.issues[0].message


async def test_a_data_set_tells_what_it_is_of(importer: Importer) -> None:
    dataset = await importer.run(stream([example(1, "cat", b"bad"), example(2, "cat")]))
    assert dataset.modality == backbone_pb2.MODALITY_IMAGE
    dataset = await importer.run(stream([example(1, "cat", b"bad")]))
    assert dataset.modality == backbone_pb2.MODALITY_UNSPECIFIED


async def test_texts_are_kept_with_their_fingerprints(
    importer: Importer, catalogue: Catalogue
) -> None:
    sent = [said("1", "Grüße"), said("2", "adieu", "dog"), said("3", "Grüße")]
    dataset = await importer.run(stream(sent))
    assert dataset.modality == dataset.summary.modality == backbone_pb2.MODALITY_TEXT
    assert labels(dataset) == {"cat": 1, "dog": 1}
    assert dataset.summary.duplicate_count == 1
    assert catalogue.contents(NAME, 1, TEXT, [1, 0]) == [b"adieu", "Grüße".encode()]
    (found,) = catalogue.fingerprints(NAME, 1, [0])
    assert found.tobytes() == fingerprint.take("Grüße")


async def test_the_first_usable_example_decides_what_a_data_set_is_of(importer: Importer) -> None:
    sent = [example(1, "cat", b"bad"), said("1", "hello"), example(2, "dog"), said("2", "bye")]
    dataset = await importer.run(stream(sent))
    assert (dataset.modality, labels(dataset)) == (backbone_pb2.MODALITY_TEXT, {"cat": 2})
    assert "put images into another one. Received: an image" in dataset.summary.issues[1].message


async def test_an_append_keeps_to_what_the_data_set_is_of(importer: Importer) -> None:
    await importer.run(stream([said("1", "hello")]))
    dataset = await importer.run(stream([example(1, "dog")], mode=APPEND))
    assert (labels(dataset), dataset.summary.rejected_count) == ({"cat": 1}, 1)
    dataset = await importer.run(stream([example(1, "dog")]))
    assert dataset.modality == backbone_pb2.MODALITY_IMAGE


async def test_an_example_with_an_image_and_a_text_makes_room_for_either_alone(
    importer: Importer, catalogue: Catalogue
) -> None:
    sent = [said("1", "hello"), example(2, "dog"), both(3, "red", "dog"), both(3, "blue", "cat")]
    dataset = await importer.run(stream(sent))
    assert dataset.modality == dataset.summary.modality == backbone_pb2.MODALITY_IMAGE_AND_TEXT
    assert (labels(dataset), dataset.summary.rejected_count) == ({"cat": 2, "dog": 2}, 0)
    rows = catalogue.snapshot(NAME, 1).rows
    assert [row.modality for row in rows] == [TEXT, IMAGE, BOTH, BOTH]
    assert catalogue.contents(NAME, 1, IMAGE, [1, 2]) == [image(2), image(3)]
    assert catalogue.contents(NAME, 1, TEXT, [0, 3]) == [b"hello", b"blue"]
    sizes = [len(image(2)), len(image(3)) + 3, len(image(3)) + 4, 5]
    assert dataset.size_bytes == sum(sizes)


async def test_what_an_append_brings_may_make_room_for_what_was_refused(
    importer: Importer,
) -> None:
    dataset = await importer.run(stream([said("1", "hello"), example(1, "dog")]))
    assert (labels(dataset), dataset.summary.rejected_count) == ({"cat": 1}, 1)
    dataset = await importer.run(stream([both(2, "red", "dog")], mode=APPEND))
    assert dataset.modality == backbone_pb2.MODALITY_IMAGE_AND_TEXT
    assert labels(dataset) == {"cat": 1, "dog": 2}


async def test_the_same_image_with_other_words_is_another_example(importer: Importer) -> None:
    sent = [
        both(1, "red", "cat"),
        both(1, "blue", "dog"),
        both(1, "red", "cat"),
        both(2, "red", "cat"),
        both(2, "red", "dog"),
    ]
    summary = (await importer.run(stream(sent))).summary
    assert (summary.example_count, summary.duplicate_count, summary.conflict_count) == (2, 1, 2)
