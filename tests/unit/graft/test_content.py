"""Items on their way to the wire: images, texts, files of either."""

from __future__ import annotations

from pathlib import Path

import pytest

from graft.content import Joint, Text, is_text, item_size, load, too_large
from graft.errors import InvalidArgument, NotFound


def test_a_file_is_a_text_by_its_name(tmp_path: Path) -> None:
    for name, text in (("a.txt", True), ("b.TXT", True), ("c.png", False), ("txt", False)):
        path = tmp_path / name
        path.write_bytes("Grüße".encode())
        assert is_text(path) is is_text(str(path)) is text
        loaded = load(path)
        assert (loaded.HasField("text"), loaded.HasField("image")) == (text, not text)
        assert item_size(path) == 7


def test_a_byte_order_mark_is_no_part_of_a_text(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo\n")
    assert load(path).text == "one\r\ntwo\n"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"one\ncaf\xe9", "a.txt line 2 is not UTF-8; save the file as UTF-8. Received: byte 0xe9"),
        ("hello".encode("utf-16"), "a.txt line 1 is not UTF-8"),
        ("one\ntwo".encode("utf-16-le"), "a.txt line 1 holds a zero byte and is no text"),
    ],
)
def test_what_is_no_utf8_is_refused_by_line(tmp_path: Path, data: bytes, told: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(data)
    with pytest.raises(InvalidArgument) as caught:
        load(path)
    assert told in str(caught.value)


@pytest.mark.parametrize("call", [load, item_size])
def test_half_a_character_is_refused(call: object) -> None:
    assert callable(call)
    with pytest.raises(InvalidArgument, match=r"surrogates. Received: '\\ud83d' at character 3"):
        call(Text("abc\ud83d"))


def test_a_text_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"gone\.txt"):
        load(tmp_path / "gone.txt")


def test_too_large_names_the_limit_of_its_kind() -> None:
    assert too_large("a", 9, 8, text=True).reason == "TEXT_TOO_LARGE"
    assert too_large("a", 9, 8, text=False).reason == "IMAGE_TOO_LARGE"


def test_an_image_with_a_text_is_loaded_as_both(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"pixels")
    joint = Joint(path, "Grüße")
    assert (item_size(joint), is_text(joint)) == (13, False)
    loaded = load(joint)
    assert (loaded.image, loaded.text) == (b"pixels", "Grüße")
    assert load(Joint(b"", "")).HasField("image")


def test_beside_a_text_an_image_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"a\.txt is no image, and a text stands beside it"):
        load(Joint(tmp_path / "a.txt", "hello"))
    with pytest.raises(NotFound, match=r"gone\.png"):
        load(Joint(tmp_path / "gone.png", "hello"))
