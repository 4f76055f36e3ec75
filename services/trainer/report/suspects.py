"""The labels to check, as a part of the page: a pure function of the Evaluation; HTML out."""

from __future__ import annotations

from collections.abc import Mapping

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.glimpses import Glimpse
from services.trainer.report.markup import figure, folded, gallery, row, section, table, text
from services.trainer.report.plain import count, percent

MAX_PICTURES = 16


def suspects(evaluation: pb.Evaluation, glimpses: Mapping[str, Glimpse]) -> str:
    """Examples whose label is doubtful, the most doubtful shown."""
    found = list(evaluation.suspects)
    if not evaluation.HasField("accuracy") or evaluation.several_labels:
        return ""
    if not found:
        return section("Labels to check", "No label looks doubtful: nothing to do here.")
    lead = (
        f"{count(len(found), 'label')} may be wrong, the most doubtful first. Go through them from "
        "the top, correct what is wrong, and stop when several in a row are right: further down "
        "are examples that are merely hard. Then train again."
    )
    figures = [_figure(each, glimpses.get(each.sha256)) for each in found[:MAX_PICTURES]]
    rest = [_row(each) for each in found[MAX_PICTURES:]]
    head = ("Where", "Labelled", "May be", "Doubt", "Why")
    more = folded(f"{count(len(rest), 'more label')} to check", table(head, rest)) if rest else ""
    method = (
        '<p class="method">How they were found: by the answers of models that had not seen the '
        "example, each class measured against what it usually gets, and by a second model that was "
        "taught by the trusted labels only. Doubt above 50%: the other class fits better.</p>"
    )
    return section("Labels to check", lead, gallery(figures, kind="wide"), more, method)


def _figure(found: pb.Suspect, glimpse: Glimpse | None) -> str:
    caption = (
        f"Labelled <b>{text(found.label)}</b>, may be <b>{text(found.suggested)}</b> "
        f"(doubt {percent(found.score)})<small>{text(found.reason)}</small>"
    )
    return figure(glimpse, found.label, caption, found.path)


def _row(found: pb.Suspect) -> str:
    return row(
        text(found.path),
        text(found.label),
        text(found.suggested),
        percent(found.score),
        text(found.reason),
    )
