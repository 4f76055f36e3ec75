"""One run of a job: what it works with, and its clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from graft.embedder.v1 import backbone_pb2
from graft.trainer.v1 import training_job_pb2 as pb
from services.common.store import Store
from services.trainer.embeddings import EmbedderClient
from services.trainer.phases import Report

DEFAULT_BUDGET_S: Final = {
    backbone_pb2.MODALITY_IMAGE: 60.0,
    backbone_pb2.MODALITY_TEXT: 120.0,
    backbone_pb2.MODALITY_IMAGE_AND_TEXT: 60.0,
}
"""Of a job that names no budget; for texts tuning is usual, and counted in."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What a job works with. `report` takes progress and raises Cancelled to stop the job;
    `commit` returns when the job may publish, or raises Cancelled; `enough` says that the job shall
    end with the best that it has. `cache`: a folder for copies of backbones; `threads`: for tuning
    them.
    """

    store: Store
    embedder: EmbedderClient
    report: Report
    commit: Callable[[], None]
    cache: Path
    threads: int
    enough: Callable[[], bool] = lambda: False


class Job:
    """One run of a job: owns its clock."""

    def __init__(self, tools: Tools, spec: pb.TrainingSpec) -> None:
        self.tools = tools
        self.spec = spec
        self._began = time.monotonic()
        stated = spec.HasField("budget")
        self.budget_s = spec.budget.ToNanoseconds() / 1e9 if stated else 0.0

    def learn(self, usual_s: float) -> None:
        """Say what is usual for such examples: the budget of a job that names none."""
        self.budget_s = self.budget_s or usual_s

    def left_s(self) -> float:
        """Seconds left of the budget; 0 when it is enough."""
        end = self._began + self.budget_s
        return 0.0 if self.tools.enough() else max(0.0, end - time.monotonic())
