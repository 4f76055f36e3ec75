"""Which examples the page shows."""

from __future__ import annotations

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.report import duplicates, outliers, sections, shortcuts, suspects


def pictured(evaluation: pb.Evaluation) -> set[str]:
    """The SHA-256 (hex) of every example that the page has a place for."""
    mistakes = evaluation.mistakes[: sections.MAX_PICTURES]
    doubtful = evaluation.suspects[: suspects.MAX_PICTURES]
    strange = evaluation.outliers[: outliers.MAX_PICTURES]
    shown = {found.sha256 for found in mistakes} | {found.sha256 for found in doubtful}
    shown |= {found.sha256 for found in evaluation.heat_maps}
    shown |= duplicates.shown(evaluation) | shortcuts.shown(evaluation)
    return shown | {found.sha256 for found in strange}
