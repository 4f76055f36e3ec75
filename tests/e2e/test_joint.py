"""Real pictures with real texts, from a table to a model that knows more than either part alone.

A class is a kind of clothing together with a question of bank customers, so that the picture alone
leaves two of four classes open, and the text alone, too.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from graft.errors import NotFound
from services.embedder.backbones import bundled
from tests.support.command import Done
from tests.support.page import Page
from tests.support.scenes import SHARED
from tests.support.suite import ROOT, Suite

pytestmark = [pytest.mark.e2e, pytest.mark.shared, pytest.mark.timeout(300)]

COMMAND_S = 200
CLOTHES = ("pants", "shoes")
QUESTIONS = ("card_arrival", "exchange_rate")
LEARNT = 10
ASKED = 12
Graft = Callable[..., Done]
Row = tuple[str, str, str]


@pytest.fixture(scope="module")
def graft(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graft]:
    """The command line beside a suite, in the folder of the tables."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is not there")
    try:
        bundled.text_folder()
    except NotFound as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("joint")
    learnt, asked = rows("train", LEARNT), rows("test", ASKED)
    bad = (learnt[0][0], " ", learnt[0][2]), ("", "", learnt[0][2]), ("no.jpg", "hello", "x")
    write(folder / "both.csv", ("path", "text", "label"), [*learnt, *bad])
    write(folder / "pictures.csv", ("path", "label"), [(path, label) for path, _, label in learnt])
    write(folder / "texts.csv", ("text", "label"), [(text, label) for _, text, label in learnt])
    write(folder / "test.csv", ("path", "text", "label"), asked)
    write(folder / "seen.csv", ("path", "text", "label"), [(p, "", label) for p, _, label in asked])
    write(folder / "said.csv", ("path", "text", "label"), [("", t, label) for _, t, label in asked])
    with Suite(folder) as suite:
        environ = {f"GRAFT_{name.upper()}": at for name, at in suite.address.items()}

        def run(*arguments: str) -> Done:
            done = subprocess.run(
                [sys.executable, "-m", "graft", *arguments],
                cwd=folder,
                env={**os.environ, "HOME": str(folder), "PYTHONPATH": str(ROOT), **environ},
                capture_output=True,
                text=True,
                timeout=COMMAND_S,
            )
            return Done(done.returncode, done.stdout, done.stderr)

        yield run


def rows(part: str, count: int) -> list[Row]:
    """`count` items of each of the four classes; no picture and no text is in two of them."""
    with (SHARED / "banking77" / f"{part}.csv").open(newline="", encoding="utf-8") as file:
        texts = [(one["text"], one["label"]) for one in csv.DictReader(file)]
    found: list[Row] = []
    for at, kind in enumerate(CLOTHES):
        pictures = sorted((SHARED / "clothing" / part / kind).iterdir())
        for number, question in enumerate(QUESTIONS):
            said = [text for text, label in texts if label == question]
            some = pictures[number * count : (number + 1) * count]
            words = said[at * count : (at + 1) * count]
            label = f"{kind} {question}"
            found += [(str(p), text, label) for p, text in zip(some, words, strict=True)]
    return found


def write(path: Path, header: tuple[str, ...], lines: Sequence[tuple[str, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *lines])


@pytest.fixture(scope="module")
def trained(graft: Graft) -> Graft:
    done = graft("train", "both.csv", "--model", "both", "--json")
    assert done.code == 0, done.err
    assert "41 examples of 4 classes: images with texts" in done.err
    assert "columns 'path' and 'text': all are blank" in done.err
    assert "there is no file no.jpg" in done.err
    return graft


def accuracy(graft: Graft, model: str, table: str) -> float:
    done = graft("evaluate", model, table, "--json")
    assert done.code == 0, done.err
    assert done.document["count"] == 4 * ASKED
    return float(done.document["accuracy"])


def test_both_parts_together_know_more_than_either_alone(trained: Graft) -> None:
    for name in ("pictures", "texts"):
        assert trained("train", f"{name}.csv", "--model", name).code == 0
    both = accuracy(trained, "both", "test.csv")
    alone = [accuracy(trained, *pair) for pair in (("pictures", "seen.csv"), ("texts", "said.csv"))]
    assert max(alone) < 0.65  # two classes of four are left open
    assert both > max(alone) + 0.15


def test_an_item_with_one_part_is_answered_by_it(trained: Graft) -> None:
    asked = rows("test", 3)
    right = []
    for path, text, label in asked:
        done = trained("predict", "both", path, "--json")
        right.append(done.document["label"].split()[0] == label.split()[0])
        done = trained("predict", "both", "--text", text, "--json")
        right.append(done.document["label"].split()[1] == label.split()[1])
    assert sum(right) / len(right) > 0.75


def test_a_picture_with_its_words_is_asked_about_as_one(trained: Graft) -> None:
    path, text, label = rows("train", 1)[0]
    done = trained("predict", "both", path, "--words", text, "--json")
    assert (done.code, done.document["label"]) == (0, label)


def test_the_model_and_its_data_tell_of_both_parts(trained: Graft, tmp_path: Path) -> None:
    shown = trained("models", "show", "both", "--json").document["version"]
    assert (shown["backbone"], shown["text_backbone"]) == (
        f"backbones/{bundled.NAME}",
        f"backbones/{bundled.TEXT_NAME}",
    )
    assert trained("datasets", "show", "both", "--json").document["modality"] == "image and text"
    page = tmp_path / "report.html"
    assert trained("report", "both", "--html", str(page)).code == 0
    text = Page(page.read_text(encoding="utf-8")).text
    assert bundled.TEXT_NAME in text
    assert "heat maps and shortcuts are told only where" in text


def test_items_of_the_training_are_told_in_a_test(trained: Graft) -> None:
    done = trained("evaluate", "both", "both.csv", "--json")
    told = json.loads(done.out)
    assert len(told["leaks"]) >= told["count"] - 1
