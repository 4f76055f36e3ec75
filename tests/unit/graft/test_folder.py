"""A folder of class folders: what is taken, what is reported, what is left alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from graft import ExampleSet, InvalidArgument, NotFound, Problem, read_examples
from graft.examples import Example


def touch(root: Path, *names: str, data: bytes = b"x") -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def taken(examples: ExampleSet) -> list[tuple[str, str]]:
    usable = [one for one in examples.examples if isinstance(one.source, Path)]
    return [(one.path, label) for one in usable for label in one.labels]


def problems(examples: ExampleSet) -> dict[str, str]:
    return {
        one.path: one.source.message for one in examples.examples if isinstance(one.source, Problem)
    }


def test_the_first_folder_is_the_label_at_any_depth_in_a_fixed_order(tmp_path: Path) -> None:
    touch(tmp_path, "dog/b.png", "cat/z.jpg", "cat/a/b/deep.JPEG", "dog/a.webp")
    assert taken(read_examples(tmp_path)) == [
        ("cat/a/b/deep.JPEG", "cat"),
        ("cat/z.jpg", "cat"),
        ("dog/a.webp", "dog"),
        ("dog/b.png", "dog"),
    ]


def test_hidden_files_and_folders_are_ignored(tmp_path: Path) -> None:
    touch(tmp_path, "cat/a.png", "cat/._a.png", "cat/.hidden/b.png", ".git/x.png", "__MACOSX/y.png")
    found = read_examples(tmp_path)
    assert taken(found) == [("cat/a.png", "cat")]
    assert found.skipped == {}


def test_foreign_files_are_skipped_and_counted(tmp_path: Path) -> None:
    touch(tmp_path, "cat/a.png", "cat/notes.md", "cat/b.MD", "cat/Thumbs.db", "readme.pdf")
    found = read_examples(tmp_path)
    assert taken(found) == [("cat/a.png", "cat")]
    assert found.skipped == {".db": 1, ".md": 2, ".pdf": 1}


def test_files_without_an_extension_are_for_the_server_to_judge(tmp_path: Path) -> None:
    touch(tmp_path, "cat/5f3a", "cat/scan.001", "cat/empty.png")
    assert [path for path, _ in taken(read_examples(tmp_path))] == [
        "cat/5f3a",
        "cat/empty.png",
        "cat/scan.001",
    ]


def test_images_in_a_format_that_is_not_read_are_reported_with_the_fix(tmp_path: Path) -> None:
    touch(tmp_path, "cat/phone.HEIC", "cat/a.png")
    told = problems(read_examples(tmp_path))
    assert set(told) == {"cat/phone.HEIC"}
    assert "convert it to JPEG" in told["cat/phone.HEIC"]


def test_a_folder_of_empty_class_folders_is_refused_and_says_what_lies_there(
    tmp_path: Path,
) -> None:
    touch(tmp_path, "cat/notes.md")
    (tmp_path / "dog").mkdir()
    with pytest.raises(InvalidArgument, match=r"no image or \.txt file in any") as caught:
        read_examples(tmp_path)
    assert f"{tmp_path} has 2 class folders" in str(caught.value)
    assert str(caught.value).endswith("Received: 1 .md files")


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    outside = touch(tmp_path, "secret.png") / "secret.png"
    root = touch(tmp_path / "data", "cat/a.png")
    (root / "cat" / "out.png").symlink_to(outside)
    (root / "cat" / "up").symlink_to(tmp_path)
    (root / "dogs").symlink_to(tmp_path)
    found = read_examples(root)
    assert taken(found) == [("cat/a.png", "cat")]
    told = problems(found)
    assert set(told) == {"cat/out.png", "cat/up", "dogs"}
    assert all("symbolic link" in text for text in told.values())


def test_a_link_to_a_file_inside_is_followed_and_a_broken_one_reported(tmp_path: Path) -> None:
    touch(tmp_path, "cat/a.png")
    (tmp_path / "cat" / "b.png").symlink_to("a.png")
    (tmp_path / "cat" / "c.png").symlink_to("nowhere.png")
    found = read_examples(tmp_path)
    assert [path for path, _ in taken(found)] == ["cat/a.png", "cat/b.png"]
    assert "link to nothing" in problems(found)["cat/c.png"]


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    touch(tmp_path / "real", "cat/a.png")
    (tmp_path / "link").symlink_to("real")
    assert taken(read_examples(tmp_path / "link")) == [("cat/a.png", "cat")]


def test_a_folder_that_links_to_itself_ends(tmp_path: Path) -> None:
    touch(tmp_path, "cat/a.png")
    (tmp_path / "cat" / "loop").symlink_to(".")
    assert taken(read_examples(tmp_path)) == [("cat/a.png", "cat")]


def test_something_that_is_no_file_is_not_opened(tmp_path: Path) -> None:
    touch(tmp_path, "cat/a.png")
    os.mkfifo(tmp_path / "cat" / "pipe.png")
    assert "no regular file" in problems(read_examples(tmp_path))["cat/pipe.png"]


def test_names_that_are_not_utf8_are_escaped_and_work(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)
    with open(folder + b"/\xff.png", "wb") as file:
        file.write(b"bytes")
    (one,) = read_examples(tmp_path).examples
    assert (one.path, one.labels) == (r"caf\xe9/\xff.png", (r"caf\xe9",))
    assert isinstance(one.source, Path)
    assert one.source.read_bytes() == b"bytes"


def test_empty_class_folders_and_loose_files_are_warned_of(tmp_path: Path) -> None:
    touch(tmp_path, "cat/a.png", "loose.png")
    (tmp_path / "dog").mkdir()
    touch(tmp_path, "bird/notes.md", "loose.txt")
    found = read_examples(tmp_path)
    assert {one.labels for one in found.examples} == {("cat",)}
    empty, loose = found.warnings
    assert "2 class folders" in empty
    assert "'bird', 'dog'" in empty
    assert loose.startswith("1 image lies in")


def test_many_empty_classes_are_counted_not_listed(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.png")
    for number in range(9):
        (tmp_path / f"empty{number}").mkdir()
    (warning,) = read_examples(tmp_path).warnings
    assert "9 class folders" in warning
    assert warning.endswith("and 4 more")


def test_a_folder_without_class_folders_says_how_it_should_look(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.png")
    with pytest.raises(InvalidArgument, match="one folder a class") as caught:
        read_examples(tmp_path)
    assert "Received: 2 files and no folder" in str(caught.value)


def test_a_label_that_is_too_long_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    touch(tmp_path, "x" * 201 + "/a.png")
    with pytest.raises(InvalidArgument, match="at most 200 bytes"):
        read_examples(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_that_may_not_be_read_is_reported(tmp_path: Path) -> None:
    touch(tmp_path, "cat/a.png", "cat/shut/b.png")
    (tmp_path / "cat" / "shut").chmod(0)
    try:
        told = problems(read_examples(tmp_path))
    finally:
        (tmp_path / "cat" / "shut").chmod(0o700)
    assert "cannot be read" in told["cat/shut"]


def test_what_is_not_there_or_of_another_kind_is_an_error(tmp_path: Path) -> None:
    touch(tmp_path, "data.json", "data.txt")
    with pytest.raises(NotFound, match="there is no"):
        read_examples(tmp_path / "nothing")
    with pytest.raises(InvalidArgument, match="is no JSON"):
        read_examples(tmp_path / "data.json")
    with pytest.raises(InvalidArgument, match="manifest was wanted"):
        read_examples(tmp_path / "data.txt")


def test_ten_thousand_classes_with_an_image_each(tmp_path: Path) -> None:
    for number in range(10_000):
        folder = tmp_path / f"{number:05d}"
        folder.mkdir()
        (folder / "a.png").touch()
    found = read_examples(tmp_path)
    assert len(found.examples) == 10_000
    assert found.examples[7] == Example("00007/a.png", "00007", tmp_path / "00007" / "a.png")


def test_text_files_are_examples_of_their_folder(tmp_path: Path) -> None:
    touch(tmp_path, "spam/a.txt", "spam/deep/b.TXT", "ham/c.txt", "ham/d.md", "all.txt")
    found = read_examples(tmp_path)
    assert taken(found) == [
        ("ham/c.txt", "ham"),
        ("spam/a.txt", "spam"),
        ("spam/deep/b.TXT", "spam"),
    ]
    assert found.skipped == {".md": 1}
    (warning,) = found.warnings
    assert warning.startswith("1 text lies in")


@pytest.mark.parametrize(
    ("files", "rarer", "told"),
    [
        (["cat/a.png", "cat/b", "cat/c.txt"], "cat/c.txt", "is a text among images"),
        (["cat/a.png", "cat/b.txt"], "cat/b.txt", "is a text among images"),
        (["cat/a.txt", "cat/b.txt", "dog/c.png"], "dog/c.png", "is an image among texts"),
    ],
)
def test_of_a_mixture_the_rarer_kind_is_told_and_left_out(
    tmp_path: Path, files: list[str], rarer: str, told: str
) -> None:
    touch(tmp_path, *files)
    found = read_examples(tmp_path)
    assert [path for path, _ in taken(found)] == [path for path in files if path != rarer]
    assert told in problems(found)[rarer]
    assert "mixes" in found.warnings[0]
    assert found.warnings[0].endswith("s are left out")


def test_a_class_of_the_rarer_kind_alone_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "cat/a.png", "dog/b.png", "bird/notes.txt")
    mixed, empty = read_examples(tmp_path).warnings
    assert mixed.endswith(
        "mixes 2 images and 1 text: a data set holds one kind, and the texts are left out"
    )
    assert "1 class folder holds no image and is left out: 'bird'" in empty
