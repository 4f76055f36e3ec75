from __future__ import annotations

import pytest
from google.protobuf.message import Message

from graft.common.v1 import problem_pb2
from graft.errors import Internal
from graft.trainer.v1 import training_job_pb2 as pb
from services.trainer.jobs import wire


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("run", pb.TrainingJob(name="j", spec=pb.TrainingSpec(seed=2**60, dataset_version=3))),
        ("progress", pb.Progress(phase="embed", done=3, total=4, unit="examples")),
        ("result", pb.TrainingResult(version=7)),
        ("problem", problem_pb2.Problem(message="two\nlines, \x00 and ü")),
        ("publishing", None),
        ("stop", None),
        ("finish", None),
    ],
)
def test_every_line_comes_back_as_it_was(kind: str, body: Message | None) -> None:
    line = wire.encode(kind, body)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert wire.decode(line) == (kind, body)


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"hello\n",
        b"[]\n",
        b"{}\n",
        b'{"kind": "x", "body": null}\n',
        b'{"kind": "progress", "body": null}\n',
        b'{"kind": "progress", "body": {"pase": 1}}\n',
    ],
)
def test_a_line_of_anybody_else_is_refused(line: bytes) -> None:
    with pytest.raises(Internal, match="makes no sense"):
        wire.decode(line)


def test_a_body_of_another_kind_is_refused() -> None:
    with pytest.raises(Internal):
        wire.encode("stop", pb.Progress())
    with pytest.raises(Internal):
        wire.encode("progress")
