"""CSV and JSONL manifests: rows in, examples out, errors that name row and column."""

from __future__ import annotations

from pathlib import Path

import pytest

from graft import Example, InvalidArgument, Problem, Text, read_examples


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for name in ("a.png", "in/b.png"):
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refused(path: Path) -> str:
    with pytest.raises(InvalidArgument) as caught:
        read_examples(path)
    assert "Received: " in str(caught.value)
    return str(caught.value)


def test_paths_are_relative_to_the_manifest(folder: Path) -> None:
    path = write(folder, "m.csv", "path,label\na.png,cat\nin/b.png,dog\n")
    assert read_examples(path).examples == (
        Example("a.png", "cat", folder / "a.png"),
        Example("in/b.png", "dog", folder / "in" / "b.png"),
    )


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbfpath,label\r\na.png,cat\r\n",
        b"Label , PATH ,extra\ncat,a.png,7\n",
        b'\n\npath,label\n\n"a.png","cat"\n\n',
    ],
    ids=["byte order mark and CRLF", "order, case and other columns", "empty lines and quotes"],
)
def test_the_ways_people_write_csv(folder: Path, text: bytes) -> None:
    assert read_examples(write(folder, "m.csv", text)).examples == (
        Example("a.png", "cat", folder / "a.png"),
    )


def test_tabs_separate_in_a_tsv(folder: Path) -> None:
    path = write(folder, "m.tsv", "path\tlabel\na.png\tcat, tabby\n")
    assert read_examples(path).examples[0].labels == ("cat, tabby",)


def test_quoted_newlines_and_commas_stay_in_their_cell(folder: Path) -> None:
    path = write(folder, "m.csv", 'path,label\na.png,"cat,\nthe ""big"" one"\nin/b.png,dog\n')
    found = read_examples(path).examples
    assert [one.labels for one in found] == [('cat,\nthe "big" one',), ("dog",)]


def test_rows_are_counted_as_rows_and_lines_as_lines(folder: Path) -> None:
    text = 'path,label\na.png,"two\nlines"\nin/b.png,""\n'
    assert "row 2 (line 4), column 'label'" in refused(write(folder, "m.csv", text))


def test_a_missing_column_is_named_with_those_received(folder: Path) -> None:
    told = refused(write(folder, "m.csv", "path,class\na.png,cat\n"))
    assert "the column 'label' is missing" in told
    assert told.endswith("Received: the columns 'path', 'class'")
    told = refused(write(folder, "m.csv", "url,label\nhttp://x/y.png,cat\n"))
    assert "the column 'path' is missing; download" in told


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("path,label\na.png\n", "row 1 (line 2): 2 columns were wanted"),
        ("path,label\na.png,cat,7\n", "put quotes around"),
        ("path,label\n,cat\n", "row 1 (line 2), column 'path'"),
        ("path,label\na.png,  \n", "column 'label'"),
        ('path,label\na.png,"cat\n', "row 1 (line 2) is no CSV"),
        ('path,label\n"a"x,cat\n', "is no CSV"),
        ("", "is empty"),
        ("path;label\na.png;cat\n", "'label' is missing; put commas between the cells"),
        ("path,label,Label\na.png,cat,dog\n", "the column 'label' stands twice"),
        ("path,label\n", "has no rows; wanted one an example"),
        (b"path,label\na.png,caf\xe9\n", "line 2 is not UTF-8"),
        ("path,label\na.png," + "x" * 201 + "\n", "at most 200 bytes"),
        ("path,label\na.png," + "x" * 200_000 + "\n", "is no CSV"),
    ],
)
def test_a_malformed_csv_names_the_place(folder: Path, text: str | bytes, wanted: str) -> None:
    assert wanted in refused(write(folder, "m.csv", text))


@pytest.mark.parametrize("row", ["missing.png,cat", "in,cat", "a\0b.png,cat", "x.heic,cat"])
def test_a_bad_file_is_only_that_rows_problem(folder: Path, row: str) -> None:
    (folder / "x.heic").touch()
    path = write(folder, "m.csv", f"path,label\n{row}\na.png,dog\n")
    bad, good = read_examples(path).examples
    assert isinstance(bad.source, Problem)
    assert row.split(",")[0] in bad.source.message
    assert good.source == folder / "a.png"


def test_json_lines_with_numbers_as_labels_and_texts(folder: Path) -> None:
    text = '{"path": "a.png", "label": 3}\n\n{"label": "ü", "path": "in/b.png", "x": [1]}\n'
    assert [
        (one.path, *one.labels) for one in read_examples(write(folder, "m.jsonl", text)).examples
    ] == [
        ("a.png", "3"),
        ("in/b.png", "ü"),
    ]
    (one,) = read_examples(write(folder, "t.jsonl", '{"text": "hello", "label": "x"}')).examples
    assert one.source == Text("hello")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{"path": "a.png", "label": "x"}\n{broken', "line 2 is no JSON object"),
        ("[1]", "line 1 is no JSON object"),
        ('{"path": "a.png"}', "line 1: the column 'label' is missing"),
        ('{"label": "x"}', "line 1: the column 'path' is missing"),
        ('{"path": "a.png", "label": true}', "line 1, column 'label': a text is wanted"),
        ('{"path": ["a"], "label": "x"}', "column 'path': a text is wanted"),
        ('{"path": "\\ud800", "label": "x"}', "column 'path' is not Unicode"),
        ("[" * 100_000, "line 1 is no JSON object"),
        ("", "has no rows"),
    ],
)
def test_malformed_json_lines_name_the_place(folder: Path, text: str, wanted: str) -> None:
    assert wanted in refused(write(folder, "m.jsonl", text))
