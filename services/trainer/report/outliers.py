"""Examples unlike all others, as a part of the page: a pure function; HTML out."""

from __future__ import annotations

from collections.abc import Mapping

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.glimpses import Glimpse
from services.trainer.report.markup import figure, folded, gallery, row, section, table, text
from services.trainer.report.plain import count

MAX_PICTURES = 12


def outliers(evaluation: pb.Evaluation, glimpses: Mapping[str, Glimpse]) -> str:
    """The examples that stand alone, each shown; nothing where there are none."""
    found = list(evaluation.outliers)
    if not found:
        return ""
    lead = (
        f"{count(len(found), 'example')} {'is' if len(found) == 1 else 'are'} unlike all others, "
        "of the same class and of any other. Does each show what the model will meet? Take out "
        "what came in by mistake; of what belongs, add more like it."
    )
    figures = [_figure(each, glimpses.get(each.sha256)) for each in found[:MAX_PICTURES]]
    rest = [
        row(text(each.path), text(each.label), text(each.reason)) for each in found[MAX_PICTURES:]
    ]
    listed = table(("Where", "Label", "Why"), rest) if rest else ""
    more = folded(f"{count(len(rest), 'more example')} unlike all others", listed)
    method = (
        '<p class="method">How they were found: the distance to the third nearest example is more '
        "than 3.5 robust deviations above what is usual, in the class and in the whole set.</p>"
    )
    return section("Unlike all others", lead, gallery(figures, kind="wide"), more, method)


def _figure(found: pb.Outlier, glimpse: Glimpse | None) -> str:
    caption = f"Labelled <b>{text(found.label)}</b><small>{text(found.reason)}</small>"
    return figure(glimpse, found.label, caption, found.path)
