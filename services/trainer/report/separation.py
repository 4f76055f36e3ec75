"""How far the classes stand apart, as a part of the page: a pure function; HTML out."""

from __future__ import annotations

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.report.markup import section, share


def separation(evaluation: pb.Evaluation) -> str:
    """The sentence, the number on its scale, the method; nothing where it was not measured."""
    if not evaluation.HasField("separation"):
        return ""
    found = evaluation.separation
    number = f'<p class="one">{share(found.score)}</p>'
    method = (
        '<p class="method">0%: all answers are guesses; 100%: all are certain. One minus the mean '
        "entropy of the held-out answers as a share of the largest possible one (here "
        f"{found.entropy:.2f} nats). Silhouette of the embeddings by cosine: {found.silhouette:.2f}"
        " (-1: each example lies in another class, 0: between two, 1: far from all others).</p>"
    )
    return section("How far the classes stand apart", found.sentence, number, method)
