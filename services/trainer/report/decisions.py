"""What was decided without being asked for, and on what evidence: a part of the page."""

from __future__ import annotations

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.report.markup import row, section, table, text

LEAD = (
    "You set none of these. Each was chosen by trying, on examples that were held out in turn; a "
    "lower loss is better."
)
OF_DETECTOR = "You set none of these. Each follows from your pictures and the boxes in them."


def decisions(evaluation: pb.Evaluation) -> str:
    """A line for each decision; nothing where none was made."""
    if not evaluation.decisions:
        return ""
    rows = [
        row(text(found.subject), text(found.choice), text(found.reason))
        for found in evaluation.decisions
    ]
    lead = OF_DETECTOR if evaluation.HasField("detection") else LEAD
    return section("What was decided for you", lead, table(("What", "Choice", "Why"), rows))
