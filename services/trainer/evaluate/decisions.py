"""What the search decided without being asked, each choice with its evidence in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.search.cuts import LAST
from services.trainer.search.naming import NameTrial
from services.trainer.search.run import CandidateRow, SearchResult

_NAMES = {
    "lda": "discriminant analysis",
    "ridge": "ridge regression",
    "logistic": "logistic regression",
    "class_mean": "nearest class mean",
    "mlp": "a small network",
    "average": "an average of several heads",
    "tuned tail": "discriminant analysis on a tuned tail",
}


def decisions(result: SearchResult) -> list[pb.Decision]:
    """The cut layer, the head and the views, as far as they could be compared, and whether the
    names of the labels are examples."""
    measured = [row for row in result.rows if row.log_loss is not None]
    found = [_names(result.names)]
    if measured:
        found = [_cut(result, measured), _head(measured), _views(measured), *found]
    return [decision for decision in found if decision is not None]


def _cut(result: SearchResult, rows: Sequence[CandidateRow]) -> pb.Decision | None:
    """The last layer alone against the best of the others, by the head that was tried on all."""
    tried_on_all = "lda" if any(row.kind == "lda" for row in rows) else "ridge"
    quick = [row for row in rows if row.kind == tried_on_all and "views" not in row.parameters]
    first = quick[0].parameters.get("cut", "") if quick else ""  # that of the last layers
    last = _lowest(row for row in quick if row.parameters.get("cut") == first)
    other = _lowest(row for row in quick if row.parameters.get("cut") != first)
    if last is None or other is None:
        return None
    choice = " + ".join(result.endpoints)
    plain = "the last layer alone" if first == str(LAST) else first
    told = f"{_loss(last)} for {plain}, {_loss(other)} for {other.parameters['cut']}"
    if _value(other) < _value(last):
        meaning = (
            "Earlier layers know something about these classes that the last one, which is made "
            "for what the backbone was trained on, has lost."
        )
    else:
        meaning = "The last layer knows all that earlier ones know about these classes."
    return pb.Decision(
        subject="cut layer", choice=choice, reason=f"Held-out loss: {told}. {meaning}"
    )


def _head(rows: Sequence[CandidateRow]) -> pb.Decision:
    chosen = next(row for row in rows if row.chosen)
    kinds = dict.fromkeys(row.kind for row in rows if row.kind != chosen.kind)
    best = [_lowest(row for row in rows if row.kind == kind) for kind in kinds]
    others = sorted((row for row in best if row is not None), key=_value)
    told = "; ".join(f"{_NAMES.get(row.kind, row.kind)} {_loss(row)}" for row in others)
    reason = f"Held-out loss {_loss(chosen)}" + (f", against {told}." if told else ".")
    choice = _NAMES.get(chosen.kind, chosen.kind)
    if chosen.kind == "average":
        choice += f" ({chosen.parameters.get('of', '')})"
        reason += " Heads that err on different examples mend each other's errors."
    return pb.Decision(subject="head", choice=choice, reason=reason)


def _views(rows: Sequence[CandidateRow]) -> pb.Decision | None:
    seen = _lowest(row for row in rows if "views" in row.parameters)
    if seen is None:
        return None
    plain = _lowest(
        row
        for row in rows
        if row.kind == seen.kind
        and row.parameters.get("cut") == seen.parameters.get("cut")
        and "views" not in row.parameters
    )
    if plain is None:
        return None
    helps = _value(seen) < _value(plain)
    return pb.Decision(
        subject="views",
        choice="mirror images too" if helps else "pictures as they are",
        reason=f"Held-out loss with mirror images {_loss(seen)}, without {_loss(plain)}.",
    )


def _names(tried: NameTrial | None) -> pb.Decision | None:
    if tried is None:
        return None
    told = f"{tried.right} of {tried.count} examples; guessing, {tried.count / tried.classes:.0f}"
    return pb.Decision(
        subject="label names",
        choice="one more example of each class" if tried.told else "not used",
        reason=f"Who knows nothing but the words of the labels is right about {told}.",
    )


def _lowest(rows: Iterable[CandidateRow]) -> CandidateRow | None:
    return min(rows, key=_value, default=None)


def _value(row: CandidateRow) -> float:
    return float("inf") if row.log_loss is None else row.log_loss


def _loss(row: CandidateRow) -> str:
    return f"{_value(row):.3f}"
