"""What simpler means reach, as a part of the page: a pure function; HTML out."""

from __future__ import annotations

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.report.markup import listing, row, section, share, table, text


def baselines(evaluation: pb.Evaluation) -> str:
    """The model and each baseline as bars on the same held-out examples, then each in words."""
    found = list(evaluation.baselines)
    measured = [each for each in found if each.HasField("accuracy")]
    if not measured:
        return ""
    rows = [_model(measured), *(_row(each) for each in measured)]
    lead = (
        "The same held-out examples answered by simpler means. What the model has above them is "
        "what the search was worth; where little is gained, more examples help more than more "
        "search."
    )
    lines = table(("By", "Right"), rows, kind="baselines")
    method = (
        '<p class="method">Same folds, same embeddings, scikit-learn with its default settings '
        "but for the number of trees. The range after ± holds the difference in 95 of 100 cases."
        "</p>"
    )
    words = listing(each.sentence for each in found)
    return section("Was the search worth it?", lead, lines, words, method)


def _model(measured: list[pb.Baseline]) -> str:
    """The model on the folds that the first baseline answered: all of them."""
    first = measured[0]
    return row("this model", share(min(max(first.accuracy + first.gain, 0.0), 1.0)), kind="chosen")


def _row(found: pb.Baseline) -> str:
    return row(text(found.name), share(found.accuracy, kind="pale"))
