"""What only a report of several labels an item says."""

from __future__ import annotations

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.report.html import Origin, render
from services.trainer.report.several import labels, swaps
from tests.support.page import Page


def _interval(share: float) -> pb.Interval:
    return pb.Interval(estimate=share, low=max(0, share - 0.1), high=min(1, share + 0.1))


def _evaluation() -> pb.Evaluation:
    found = pb.Evaluation(
        several_labels=True,
        accuracy=_interval(0.6),
        evaluated_count=80,
        method="cross-validation",
        micro_f1=0.83,
        macro_f1=0.79,
    )
    for name, recall in (("hat", 0.9), ("<b>", 0.5)):
        found.per_class.add(
            label=name,
            example_count=40,
            recall=_interval(recall),
            precision=_interval(0.8),
            false_positive_rate=_interval(0.1),
            average_precision=0.87,
            threshold=0.31,
        )
    found.confusion.pairs.add(truth="<b>", answer="hat", count=7, share=0.175)
    found.confusion.pairs.add(truth="hat", answer="<b>", count=1, share=0.025)
    found.mistakes.add(path="a.png", sha256="0" * 64, truth="<b>, hat", answer="", score=0.9)
    return found


def test_labels_stand_weakest_first_with_order_and_threshold() -> None:
    page = Page(labels(_evaluation())).text
    assert page.index("<b>") < page.index("hat", page.index("<b>"))
    assert "87%" in page
    assert "0.31" in page


def test_a_label_in_the_place_of_another_is_told_with_advice() -> None:
    page = Page(swaps(_evaluation())).text
    assert "<b> was missed and hat given instead in 7 examples (18% of those with <b>)" in page
    assert "add examples of each without the other" in page
    assert "so few may be chance" in page
    assert swaps(pb.Evaluation(several_labels=True)) == ""


def test_the_page_says_what_right_means_and_shows_sets() -> None:
    page = Page(render(_evaluation(), Origin("m", "b", "d", 0, "1"), {})).text
    assert "about 60 will get all their labels and no other" in page
    assert "is 0.83, and 0.79 on the mean over the labels" in page
    assert "Is <b>, hat, was called no label" in page
    for absent in ("Always answering", "mixed up", "more data", "guessing"):
        assert absent not in page
