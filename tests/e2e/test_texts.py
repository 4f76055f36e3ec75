"""From files of sentences to a model that answers, by the command line."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from graft.errors import NotFound
from services.embedder.backbones import bundled
from tests.support.command import Done
from tests.support.page import Page
from tests.support.sayings import INTENTS, sayings
from tests.support.suite import ROOT, Suite

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

COMMAND_S = 200
LEARNT = 10
Graft = Callable[..., Done]


@pytest.fixture(scope="module")
def graft(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graft]:
    """The command line beside a suite with a text backbone, in the folder of the data."""
    try:
        bundled.text_folder()
    except NotFound as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("texts")
    _write(folder)
    with Suite(folder) as suite:
        environ = {f"GRAFT_{name.upper()}": at for name, at in suite.address.items()}

        def run(*arguments: str, typed: str = "") -> Done:
            done = subprocess.run(
                [sys.executable, "-m", "graft", *arguments],
                cwd=folder,
                env={**os.environ, "HOME": str(folder), "PYTHONPATH": str(ROOT), **environ},
                input=typed,
                capture_output=True,
                text=True,
                timeout=COMMAND_S,
            )
            return Done(done.returncode, done.stdout, done.stderr)

        yield run


def _write(folder: Path) -> None:
    """A file to train on, one to test, folders of text files, and texts of several labels."""
    trained = [(text, intent) for intent in INTENTS for text in sayings(intent, count=LEARNT)]
    asked = [(text, i) for i in INTENTS for text in sayings(i, first=60, count=LEARNT)]
    for name, rows in (
        ("intents.csv", [*trained, ("", "music")]),
        ("test.csv", [*asked, ("what is the capital of Peru", "geography"), trained[0]]),
    ):
        with (folder / name).open("w", newline="", encoding="utf-8-sig") as file:
            csv.writer(file).writerows([("text", "label"), *rows])
    for number, (text, intent) in enumerate(trained):
        path = folder / "letters" / intent / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    several = [
        {"text": f"{one}, and {other}", "labels": ["music", "travel"]}
        for one, other in zip(
            sayings("music", count=15), sayings("travel", first=30, count=15), strict=True
        )
    ]
    several += [{"text": text, "labels": [i]} for i in INTENTS for text in sayings(i, count=15)]
    several += [{"text": f"number {n} is not for us", "labels": []} for n in range(8)]
    lines = [json.dumps(one) for one in several]
    (folder / "tags.jsonl").write_text("\n".join(lines), encoding="utf-8")


@pytest.fixture(scope="module")
def trained(graft: Graft) -> Graft:
    done = graft("train", "intents.csv", "--model", "intents", "--json")
    assert done.code == 0, done.err
    assert "30 examples of 3 classes: texts" in done.err
    assert "intents.csv row 31 (line 32), column 'text': the text is blank" in done.err
    assert done.document["accuracy"]["estimate"] > 0.9
    return graft


def test_texts_are_labelled_wherever_they_come_from(trained: Graft) -> None:
    done = trained("predict", "intents", "--text", "is it going to hail tonight?", "--json")
    assert done.document["label"] == "weather"
    done = trained(
        "predict", "intents", "-", "--json", typed="turn on the radio\nfly me to Paris\n"
    )
    told = [json.loads(line) for line in done.out.splitlines()]
    assert [one["label"] for one in told] == ["music", "travel"]
    done = trained("predict", "intents", "letters/travel", "--json")
    told = [json.loads(line)["label"] for line in done.out.splitlines()]
    assert told == ["travel"] * LEARNT


def test_a_test_is_scored_and_what_training_saw_or_never_saw_is_told(trained: Graft) -> None:
    done = trained("evaluate", "intents", "test.csv", "--json")
    assert done.code == 0, done.err
    told = done.document
    assert told["count"] == 31
    assert told["accuracy"] > 0.9
    assert told["unseen_labels"] == {"geography": 1}
    assert told["unseen_paths"] == {"geography": "test.csv row 31 (line 32)"}
    assert told["leaks"] == {"test.csv row 32 (line 33)": "intents.csv row 1 (line 2)"}


def test_the_report_is_a_page_of_texts(trained: Graft, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert trained("report", "intents", "--html", str(page)).code == 0
    text = Page(page.read_text(encoding="utf-8")).text
    assert "minilm" in text
    for word in ("picture", "image", "photo"):
        assert word not in text.lower()


def test_folders_of_text_files_train_as_well(trained: Graft) -> None:
    done = trained("train", "letters", "--model", "letters", "--json")
    assert done.code == 0, done.err
    assert done.document["accuracy"]["estimate"] > 0.9
    shown = trained("datasets", "show", "letters", "--json").document
    assert (shown["modality"], shown["multi_label"]) == ("text", False)
    assert shown["labels"] == dict.fromkeys(sorted(INTENTS), LEARNT)


def test_texts_may_bear_several_labels(trained: Graft) -> None:
    done = trained("train", "tags.jsonl", "--model", "tags", "--json")
    assert done.code == 0, done.err
    assert "any number of labels an example" in done.err
    (music,), (travel,) = sayings("music", first=70, count=1), sayings("travel", first=75, count=1)
    asked = f"{music}, and {travel}"
    done = trained("predict", "tags", "--text", asked, "--json")
    assert sorted(done.document["labels"]) == ["music", "travel"]
    scored = trained("evaluate", "tags", "tags.jsonl", "--json").document
    assert scored["micro_f1"] > 0.9


def test_an_image_for_a_model_of_texts_is_its_own_error(trained: Graft, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"no image")
    done = trained("predict", "intents", str(path), "--json")
    assert done.code == 1
    assert done.document["error"]["reason"] == "MODALITY_MISMATCH"
