"""From a backbone in the catalogue and a folder of pictures to a small one in the catalogue."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from graft.embedder.v1 import backbone_pb2
from graft.errors import FailedPrecondition, InvalidArgument
from graft.examples import IMAGE_EXTENSIONS
from graft.names import BackboneName
from services.common.backbones.catalogue import Cache
from services.common.store.base import Store
from services.embedder.backbones import bundled
from services.embedder.backbones.importer import import_backbone
from services.embedder.distill import pictures
from services.embedder.distill.check import Check, check, held_back
from services.embedder.distill.course import Plan
from services.embedder.distill.pictures import Pictures, Source
from services.embedder.distill.run import Say, teach
from services.embedder.distill.teacher import Teacher, open_teacher
from services.embedder.engines.base import DEFAULT
from services.embedder.preprocess import Preprocess, parse

SIDE: Final = 128
"""Pixels a side that pictures are kept at; a view is a part of that."""
SERVED_AT: Final = 96
"""Pixels a side of the student's input, unless who imports it says another."""

Vectors = NDArray[np.float32]


class Distillation:
    """Owns the folder `work`, where all lies that is made on the way: the same run goes on from it
    when it was broken off. It is removed when a run has succeeded."""

    def __init__(self, store: Store, work: Path, *, threads: int) -> None:
        self._store = store
        self._work = work
        self._threads = threads

    def run(
        self, teacher: str, images: Path, name: str, *, until: float, say: Say
    ) -> tuple[backbone_pb2.Backbone, Check]:
        """The backbone `name`, taught until time.monotonic() is `until`, and what it is worth.

        Raises NotFound (no such teacher), FailedPrecondition (one that reads no images),
        InvalidArgument (a bad name, too few pictures), ResourceExhausted, DeadlineExceeded.
        """
        identity = BackboneName.parse(f"backbones/{name}")
        found = bundled.find(self._store, BackboneName.parse(f"backbones/{teacher}"))
        look = _look(found)
        paths = image_files(images)
        every = pictures.prepare(self._work / "pictures", _read(paths), len(paths), SIDE)
        kept = held_back(len(every))
        learnt = Pictures(every.pixels[kept:], every.labels[kept:], every.classes)
        master = self._teacher(found, look)
        student = teach(
            lambda: master, learnt, Plan(), self._work, start=_known(), until=until, say=say
        )
        made = self._work / "made"
        _export(student, made, f"distilled from {found.name} on {len(learnt)} pictures", found)
        result = self._check(master, made, every.pixels[:kept])
        backbone = import_backbone(self._store, str(made), name=identity.backbone)
        shutil.rmtree(self._work)
        return backbone, result

    def _teacher(self, backbone: backbone_pb2.Backbone, look: Preprocess) -> Teacher:
        folder = Cache(self._work / "cache", self._store).fetch(backbone)
        size, value_range = (look.height, look.width), (look.low, look.high)
        return open_teacher(folder, size, value_range, threads=self._threads)

    def _check(self, master: Teacher, made: Path, pixels: NDArray[np.uint8]) -> Check:
        size = (SERVED_AT, SERVED_AT)
        own = (
            open_teacher(each, size, (0.0, 1.0), threads=self._threads)
            for each in (made, bundled.FOLDER)
        )
        student, known = (_seen(each, pixels) for each in own)
        return check(_seen(master, pixels), student, known)


def image_files(root: Path) -> list[Path]:
    """The image files below a folder, ascending; hidden ones are left out. InvalidArgument."""
    if not root.is_dir():
        text = "--images takes a folder with pictures somewhere below it"
        raise InvalidArgument(f"{text}; got {str(root)!r}", field="images")
    return sorted(
        path
        for path in root.rglob("*")
        if path.suffix.lower() in IMAGE_EXTENSIONS
        and not any(part.startswith(".") for part in path.relative_to(root).parts)
        and path.is_file()
    )


def _read(paths: list[Path]) -> Iterator[Source]:
    for path in paths:
        yield Source(path.read_bytes())


def _look(backbone: backbone_pb2.Backbone) -> Preprocess:
    if backbone.modality != backbone_pb2.MODALITY_IMAGE or backbone.trunk:
        text = "a teacher reads images and is tuned for no single model; `graft backbones list`"
        raise FailedPrecondition(
            f"{text} shows those. Received: {backbone.name}",
            reason="MODALITY_MISMATCH",
            metadata={"backbone": backbone.name},
        )
    return parse(backbone.preprocessing)


def _seen(teacher: Teacher, pixels: NDArray[np.uint8]) -> Vectors:
    """The vectors [N, dim] of pictures."""
    prepare = Preprocess(*teacher.size, 0.0, 1.0)
    every = [
        teacher.say(prepare(np.asarray(picture))[np.newaxis], (DEFAULT,))[DEFAULT]
        for picture in pixels
    ]
    return np.concatenate(every)


def _known() -> Any:
    """The weights of the bundled backbone, which the student starts from."""
    # Imported here: TensorFlow takes seconds to load.
    from services.embedder.distill.export import read

    return read(bundled.FOLDER)


def _export(student: Any, folder: Path, about: str, teacher: backbone_pb2.Backbone) -> None:
    # Imported here: Keras takes seconds to load.
    from services.embedder.distill import export
    from services.embedder.distill.student import Shape, weights_of

    shutil.rmtree(folder, ignore_errors=True)
    metadata = {
        "input_size": [SERVED_AT, SERVED_AT, 3],
        "input_range": [0, 1],
        "origin": f"{teacher.name}@{teacher.digest}",
        "description": about,
    }
    export.save(weights_of(student), Shape(), folder, metadata)
