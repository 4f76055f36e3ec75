"""The section about unknown inputs: words first, then numbers; nothing that was not measured."""

from __future__ import annotations

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.report.unknown import TITLE, unknown


def _evaluation(**values: object) -> pb.Evaluation:
    found = pb.Evaluation()
    found.unknown_check.MergeFrom(pb.UnknownCheck(**values))  # type: ignore[arg-type]
    return found


def test_words_come_before_numbers_and_the_method_last() -> None:
    page = unknown(
        _evaluation(
            method="by <distance>",
            kept_share=0.95,
            measured_kept_share=0.942,
            auroc=0.82,
            auroc_max_probability=0.71,
            sentence="About 6 of 100 & so on.",
        )
    )
    places = [
        page.index(part)
        for part in (
            TITLE,
            "About 6 of 100 &amp; so on.",
            "95%",
            "94%",
            "82%",
            "71%",
            "&lt;distance",
        )
    ]
    assert places == sorted(places)


def test_what_was_not_measured_is_not_shown() -> None:
    page = unknown(_evaluation(kept_share=0.95, measured_kept_share=0.95, sentence="Five."))
    assert "Told apart" not in page
    assert "By score" not in page
    assert "<table" in page


def test_where_nothing_is_flagged_there_are_only_words() -> None:
    page = unknown(_evaluation(method="m", kept_share=0.95, sentence="Nothing is flagged."))
    assert "Nothing is flagged." in page
    assert "<table" not in page
    assert "How it is decided" not in page


def test_an_evaluation_without_the_check_has_no_section() -> None:
    assert unknown(pb.Evaluation()) == ""
