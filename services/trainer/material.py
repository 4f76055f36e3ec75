"""The examples that a job trains on, taken from one version of a data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from graft.detection import scene
from graft.embedder.v1 import backbone_pb2
from graft.errors import FailedPrecondition, Internal
from graft.model.v1 import evaluation_pb2, model_pb2
from graft.names import DatasetName
from graft.trainer.v1 import training_job_pb2 as pb
from services.common.store import Store
from services.trainer.data.catalogue import Catalogue, Snapshot
from services.trainer.data.near_duplicates import (
    Pairs,
    all_alike,
    with_something_to_hold_out,
)
from services.trainer.data.near_items import Seen, near_items
from services.trainer.data.rows import BOTH, IMAGE, MODALITIES, PARTS, TEXT, Row
from services.trainer.data.sketch import Sketches
from services.trainer.data.summary import summarise, warning_of_copies
from services.trainer.evaluate.proto import Source
from services.trainer.fitters.base import Truth
from services.trainer.glimpses import Glimpse, excerpt, thumbnail
from services.trainer.kept_groups import grouped
from services.trainer.search import part_cuts
from services.trainer.search.bank import Bank, Vectors
from services.trainer.search.different import different
from services.trainer.search.examples import MIN_CLASSES, Indices

G = TypeVar("G", bytes, str)

_READ_AT_ONCE: Final = 8  # files of up to 20 MiB


@dataclass(frozen=True)
class Material:
    """The examples that are used, ordered by label and content whatever the order of import.

    `numbers` are their rows in the snapshot. `parts`: what of them is looked at, IMAGE, TEXT or
    both, of which an example may then lack either.
    """

    snapshot: Snapshot
    numbers: tuple[int, ...]
    rows: tuple[Row, ...]
    labels: tuple[str, ...]
    catalogue: Catalogue
    store: Store
    parts: tuple[str, ...]

    @property
    def keys(self) -> list[bytes]:
        """The key of each example, or of the part of it that is looked at."""
        if self.joint:
            return [row.key for row in self.rows]
        return [row.parts[self.parts[0]].key for row in self.rows]

    @property
    def paths(self) -> list[str]:
        """Where each example came from."""
        return [row.path for row in self.rows]

    def contents(self, part: str, positions: Sequence[int]) -> list[bytes]:
        """A part, IMAGE or TEXT, of the examples at these positions, which have it: files, or texts
        in UTF-8. NotFound when the data set is gone."""
        numbers = [self.numbers[position] for position in positions]
        return self.catalogue.contents(self.snapshot.name, self.snapshot.version, part, numbers)

    @property
    def modality(self) -> backbone_pb2.Modality:
        """What the examples are, all of them."""
        return MODALITIES[BOTH if self.joint else self.parts[0]]

    @property
    def joint(self) -> bool:
        """Whether the examples are images with texts."""
        return len(self.parts) > 1

    def having(self, part: str) -> Indices:
        """The examples that have a part that is looked at, ascending."""
        found = [n for n, row in enumerate(self.rows) if part in self.parts and part in row.parts]
        return np.array(found, np.int64)

    def only(self, part: str) -> Material:
        """One part of the examples that have it; their labels are those that occur."""
        having = self.having(part)
        rows = tuple(self.rows[n] for n in having)
        numbers = tuple(self.numbers[n] for n in having)
        return replace(self, numbers=numbers, rows=rows, labels=_labels(rows), parts=(part,))

    @property
    def boxed(self) -> bool:
        """Whether the examples say where their things are; one without a box shows none."""
        return self.snapshot.sorting.boxed

    @cached_property
    def things(self) -> list[scene.Truth]:
        """The boxes of each example where they are `boxed`, by `labels`, in pixels of the upright
        picture; crowds of a label that nothing else bears are left out."""
        index = self._index
        return [_things(row, index) for row in self.rows]

    @property
    def multi_label(self) -> bool:
        """Whether an example may bear several labels, or none."""
        return self.snapshot.sorting.multi_label

    @cached_property
    def y(self) -> Indices:
        """The class of each example, `[n]`, an index into `labels`; not where there are several."""
        if self.multi_label:
            raise Internal(f"{self.snapshot.name} has several labels an example: take `targets`")
        index = self._index
        return np.array([index[row.labels[0]] for row in self.rows], np.int64)

    @cached_property
    def targets(self) -> NDArray[np.bool_]:
        """Which example bears which of `labels`, `[n, classes]`."""
        found = np.zeros((len(self.rows), len(self.labels)), np.bool_)
        for label, members in enumerate(self.members):
            found[members, label] = True
        return found

    @property
    def truth(self) -> Truth:
        """What a search learns: `targets` where an example may bear several labels, else `y`."""
        return self.targets if self.multi_label or self.boxed else self.y

    @cached_property
    def members(self) -> list[Indices]:
        """The examples that bear each of `labels`, ascending."""
        found: list[list[int]] = [[] for _ in self.labels]
        index = self._index
        for at, row in enumerate(self.rows):
            for label in row.labels:
                found[index[label]].append(at)
        return [np.array(some, np.int64) for some in found]

    @property
    def _index(self) -> dict[str, int]:
        return {label: number for number, label in enumerate(self.labels)}

    @cached_property
    def sketches(self) -> Sketches:
        """The sketch of each example, an image; NotFound when the data set is gone."""
        name, version = self.snapshot.name, self.snapshot.version
        return self.catalogue.sketches(name, version, self.numbers)

    @cached_property
    def alike(self) -> Indices:
        """A group for each example, `[n]`: those that are nearly the same share one.

        Exact copies were left out at import.
        """
        return grouped(self.store, self.snapshot.name.project, self.keys, self._near)

    @cached_property
    def groups(self) -> Indices:
        """What is held out together: the groups that are `alike`, but for labels of which nothing
        could be held out then."""
        return with_something_to_hold_out(self.alike, self.members)

    def _near(self) -> Pairs:
        name, version = self.snapshot.name, self.snapshot.version
        images, texts = self.having(IMAGE), self.having(TEXT)
        drawn = self.catalogue.sketches(name, version, [self.numbers[n] for n in images])
        taken = self.catalogue.fingerprints(name, version, [self.numbers[n] for n in texts])
        return near_items(len(self.rows), Seen(images, drawn), Seen(texts, taken))

    def bank(
        self,
        vectors: Mapping[str, Vectors],
        views: Mapping[str, Mapping[str, Vectors]],
        rows: Indices,
    ) -> Bank:
        """What a search takes of the examples `rows`: their vectors [n, dim] at each endpoint, and
        those of views of them. Every label must occur.

        An endpoint that gives the directions of the last layer again is left out.
        """
        kept = different(vectors)
        return Bank(
            {name: vectors[name] for name in kept},
            self.truth[rows],
            self.labels,
            self.groups[rows],
            {view: {name: seen[name] for name in kept} for view, seen in views.items()},
        )

    def joint_bank(self, seen: Mapping[str, Mapping[str, Vectors]]) -> Bank:
        """What a search takes of examples of both parts: for each part the vectors [m, dim] of
        those that have it, at each endpoint."""
        whole: dict[str, Vectors] = {}
        for part, vectors in seen.items():
            for name in different(vectors):
                found = vectors[name]
                filled = np.zeros((len(self.rows), found.shape[1]), found.dtype)
                filled[self.having(part)] = found
                whole[part_cuts.named(part, name)] = filled
        return Bank(whole, self.truth, self.labels, self.groups, joint=True)

    def sources(self) -> list[Source]:
        """Path and digest of each example, for the report."""
        return [Source(row.path, row.key.hex()) for row in self.rows]

    def summary(self) -> evaluation_pb2.DataSummary:
        """What the whole version holds, and which labels it has copies alone of."""
        found = summarise(self.snapshot.rows, self.snapshot.sorting)
        copied = all_alike(self.alike, self.members)
        if copied:
            counts = {self.labels[number]: len(self.members[number]) for number in copied}
            found.warnings.append(warning_of_copies(counts))
        return found

    def glimpses(self, shown: Mapping[str, int]) -> dict[str, Glimpse]:
        """What the report shows of the examples with these SHA-256, by SHA-256: a picture has at
        most so many pixels a side."""
        wanted = [n for n, row in enumerate(self.rows) if row.key.hex() in shown]
        pictures: dict[int, bytes] = {}
        for side in set(shown.values()):
            some = [n for n in wanted if shown[self.rows[n].key.hex()] == side]
            pictures |= self._seen(IMAGE, partial(thumbnail, side=side), some)
        words = self._seen(TEXT, excerpt, wanted)
        found: dict[str, Glimpse] = {}
        for n in wanted:
            picture, text = pictures.get(n, b""), words.get(n, "")
            if picture or text:
                both = picture and text
                found[self.rows[n].key.hex()] = (picture, text) if both else picture or text
        return found

    def _seen(self, part: str, look: Callable[[bytes], G], wanted: Sequence[int]) -> dict[int, G]:
        """What `look` makes of a part of those of the examples `wanted` that have it, by number."""
        having = [n for n in wanted if part in self.rows[n].parts]
        found: dict[int, G] = {}
        for start in range(0, len(having), _READ_AT_ONCE):
            some = having[start : start + _READ_AT_ONCE]
            found.update(zip(some, map(look, self.contents(part, some)), strict=True))
        return found


def _things(row: Row, index: Mapping[str, int]) -> scene.Truth:
    known = [one for one in row.boxes if one.label in index]
    boxes = [(one.box.left, one.box.top, one.box.width, one.box.height) for one in known]
    truth = scene.Truth.of(boxes, [index[one.label] for one in known])
    return replace(truth, crowd=np.array([one.crowd for one in known], np.bool_))


def _labels(rows: Sequence[Row]) -> tuple[str, ...]:
    return tuple(sorted({label for row in rows for label in row.labels}))


def gather(store: Store, spec: pb.TrainingSpec) -> Material:
    """The examples of a spec; NotFound, or FailedPrecondition (DATASET_UNTRAINABLE) before
    anything is embedded."""
    catalogue = Catalogue(store)
    snapshot = catalogue.snapshot(DatasetName.parse(spec.dataset), spec.dataset_version)
    rows = snapshot.rows
    numbers = sorted(snapshot.sorting.used, key=lambda n: (rows[n].labels, rows[n].key))
    used = tuple(rows[number] for number in numbers)
    modality = snapshot.sorting.modality
    parts = PARTS if modality == BOTH else (modality,)
    material = Material(snapshot, tuple(numbers), used, _labels(used), catalogue, store, parts)
    if material.boxed or spec.task == model_pb2.TASK_DETECTION:
        check_boxed(material)
    else:
        check_trainable(material)
    check_task(material, spec.task)
    return material


def check_task(material: Material, task: model_pb2.Task) -> None:
    """Raise FailedPrecondition where the task that was asked for is not that of the labels."""
    wanted, what = _task_of(material)
    if task in (model_pb2.TASK_UNSPECIFIED, wanted):
        return
    raise FailedPrecondition(
        f"{material.snapshot.name}: {what}, so that the task is"
        f" {model_pb2.Task.Name(wanted)}; ask for that, or for none. Received:"
        f" {model_pb2.Task.Name(task)}",
        reason="DATASET_UNTRAINABLE",
        metadata={"classes": str(len(material.labels)), "examples": str(len(material.rows))},
    )


def _task_of(material: Material) -> tuple[model_pb2.Task, str]:
    """What the examples say that a model is to do, and what says so."""
    if material.boxed:
        return model_pb2.TASK_DETECTION, "its examples have boxes"
    if material.multi_label:
        return model_pb2.TASK_MULTI_LABEL, "some example bears several labels"
    return model_pb2.TASK_CLASSIFICATION, "no example bears several labels"


def check_boxed(material: Material) -> None:
    """Raise FailedPrecondition unless a thing is boxed, telling what there is."""
    sorting = material.snapshot.sorting
    if not material.labels or not material.boxed:
        raise FailedPrecondition(
            f"{material.snapshot.name} cannot be trained on: a detector learns from boxes, and no"
            " usable example has one around a single thing; import pictures with boxes. Received:"
            f" {len(material.rows)} usable examples ({len(sorting.rejected)} rejected,"
            f" {len(sorting.conflicts)} under different labels or boxes)",
            reason="DATASET_UNTRAINABLE",
            metadata={"classes": str(len(material.labels)), "examples": str(len(material.rows))},
        )


def check_trainable(material: Material) -> None:
    """Raise FailedPrecondition unless there are two classes, telling what there is."""
    if len(material.labels) >= MIN_CLASSES:
        return
    sorting = material.snapshot.sorting
    what = f"only the class {material.labels[0]!r}" if material.labels else "no class"
    raise FailedPrecondition(
        f"{material.snapshot.name} cannot be trained on: a classifier needs usable examples of"
        f" {MIN_CLASSES} classes or more; add another class. Received: {len(material.rows)} usable"
        f" examples of {what} ({len(sorting.rejected)} rejected, {len(sorting.conflicts)} under two"
        " labels)",
        reason="DATASET_UNTRAINABLE",
        metadata={"classes": str(len(material.labels)), "examples": str(len(material.rows))},
    )
