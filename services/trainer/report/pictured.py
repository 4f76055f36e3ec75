"""Which examples the page shows, and how large."""

from __future__ import annotations

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.glimpses import SIDE
from services.trainer.report import boxed, duplicates, outliers, sections, shortcuts, suspects


def pictured(evaluation: pb.Evaluation) -> dict[str, int]:
    """The side in pixels that is wanted of every example that the page has a place for, by the
    SHA-256 (hex) of its bytes."""
    mistakes = evaluation.mistakes[: sections.MAX_PICTURES]
    doubtful = evaluation.suspects[: suspects.MAX_PICTURES]
    strange = evaluation.outliers[: outliers.MAX_PICTURES]
    shown = {found.sha256 for found in mistakes} | {found.sha256 for found in doubtful}
    shown |= {found.sha256 for found in evaluation.heat_maps}
    shown |= {found.sha256 for found in strange}
    shown |= duplicates.shown(evaluation) | shortcuts.shown(evaluation)
    return dict.fromkeys(shown, SIDE) | dict.fromkeys(boxed.shown(evaluation), boxed.SIDE)
