"""The page: what stands in it, that it needs nothing else, and that nothing in it is code."""

from __future__ import annotations

import base64
import itertools
import re

import pytest

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.report.html import Origin, render
from tests.support.page import Page

EVIL = "<script>alert(1)</script>\"' onload=x & \u202egnp"
ORIGIN = Origin("wardrobe", "mobilenet", "ab" * 32, 7, "0.1.0", "2026-01-02 03:04 UTC")
JPEG = b"\xff\xd8 a small picture"


def _interval(estimate: float, margin: float = 0.1) -> pb.Interval:
    low, high = max(0.0, estimate - margin), min(1.0, estimate + margin)
    return pb.Interval(estimate=estimate, low=low, high=high, level=0.95)


def _evaluation(labels: list[str], *, matrix: bool = True) -> pb.Evaluation:
    found = pb.Evaluation(
        model_version="projects/default/models/wardrobe/versions/3",
        method="cross-validation",
        evaluated_count=250,
        accuracy=_interval(0.734, 0.08),
        macro_f1=0.71,
        log_loss=0.84,
        expected_calibration_error=0.056,
        interval_method="Every one was held out in turn.",
        unknown_threshold=0.31,
        unknown_rate=0.05,
    )
    for i, label in enumerate(labels):
        found.per_class.add(
            label=label,
            example_count=25,
            recall=_interval((i + 1) / (len(labels) + 1)),
            precision=_interval(0.5),
            false_positive_rate=_interval(0.004, 0.001),
            false_negative_rate=_interval(0.3),
        )
    found.confusion.labels.extend(labels)
    if matrix:
        found.confusion.counts.extend([7] * len(labels) ** 2)
    for truth, answer in itertools.islice(itertools.permutations(labels, 2), 50):
        found.confusion.pairs.add(truth=truth, answer=answer, count=7, share=0.28)
    found.mistakes.add(
        path="a/1.jpg", sha256="1" * 64, truth=labels[0], answer=labels[1], score=0.9
    )
    found.mistakes.add(
        path="a/2.jpg", sha256="2" * 64, truth=labels[0], answer=labels[1], score=0.6
    )
    chosen = {"scaling": "l2", "shrinkage": "0.4"}
    found.candidates.add(kind="lda", parameters=chosen, log_loss=0.84, chosen=True, reason="best")
    found.candidates.add(kind="class_mean", reason="failed: no luck")
    found.data.example_count = 250
    found.data.rejected_count = 2
    found.data.issues.add(path="a/bad.jpg", labels=["a"], message="0 bytes")
    found.data.warnings.append("Two classes are small.")
    return found


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(render(_evaluation(["shirt", "skirt", "hat"]), ORIGIN, {"1" * 64: JPEG}))


@pytest.mark.parametrize(
    "sentence",
    [
        "73%",
        "Of 100 new items like these, about 73 will be answered right",
        "19 times out of 20) between 65 and 81",
        "would be right 33% of the time",
        "shirt and skirt are mixed up in 33% of cases (14 of 42, 21% to 48% of new ones)",
        "It does best on hat (finds 75% of them) and worst on shirt (25%)",
        "Two classes are small.",
        "a/bad.jpg",
        "0 bytes",
        "Discriminant analysis, vectors of length 1, shrinkage = 0.4",
        "failed: no luck",
        "mobilenet",
        "ab" * 32,
        "0.1.0",
        "Every one was held out in turn.",
        "projects/default/models/wardrobe/versions/3",
        "5% of the held-out examples were, too",
    ],
)
def test_it_says_what_was_found(page: Page, sentence: str) -> None:
    assert sentence in page.text


def test_a_small_share_is_not_rounded_to_nothing(page: Page) -> None:
    assert "0.4%" in page.text


def test_the_weakest_class_comes_first(page: Page) -> None:
    table = page.text[page.text.index("Class by class") : page.text.index("mixed up with")]
    assert table.index("shirt25") < table.index("skirt25") < table.index("hat25")


def test_pictures_are_within_the_page_and_their_lack_is_shown(page: Page) -> None:
    pictures = [attributes for tag, attributes in page.tags if tag == "img"]
    data = base64.b64encode(JPEG).decode()
    assert {p["src"] for p in pictures} == {f"data:image/jpeg;base64,{data}"}
    assert "not shown" in page.text


def test_nothing_is_loaded_from_outside(page: Page) -> None:
    assert not {"script", "link", "iframe", "object", "a", "form", "base"} & {
        t for t, _ in page.tags
    }
    for _, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in ("src", "href", "xlink:href"):
                assert str(value).startswith("data:image/jpeg;base64,")
    policy = next(a for t, a in page.tags if t == "meta" and "http-equiv" in a)
    assert str(policy["content"]).startswith("default-src 'none'")


def test_the_style_sheet_fetches_nothing() -> None:
    text = render(_evaluation(["a", "b"]), ORIGIN, {})
    assert not re.search(r"url\(|@import|https?:", text)


def test_everything_from_outside_is_escaped() -> None:
    found = _evaluation([EVIL, "b" + EVIL])
    found.model_version = found.interval_method = found.method = EVIL
    found.data.issues.add(path=EVIL, labels=[EVIL], message=EVIL)
    found.data.warnings.append(EVIL)
    found.mistakes.add(path=EVIL, sha256="1" * 64, truth=EVIL, answer=EVIL, score=0.5)
    found.candidates.add(kind=EVIL, parameters={EVIL: EVIL, "scaling": EVIL}, reason=EVIL)
    text = render(found, Origin(EVIL, EVIL, EVIL, 0, EVIL, EVIL), {"1" * 64: JPEG})
    page = Page(text)
    assert page.count("script") == 0
    assert "\u202e" not in text
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert page.text.count("<script>alert(1)</script>") >= 20


def test_a_small_matrix_is_drawn_and_a_large_one_is_told_in_words() -> None:
    small = Page(render(_evaluation(["a", "b"]), ORIGIN, {}))
    labels = [f"class {i}" for i in range(60)]
    large = Page(render(_evaluation(labels), ORIGIN, {}))
    assert "All answers" in small.text
    assert "All answers" not in large.text
    assert large.text.count(" are mixed up in ") == 20 + 1  # the list, and the summary


def test_ten_thousand_classes_make_a_page_that_can_be_opened() -> None:
    labels = [f"class {i}" for i in range(10_000)]
    text = render(_evaluation(labels, matrix=False), ORIGIN, {})
    assert len(text) < 1_000_000
    assert "9,800 better classes are left out here" in text


def test_without_scores_it_says_so_and_shows_none() -> None:
    found = pb.Evaluation(method="none")
    found.per_class.add(label="a", example_count=1)
    found.per_class.add(label="b", example_count=1)
    found.data.warnings.append("No class has two different examples")
    page = Page(render(found, ORIGIN, {}))
    assert "How accurate this model is cannot be said" in page.text
    assert "No class has two different examples" in page.text
    assert "Log loss0" not in page.text
    assert "Class by class" not in page.text
    assert "nan" not in page.text


def test_a_model_no_better_than_guessing_is_called_so() -> None:
    found = _evaluation(["a", "b"])
    found.accuracy.CopyFrom(_interval(0.55, 0.1))
    page = Page(render(found, ORIGIN, {}))
    assert "this model is not clearly better. Do not rely on it" in page.text


def test_a_perfect_model_has_no_mistakes_to_show() -> None:
    found = _evaluation(["a", "b"])
    found.ClearField("mistakes")
    found.confusion.ClearField("pairs")
    page = Page(render(found, ORIGIN, {}))
    assert "What it gets wrong" not in page.text
    assert "Not one held-out example was mixed up." in page.text


def test_the_same_report_is_the_same_page() -> None:
    first, second = (render(_evaluation(["a", "b"]), ORIGIN, {"1" * 64: JPEG}) for _ in range(2))
    assert first == second
