"""CSV and JSONL manifests: rows in, examples out, errors that name row and column."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from graft import (
    Example,
    ExampleSet,
    InvalidArgument,
    Joint,
    Problem,
    Text,
    Url,
    read_examples,
)


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
        ("text,label,labels\nhi,x,y\n", "'label' and 'labels' exclude each other"),
        ("url,label,path\nhi,x,a.png\n", "'path' and 'url' exclude each other"),
        ("text,class\nhi,x\n", "'label' is missing. Received: the columns 'text', 'class'"),
        ("words,label\nhi,x\n", "the column 'path' is missing, or 'url', or 'text'. Received: "),
        ("text,label\nhi,a\0b\n", "row 1 (line 2), column 'label': a label holds no zero byte"),
        ("t\0e\0x\0t\0,\0label\0\n", "'label' is missing. Received: the columns 't\\x00e"),
        ("text,label\nhi,x\n".encode("utf-16"), "line 1 is not UTF-8"),
        (b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00\xb5\xa0", "line 1 is not UTF-8"),
        ("path,label\n", "has no rows; wanted one an example"),
        (b"path,label\na.png,caf\xe9\n", "line 2 is not UTF-8"),
        ("path,label\na.png," + "x" * 201 + "\n", "at most 200 bytes"),
        ("path,label\na.png," + "x" * 200_000 + "\n", "at most 200 bytes"),
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
        (
            '{"text": "hi", "label": null}',
            "line 1, column 'label': a text is wanted. Received: None",
        ),
        ('{"text": "hi", "label": 1.5}', "column 'label': a text is wanted. Received: 1.5"),
        ('{"text": "hi", "label": ["x"]}', "several go into the column 'labels'"),
        ('{"text": "hi", "labels": "x"}', "column 'labels': a list is wanted. Received: 'x'"),
        ('{"text": "hi", "labels": null}', "column 'labels': a list is wanted"),
        ('{"text": "hi", "labels": ["x", null]}', "column 'labels': a text is wanted"),
        ('{"text": "hi", "labels": ["x", " "]}', "column 'labels': a label is wanted"),
        ('{"text": "hi", "label": "x", "labels": []}', "'label' and 'labels' exclude each other"),
        ('{"url": "hi", "path": "a.png", "label": "x"}', "'path' and 'url' exclude each other"),
        ('{"text": null, "label": "x"}', "line 1, column 'text': a text is wanted. Received: None"),
        ('{"text": ["hi"], "label": "x"}', "column 'text': a text is wanted"),
        ('{"text": "hi", "label": "a\\u0000"}', "a label holds no zero byte"),
        ("", "has no rows"),
    ],
)
def test_malformed_json_lines_name_the_place(folder: Path, text: str, wanted: str) -> None:
    assert wanted in refused(write(folder, "m.jsonl", text))


def texts(found: ExampleSet) -> list[tuple[str, tuple[str, ...], str]]:
    return [
        (one.path, one.labels, one.source.text)
        for one in found.examples
        if isinstance(one.source, Text)
    ]


def test_texts_of_a_csv_are_named_by_their_rows(folder: Path) -> None:
    path = write(
        folder, "m.csv", b'\xef\xbb\xbftext,label\r\n"one,\r\ntwo",a\r\n\r\n"say ""hi""",b\r\n'
    )
    assert texts(read_examples(path)) == [
        ("m.csv row 1 (line 2)", ("a",), "one,\r\ntwo"),
        ("m.csv row 2 (line 5)", ("b",), 'say "hi"'),
    ]


def test_several_labels_of_a_csv_have_bars_between_them(folder: Path) -> None:
    path = write(folder, "m.csv", "labels,text\nb| a,1\n,2\n|a||a|,3\n")
    assert [labels for _, labels, _ in texts(read_examples(path))] == [("a", "b"), (), ("a",)]


def test_several_labels_of_json_lines_are_a_list(folder: Path) -> None:
    text = '{"text": "1", "labels": ["b", "a|c", 7]}\n{"text": 2, "labels": []}'
    assert texts(read_examples(write(folder, "m.jsonl", text))) == [
        ("m.jsonl line 1", ("7", "a|c", "b"), "1"),
        ("m.jsonl line 2", (), "2"),
    ]


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ("", "the text is blank"),
        ('" \t"', "the text is blank"),
        ("a\0b", "a zero byte is in no text"),
        ("x" * (10 << 20), "larger than the 1048576 bytes of UTF-8 that one text may have"),
    ],
    ids=["empty", "blank", "binary", "10 MB"],
)
def test_a_bad_text_is_only_that_rows_problem_and_names_row_and_column(
    folder: Path, bad: str, told: str
) -> None:
    path = write(folder, "m.csv", f"text,label\ngood,a\n{bad},b\nfine,b\n")
    found = read_examples(path)
    assert [text for *_, text in texts(found)] == ["good", "fine"]
    (problem,) = [one.source for one in found.examples if isinstance(one.source, Problem)]
    assert problem.message.startswith("m.csv row 2 (line 3), column 'text'")
    assert told in problem.message
    assert len(problem.message) < 400


def test_a_text_of_a_hundred_thousand_characters_is_no_trouble(folder: Path) -> None:
    before = csv.field_size_limit()
    long = "日本 " * 33_334
    path = write(folder, "m.csv", f"text,label\n{long},a\n")
    assert texts(read_examples(path))[0][2] == long
    assert csv.field_size_limit() == before


def test_urls_are_taken_as_they_are_and_fetched_later(folder: Path) -> None:
    text = "url,label\nhttps://example.com/a.png?x=1,cat\nfile:///etc/passwd,dog\n"
    good, bad = read_examples(write(folder, "m.csv", text)).examples
    assert good == Example(
        "https://example.com/a.png?x=1", "cat", Url("https://example.com/a.png?x=1")
    )
    assert isinstance(bad.source, Problem)
    assert bad.source.message.startswith("m.csv row 2 (line 3), column 'url': a URL of http")


def test_a_path_and_a_text_are_one_example_and_either_may_be_blank(folder: Path) -> None:
    text = "path,text,label\na.png,a red door,x\n,hello,y\nin/b.png, ,x\nin/b.png,bye,y\n"
    assert read_examples(write(folder, "m.csv", text)).examples == (
        Example("a.png in row 1 (line 2)", "x", Joint(folder / "a.png", "a red door")),
        Example("m.csv row 2 (line 3)", "y", Text("hello")),
        Example("in/b.png", "x", folder / "in" / "b.png"),
        Example("in/b.png in row 4 (line 5)", "y", Joint(folder / "in" / "b.png", "bye")),
    )


def test_json_lines_may_leave_either_out_and_take_urls(folder: Path) -> None:
    rows = [
        '{"url": "https://example.com/a.png", "text": "a red door", "label": "x"}',
        '{"text": "hello", "path": null, "label": "y"}',
        '{"path": "a.png", "label": "x"}',
    ]
    found = read_examples(write(folder, "m.jsonl", "\n".join(rows))).examples
    assert [one.source for one in found] == [
        Joint(Url("https://example.com/a.png"), "a red door"),
        Text("hello"),
        folder / "a.png",
    ]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (", ,x", "m.csv row 1 (line 2), columns 'path' and 'text': all are blank"),
        ("gone.png,hello,x", "there is no file gone.png"),
        ("a.png,a\0b,x", "m.csv row 1 (line 2), column 'text': a zero byte"),
        (
            "a.txt,hello,x",
            "beside them an image is wanted, no .txt file; leave one out",
        ),
    ],
)
def test_a_row_of_nothing_or_with_a_bad_part_is_only_that_rows_problem(
    folder: Path, row: str, told: str
) -> None:
    (folder / "a.txt").write_text("hello")
    path = write(folder, "m.csv", f"path,text,label\n{row}\na.png,hello,x\n")
    bad, good = read_examples(path).examples
    assert isinstance(bad.source, Problem)
    assert told in bad.source.message
    assert good.source == Joint(folder / "a.png", "hello")
