"""The decisions on the page."""

from __future__ import annotations

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.report.decisions import decisions


def test_each_decision_is_a_line_with_its_reason_escaped() -> None:
    evaluation = pb.Evaluation()
    evaluation.decisions.add(subject="backbone", choice="<birds>", reason="it was & is better")
    evaluation.decisions.add(subject="head", choice="ridge", reason="lowest loss")
    html = decisions(evaluation)
    assert html.count("<tr") == 3  # the head of the table, too
    assert "&lt;birds&gt;" in html
    assert "it was &amp; is better" in html


def test_there_is_no_section_without_decisions() -> None:
    assert decisions(pb.Evaluation()) == ""


def test_those_of_a_detector_do_not_speak_of_a_loss() -> None:
    evaluation = pb.Evaluation()
    evaluation.decisions.add(subject="input size", choice="320 pixels", reason="the boxes")
    assert "a lower loss is better" in decisions(evaluation)
    evaluation.detection.SetInParent()
    assert "a lower loss is better" not in decisions(evaluation)
    assert "the boxes in them" in decisions(evaluation)
