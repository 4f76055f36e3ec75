from __future__ import annotations

import hashlib

import pytest

from graft.common.v1 import content_pb2, problem_pb2
from graft.content import MAX_TEXT_BYTES
from graft.trainer.v1 import dataset_service_pb2 as pb
from services.common.image import ImageLimits
from services.trainer.data.fingerprint import FINGERPRINT_BYTES
from services.trainer.data.rows import ACCEPTED, BOTH, IMAGE, REJECTED, TEXT
from services.trainer.data.sketch import SKETCH_BYTES
from services.trainer.data.verdict import MAX_LABEL_BYTES, MAX_PATH_BYTES, judge
from tests.support.images import bomb, encode, picture

GOOD = encode(picture(), "JPEG")
LIMITS = ImageLimits(max_bytes=100_000, max_pixels=1_000_000)


def example(image: bytes = GOOD, label: str = "cat", path: str = "cat/1.jpg") -> pb.Example:
    return pb.Example(path=path, labels=[label], content=content_pb2.Content(image=image))


def test_a_good_image_is_taken_as_it_is() -> None:
    row = judge(example())
    assert (row.verdict, row.path, row.labels) == (ACCEPTED, "cat/1.jpg", ("cat",))
    assert row.modality == IMAGE
    assert row.image is not None
    assert row.image.content == GOOD
    assert row.key == row.image.key == hashlib.sha256(GOOD).digest()
    assert row.detail == str(len(GOOD))
    assert len(row.image.sketch) == SKETCH_BYTES


@pytest.mark.parametrize(
    "good",
    [
        encode(picture(), "PNG"),
        encode(picture(), "WEBP"),
        encode(picture(), "BMP"),
        encode(picture(), "TIFF"),
        encode(picture(), "GIF", save_all=True, append_images=[picture(seed=1)]),
        encode(picture(1, 1), "PNG"),
    ],
)
def test_every_known_kind_is_taken(good: bytes) -> None:
    assert judge(example(good)).verdict == ACCEPTED


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_an_animation_or_pages_are_taken_and_noticed(kind: str) -> None:
    still, moving = (
        judge(example(encode(picture(), kind, save_all=True, append_images=more)))
        for more in ([], [picture(seed=1)])
    )
    assert (still.verdict, still.several) == (moving.verdict, False) == (ACCEPTED, False)
    assert moving.several
    assert moving.image is not None
    assert moving.size_bytes == len(moving.image.content)


def test_the_depth_map_of_a_photograph_is_no_page() -> None:
    photo = encode(picture(), "MPO", save_all=True, append_images=[picture(seed=1)])
    assert not judge(example(photo)).several


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (b"", "empty"),
        (GOOD[: len(GOOD) // 2], "damaged or cut off"),
        (encode(picture(300, 300), "PNG")[:-40], "damaged or cut off"),
        (b"this is a text, not an image", "not an image of a known type"),
        (b"%PDF-1.7 ...", "not an image of a known type"),
        (bomb(30_000, 30_000), "pixels"),
        (bytes(100_001), "limit of 100000 bytes"),
    ],
)
def test_a_bad_image_gets_a_verdict_that_says_why(bad: bytes, words: str) -> None:
    row = judge(example(bad), LIMITS)
    assert row.verdict == REJECTED
    assert words in row.detail
    assert not row.parts


@pytest.mark.parametrize("label", ["", "  ", "\t"])
def test_an_empty_label_is_refused(label: str) -> None:
    row = judge(example(label=label))
    assert (row.verdict, row.detail.split(";")[0]) == (REJECTED, "the label is empty")


def test_labels_are_kept_once_and_by_name() -> None:
    sent = example()
    sent.labels.extend(["pet", "ape", "cat"])
    assert judge(sent).labels == ("ape", "cat", "pet")


def test_labels_are_bounded_in_bytes_not_letters() -> None:
    assert judge(example(label="ä" * (MAX_LABEL_BYTES // 2))).verdict == ACCEPTED
    row = judge(example(label="ä" * 101))
    assert row.verdict == REJECTED
    assert "at most 200 bytes" in row.detail
    assert "Received: 202 bytes" in row.detail
    assert len(row.labels[0].encode()) <= MAX_LABEL_BYTES


def test_a_long_path_is_cut_and_the_example_taken() -> None:
    row = judge(example(path="ö" * 2000))
    assert row.verdict == ACCEPTED
    assert len(row.path.encode()) <= MAX_PATH_BYTES
    assert row.path.endswith("ö...")


def test_what_the_client_could_not_read_keeps_its_reason() -> None:
    problem = problem_pb2.Problem(message="permission denied")
    row = judge(pb.Example(path="x.jpg", labels=["cat"], problem=problem))
    assert (row.verdict, row.detail) == (REJECTED, "permission denied")


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (pb.Example(path="a", labels=["b"]), "no content"),
        (example(path=""), "no path"),
    ],
)
def test_other_faults_are_told(broken: pb.Example, words: str) -> None:
    row = judge(broken)
    assert row.verdict == REJECTED
    assert words in row.detail


def text(content: str) -> pb.Example:
    return pb.Example(path="a.csv row 1", labels=["b"], content=content_pb2.Content(text=content))


@pytest.mark.parametrize("content", ["hello", "x", "Grüße\r\n", "\U0001f431", "a\0b", "日本語"])
def test_a_good_text_is_taken_as_its_bytes(content: str) -> None:
    row = judge(text(content))
    assert (row.verdict, row.modality) == (ACCEPTED, TEXT)
    assert row.text is not None
    assert row.text.content == content.encode()
    assert row.key == row.text.key == hashlib.sha256(content.encode()).digest()
    assert row.size_bytes == len(content.encode())
    assert len(row.text.sketch) == FINGERPRINT_BYTES
    assert not row.several


@pytest.mark.parametrize("content", ["", " \t\n", "\0\0", "\u200b\ufeff", "\u3000"])
def test_a_blank_text_is_refused(content: str) -> None:
    row = judge(text(content))
    assert row.verdict == REJECTED
    assert "the text is blank" in row.detail
    assert not row.parts


def test_a_text_is_bounded_in_bytes() -> None:
    assert judge(text("x" * MAX_TEXT_BYTES)).verdict == ACCEPTED
    row = judge(text("ä" * (5 << 20)))
    assert row.verdict == REJECTED
    assert "at most 1048576 bytes of UTF-8; cut it. Received: 10485760" in row.detail


def both(image: bytes, words: str) -> pb.Example:
    content = content_pb2.Content(image=image, text=words)
    return pb.Example(path="a.csv row 1", labels=["b"], content=content)


def test_an_image_with_a_text_is_named_by_both() -> None:
    row = judge(both(GOOD, "hello"))
    assert (row.verdict, row.modality) == (ACCEPTED, BOTH)
    image, words = (hashlib.sha256(each).digest() for each in (GOOD, b"hello"))
    assert {name: part.key for name, part in row.parts.items()} == {IMAGE: image, TEXT: words}
    assert row.key == hashlib.sha256(image + words).digest()
    assert row.size_bytes == len(GOOD) + 5
    assert not any(part.content or part.sketch for part in row.bare().parts.values())
    assert row.bare().key == row.key


@pytest.mark.parametrize(
    ("image", "words", "why"),
    [
        (b"no image", "hello", "its image: "),
        (GOOD, " ", "its text: the text is blank"),
        (GOOD, "x" * (MAX_TEXT_BYTES + 1), "its text: a text takes at most"),
    ],
)
def test_one_bad_part_spoils_both_and_is_named(image: bytes, words: str, why: str) -> None:
    row = judge(both(image, words))
    assert (row.verdict, row.parts) == (REJECTED, {})
    assert row.detail.startswith(why)
