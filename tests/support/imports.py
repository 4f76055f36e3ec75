"""Imports as a client sends them: examples, and the stream that they come in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from graft.common.v1 import box_pb2, content_pb2
from graft.names import DatasetName
from graft.trainer.v1 import dataset_pb2
from graft.trainer.v1 import dataset_service_pb2 as pb
from tests.support.images import encode, picture

NAME = DatasetName("p", "pets")
APPEND, REPLACE = pb.IMPORT_MODE_APPEND, pb.IMPORT_MODE_REPLACE


def image(seed: int) -> bytes:
    """A picture, another one for each seed."""
    return encode(picture(seed=seed), "PNG")


def example(seed: int, label: str, data: bytes | None = None) -> pb.Example:
    """A picture with its label, or other bytes in its place."""
    content = content_pb2.Content(image=image(seed) if data is None else data)
    return pb.Example(path=f"{label}/{seed}.png", labels=[label], content=content)


def said(path: str, text: str, label: str = "cat") -> pb.Example:
    """A text with its label."""
    return pb.Example(path=path, labels=[label], content=content_pb2.Content(text=text))


def boxed(path: str, data: bytes, *boxes: pb.LabelledBox) -> pb.Example:
    """A picture with boxes, or with none."""
    return pb.Example(path=path, content=content_pb2.Content(image=data), boxes=boxes)


def box(
    label: str,
    left: float,
    top: float,
    width: float,
    height: float,
    *,
    crowd: bool = False,
    origin: str = "",
) -> pb.LabelledBox:
    """One box."""
    sides = box_pb2.Box(left=left, top=top, width=width, height=height)
    return pb.LabelledBox(label=label, box=sides, crowd=crowd, origin=origin)


def both(seed: int, text: str, label: str) -> pb.Example:
    """A picture and a text that are one example, with its label."""
    content = content_pb2.Content(image=image(seed), text=text)
    return pb.Example(path=f"{label}/{seed} {text}", labels=[label], content=content)


async def stream(
    *parts: Sequence[pb.Example], mode: pb.ImportMode = REPLACE, error: Exception | None = None
) -> AsyncIterator[pb.ImportExamplesRequest]:
    """The messages of an import, one a part; with an error instead of the last one."""
    yield pb.ImportExamplesRequest(dataset=str(NAME), mode=mode, examples=parts[0] if parts else ())
    for part in parts[1:]:
        yield pb.ImportExamplesRequest(examples=part)
    if error is not None:
        raise error
    yield pb.ImportExamplesRequest(last=True)


def labels(dataset: dataset_pb2.Dataset) -> dict[str, int]:
    """How many examples bear each label."""
    return {count.label: count.example_count for count in dataset.labels}
