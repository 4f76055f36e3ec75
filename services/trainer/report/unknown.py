"""The part of the page about inputs that the model does not know."""

from __future__ import annotations

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.report.markup import row, section, table, text
from services.trainer.report.words import percent

TITLE = "When it says “unknown”"


def unknown(evaluation: pb.Evaluation) -> str:
    """In words, then in numbers, then how; nothing where nothing was recorded."""
    if not evaluation.HasField("unknown_check"):
        return ""
    found = evaluation.unknown_check
    rows = [row(text(name), text(value), text(why)) for name, value, why in _facts(found)]
    numbers = table(("", "Share", "What it is"), rows) if rows else ""
    method = f"<p class=lead>How it is decided: {text(found.method)}.</p>" if rows else ""
    return section(TITLE, found.sentence, numbers, method)


def _facts(found: pb.UnknownCheck) -> list[tuple[str, str, str]]:
    if not found.measured_kept_share:
        return []
    facts = [
        ("To be kept", percent(found.kept_share), "of inputs of known classes: what was aimed at"),
        ("Kept", percent(found.measured_kept_share), "of the examples while they were held out"),
    ]
    if found.HasField("auroc"):
        pairs = "of pairs of a known and a hidden input: the hidden one looked stranger"
        facts.append(("Told apart", percent(found.auroc), pairs))
    if found.HasField("auroc_max_probability"):
        alone = "the same by the score of the answer alone, for comparison"
        facts.append(("By score", percent(found.auroc_max_probability), alone))
    return facts
