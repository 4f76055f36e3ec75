"""What the runner and its worker process say to each other: one JSON object a line.

    runner -> worker    run(TrainingJob)   finish   stop   commit
    worker -> runner    ready   progress(Progress)   publishing   result(TrainingResult)
                        problem(Problem)   stopped

`finish` asks for the best that there is, now. After `publishing` the worker waits for `commit`: up
to then a job can be stopped without a trace.
"""

from __future__ import annotations

import json
from typing import Any, Final

from google.protobuf import json_format
from google.protobuf.message import Message

from graft.common.v1 import problem_pb2
from graft.errors import Internal
from graft.trainer.v1 import training_job_pb2 as pb

MAX_LINE_BYTES: Final = 1 << 20

_BODIES: Final[dict[str, type[Message] | None]] = {
    "run": pb.TrainingJob,
    "finish": None,
    "stop": None,
    "commit": None,
    "ready": None,
    "progress": pb.Progress,
    "publishing": None,
    "result": pb.TrainingResult,
    "problem": problem_pb2.Problem,
    "stopped": None,
}


def encode(kind: str, body: Message | None = None) -> bytes:
    """One line for a message; its body is of the type that its kind asks for."""
    if type(body) is not (_BODIES[kind] or type(None)):
        raise Internal(f"a {kind!r} line carries {_BODIES[kind]}. Received: {type(body)}")
    content = json_format.MessageToDict(body) if body is not None else None
    return json.dumps({"kind": kind, "body": content}).encode() + b"\n"


def decode(line: bytes) -> tuple[str, Any]:
    """The kind and body of one line; raises Internal for one that `encode` cannot have made."""
    try:
        entry = json.loads(line)
        kind = entry["kind"]
        shape = _BODIES[kind]
        body = json_format.ParseDict(entry["body"], shape()) if shape else None
    except (ValueError, KeyError, TypeError, json_format.ParseError) as error:
        raise Internal(f"a line of a worker makes no sense. Received: {line[:200]!r}") from error
    return kind, body
