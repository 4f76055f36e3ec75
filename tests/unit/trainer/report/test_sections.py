"""Suspects, outliers, separation, reliability and baselines on the page."""

from __future__ import annotations

import numpy as np
import pytest

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.report import outliers as outliers_module
from services.trainer.report import suspects as suspects_module
from services.trainer.report.baselines import baselines
from services.trainer.report.outliers import outliers
from services.trainer.report.pictured import pictured
from services.trainer.report.reliability import reliability
from services.trainer.report.separation import separation
from services.trainer.report.suspects import suspects
from tests.support.page import Page

EVIL = "<script>alert(1)</script>\"' onload=x"


def _evaluation() -> pb.Evaluation:
    return pb.Evaluation(evaluated_count=100, accuracy=pb.Interval(estimate=0.8, low=0.7, high=0.9))


def _suspects(number: int, text: str = "hat") -> pb.Evaluation:
    found = _evaluation()
    for i in range(number):
        found.suspects.add(
            path=f"{text}/{i}.jpg",
            sha256=f"{i:064x}",
            label=text,
            suggested="shoe",
            score=0.99 - i / 1000,
            reason=f"Reason {i}.",
        )
    return found


def test_the_first_suspects_have_pictures_and_the_rest_are_listed() -> None:
    most = suspects_module.MAX_PICTURES
    found = _suspects(most + 4)
    page = Page(suspects(found, {each.sha256: b"jpeg" for each in found.suspects}))
    assert page.count("img") == most
    assert f"{most + 4} labels may be wrong" in page.text
    assert "Labelled hat, may be shoe (doubt 99%)Reason 0." in page.text
    assert "4 more labels to check" in page.text
    assert page.count("tr") == 1 + 4


def test_no_suspect_is_said_but_only_where_something_was_measured() -> None:
    assert "No label looks doubtful" in Page(suspects(_evaluation(), {})).text
    assert suspects(pb.Evaluation(), {}) == ""


def test_outliers_say_why_and_what_to_do_and_none_is_nothing() -> None:
    found = pb.Evaluation()
    assert outliers(found, {}) == ""
    found.outliers.add(path="a/1.jpg", sha256="1" * 64, label="hat", score=0.7, reason="It is far.")
    page = Page(outliers(found, {"1" * 64: b"jpeg"}))
    assert "1 example is unlike all others" in page.text
    assert "Take out what came in by mistake" in page.text
    assert "It is far." in page.text
    for number in range(outliers_module.MAX_PICTURES):
        found.outliers.add(path=f"b/{number}.jpg", label="hat", score=0.6, reason="So is this.")
    assert "1 more example unlike all others" in Page(outliers(found, {})).text


def test_every_picture_that_the_page_shows_is_asked_for_and_no_other() -> None:
    found = _suspects(50)
    found.outliers.add(sha256="f" * 64)
    found.mistakes.add(sha256="e" * 64)
    wanted = {f"{i:064x}" for i in range(suspects_module.MAX_PICTURES)}
    assert set(pictured(found)) == wanted | {"f" * 64, "e" * 64}


def test_separation_has_sentence_number_and_method_in_this_order() -> None:
    found = _evaluation()
    assert separation(found) == ""
    found.separation.score, found.separation.entropy = 0.48, 1.19
    found.separation.silhouette, found.separation.sentence = 0.02, "Some lie close. Merge them."
    text = Page(separation(found)).text
    assert text.index("Merge them.") < text.index("48%") < text.index("1.19 nats")
    assert "cosine: 0.02" in text


def _bins(*parts: tuple[float, float, int]) -> pb.Evaluation:
    found = _evaluation()
    found.evaluated_count = sum(count for _, _, count in parts)
    for mean, right, count in parts:
        found.reliability.add(
            low=mean - 0.05, high=mean + 0.05, count=count, mean_score=mean, share_right=right
        )
    return found


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ([(0.5, 0.52, 50), (0.9, 0.88, 50)], "Yes: as far as so many answers can tell"),
        (
            [(0.5, 0.5, 50), (0.9, 0.6, 50)],
            "answers with a score of about 0.90 were right in 60% of cases. They promise too much",
        ),
        ([(0.3, 0.7, 50), (0.9, 0.9, 50)], "were right in 70% of cases. They promise too little"),
        ([(0.9, 0.8, 5)], "Yes: as far as so many answers can tell"),
    ],
)
def test_what_the_bins_say(parts: list[tuple[float, float, int]], sentence: str) -> None:
    assert sentence in Page(reliability(_bins(*parts))).text


def test_repeats_of_an_example_are_no_further_evidence() -> None:
    found = _bins((0.9, 0.75, 50))
    assert "They promise too much" in Page(reliability(found)).text
    found.evaluated_count = 10  # each was answered five times
    assert "Yes:" in Page(reliability(found)).text


def test_honest_scores_are_seldom_called_dishonest() -> None:
    rng = np.random.default_rng(0)
    promised = np.linspace(0.15, 0.95, 10)
    called = 0
    for _ in range(300):
        kept = rng.binomial(25, promised) / 25
        parts = [(float(p), float(k), 25) for p, k in zip(promised, kept, strict=True)]
        called += "Yes:" not in reliability(_bins(*parts))
    assert called / 300 < 0.08


def test_the_plot_has_a_point_a_bin_within_its_frame() -> None:
    page = Page(reliability(_bins((0.0, 0.0, 30), (0.5, 0.4, 30), (1.0, 1.0, 30))))
    points = [attributes for tag, attributes in page.tags if tag == "circle"]
    assert len(points) == 3
    assert [float(point["cx"] or 0) for point in points] == [62, 192, 322]
    assert [float(point["cy"] or 0) for point in points] == [268, 164, 8]
    assert "0.35 to 0.45" not in page.text
    assert reliability(_evaluation()) == ""


def _baselines() -> pb.Evaluation:
    found = _evaluation()
    found.baselines.add(name="majority class", accuracy=0.1, gain=0.7, sentence="Far better.")
    found.baselines.add(name="random forest", sentence="It was left out: 99 s.")
    return found


def test_baselines_stand_below_the_model_and_what_was_left_out_says_why() -> None:
    page = Page(baselines(_baselines()))
    assert page.text.index("this model80%") < page.text.index("majority class10%")
    assert "random forest0%" not in page.text
    assert "It was left out: 99 s." in page.text
    assert baselines(_evaluation()) == ""


def test_nothing_from_outside_is_code() -> None:
    found = _suspects(30, EVIL)
    found.outliers.add(path=EVIL, label=EVIL, reason=EVIL)
    found.separation.sentence = EVIL
    found.baselines.add(name=EVIL, accuracy=0.5, sentence=EVIL)
    parts = [suspects(found, {}), outliers(found, {}), separation(found), baselines(found)]
    page = Page("".join(parts))
    assert page.count("script") == 0
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
