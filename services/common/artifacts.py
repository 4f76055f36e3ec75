"""Model versions in the store: written by the trainer, read by the predictor.

A version is written in this order: its claim (if absent: of two jobs, one gets the number), the
arrays, the report, the page, and last the manifest, which carries the digests of the others. A
version without a manifest does not exist; a job that comes back after a crash takes up its claim.

A version may have a tuned tail in the catalogue of backbones, stored after the claim and before the
manifest; it goes before the claim does, which is how it is found.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import safetensors
import safetensors.numpy
from google.protobuf import json_format, timestamp_pb2
from numpy.typing import NDArray

from graft.errors import Conflict, DataLoss, NotFound
from graft.model.v1 import evaluation_pb2, model_pb2
from graft.names import AliasName, ModelName, VersionName
from services.common import layout
from services.common.backbones import tuned
from services.common.detector.detector import Detector
from services.common.heads.head import Head
from services.common.heads.registry import from_arrays
from services.common.store.base import Store


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything of a version but its number: what `publish` writes.

    `manifest` needs no name, version, digests or time; `evaluation` no name; `page` makes the HTML
    page of the finished manifest and evaluation.
    """

    manifest: model_pb2.ModelVersion
    head: Head | Detector
    evaluation: evaluation_pb2.Evaluation


def discard_claim(store: Store, version: VersionName) -> None:
    """Remove what a job wrote of a version that has no manifest and will get none."""
    store.delete(layout.manifest(version))
    tuned.discard(store, version)
    store.delete_prefix(layout.version_prefix(version))


def claim_version(store: Store, model: ModelName, job: str) -> VersionName:
    """Reserve the next free number for `job`, or the one it holds already."""
    taken = _numbers(store, model)
    return _find(store, model, job, taken) or _claim_next(
        store, model, job, first=taken[-1] + 1 if taken else 1
    )


def find_claim(store: Store, model: ModelName, job: str) -> VersionName | None:
    """The number that `job` holds, finished or not; None when it holds none."""
    return _find(store, model, job, _numbers(store, model))


def _numbers(store: Store, model: ModelName) -> list[int]:
    children = store.children(layout.model_prefix(model))
    return sorted(int(child) for child in children if child.isdecimal())


def _find(store: Store, model: ModelName, job: str, taken: list[int]) -> VersionName | None:
    for number in reversed(taken):
        claimed = model.version(number)
        if _claimant(store, claimed) == job:
            return claimed
    return None


def _claimant(store: Store, version: VersionName) -> str:
    try:
        return str(json.loads(store.get(layout.claim(version)))["job"])
    except NotFound:
        return ""


def _claim_next(store: Store, model: ModelName, job: str, *, first: int) -> VersionName:
    """Take the first number from `first` on that nobody has; each loss means another won it."""
    number = first
    while True:
        version = model.version(number)
        try:
            store.put(layout.claim(version), json.dumps({"job": job}).encode(), if_absent=True)
            return version
        except Conflict:
            number += 1


def publish(
    store: Store, version: VersionName, draft: Draft, page: bytes
) -> model_pb2.ModelVersion:
    """Write a claimed version; answer its manifest. Repeating it after a crash is harmless."""
    arrays = safetensors.numpy.save(draft.head.to_arrays())
    report = to_json(draft.evaluation)
    manifest = model_pb2.ModelVersion()
    manifest.CopyFrom(draft.manifest)
    manifest.name, manifest.version = str(version), version.version
    manifest.head.kind = draft.head.kind
    manifest.head.arrays_sha256 = hashlib.sha256(arrays).hexdigest()
    manifest.head.size_bytes = draft.head.nbytes
    manifest.report_sha256 = hashlib.sha256(report).hexdigest()
    manifest.create_time.CopyFrom(_now())
    store.put(layout.arrays(version), arrays)
    store.put(layout.report(version), report)
    store.put(layout.report_page(version), page)
    store.put(layout.manifest(version), to_json(manifest))
    return manifest


def _now() -> timestamp_pb2.Timestamp:
    now = timestamp_pb2.Timestamp()
    now.GetCurrentTime()
    return now


def read_manifest(store: Store, version: VersionName) -> model_pb2.ModelVersion:
    """Read a version's manifest; NotFound when the version does not exist."""
    try:
        data = store.get(layout.manifest(version))
    except NotFound as error:
        raise not_found(version) from error
    manifest = model_pb2.ModelVersion()
    from_json(data, manifest, layout.manifest(version))
    return manifest


def parts_of(manifest: model_pb2.ModelVersion) -> list[model_pb2.Features]:
    """What a version was fitted on: of images with texts the images first, else one alone."""
    both = manifest.HasField("text_features")
    return [manifest.features, manifest.text_features] if both else [manifest.features]


def read_head(store: Store, manifest: model_pb2.ModelVersion) -> Head:
    """Read the head of a version; DataLoss when the arrays are not those of the manifest."""
    return from_arrays(manifest.head.kind, tuple(manifest.labels), _arrays(store, manifest))


def read_served(store: Store, manifest: model_pb2.ModelVersion) -> Head | Detector:
    """Read what a version answers with, a head or a detector. Raises as `read_head`."""
    if manifest.head.kind != Detector.kind:
        return read_head(store, manifest)
    return Detector.from_arrays(tuple(manifest.labels), _arrays(store, manifest))


def _arrays(store: Store, manifest: model_pb2.ModelVersion) -> dict[str, NDArray[Any]]:
    key = layout.arrays(VersionName.parse(manifest.name))
    data = _checked(store, key, manifest.head.arrays_sha256)
    try:
        return dict(safetensors.numpy.load(data))
    except safetensors.SafetensorError as error:
        raise _damaged(key, "is no safetensors file") from error


def read_evaluation(store: Store, version: VersionName) -> evaluation_pb2.Evaluation:
    """Read the report of a version."""
    manifest = read_manifest(store, version)
    key = layout.report(version)
    evaluation = evaluation_pb2.Evaluation()
    from_json(_checked(store, key, manifest.report_sha256), evaluation, key)
    return evaluation


def _checked(store: Store, key: str, sha256: str) -> bytes:
    try:
        data = store.get(key)
    except NotFound as error:
        raise _damaged(key, "is gone") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise _damaged(key, "does not match its digest")
    return data


def _damaged(key: str, what: str) -> DataLoss:
    return DataLoss(
        f"{key} {what}; restore it from a backup or train the model again", metadata={"key": key}
    )


def versions(store: Store, model: ModelName) -> list[int]:
    """The existing versions of a model, ascending."""
    numbers = _numbers(store, model)
    return [n for n in numbers if store.head(layout.manifest(model.version(n)))]


def aliases(store: Store, model: ModelName) -> dict[str, int]:
    """The aliases of a model and the versions they mean."""
    names = [child.removesuffix(".json") for child in store.children(layout.aliases_prefix(model))]
    return {name: read_alias(store, AliasName(model, name)) for name in names}


def read_alias(store: Store, name: AliasName) -> int:
    """The version that an alias means; NotFound when there is no such alias."""
    key = layout.alias(name)
    try:
        data = store.get(key)
    except NotFound as error:
        raise not_found(name) from error
    try:
        return int(json.loads(data)["version"])
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(key, "is not an alias") from error


def set_alias(store: Store, name: AliasName, version: int) -> None:
    """Point an alias at a version, which must exist."""
    read_manifest(store, name.model.version(version))
    store.put(layout.alias(name), json.dumps({"version": version}).encode())


def read_model(store: Store, name: ModelName) -> model_pb2.Model:
    """Describe a model; NotFound when it has no version."""
    found = versions(store, name)
    if not found:
        raise not_found(name)
    return model_pb2.Model(name=str(name), versions=found, aliases=aliases(store, name))


def list_models(store: Store, project: str) -> Iterator[ModelName]:
    """The models of a project by name, those with a finished version only."""
    for child in store.children(layout.models_prefix(project)):
        name = ModelName(project, child)
        if versions(store, name):
            yield name


def delete_model(store: Store, name: ModelName) -> None:
    """Remove a model: aliases first, then each version's manifest first, so none is half there.

    Then the tuned tails, of every number that was ever claimed: what a crash leaves behind goes
    with the next model of this name.
    """
    read_model(store, name)
    numbers = _numbers(store, name)
    store.delete_prefix(layout.aliases_prefix(name))
    for number in numbers:
        store.delete(layout.manifest(name.version(number)))
    for number in numbers:
        tuned.discard(store, name.version(number))
    store.delete_prefix(layout.model_prefix(name))


def to_json(message: model_pb2.ModelVersion | evaluation_pb2.Evaluation) -> bytes:
    """A message as stored: proto-JSON with the names of the .proto files."""
    text = json_format.MessageToJson(message, preserving_proto_field_name=True, indent=1)
    return text.encode()


def from_json(
    data: bytes, message: model_pb2.ModelVersion | evaluation_pb2.Evaluation, key: str
) -> None:
    """Fill a message from what was stored; DataLoss naming the key when it cannot be read.

    Fields that this version does not know are ignored: a newer trainer may have written them.
    """
    try:
        json_format.Parse(data, message, ignore_unknown_fields=True)
    except json_format.ParseError as error:
        raise _damaged(key, "cannot be read") from error


def not_found(name: ModelName | VersionName | AliasName) -> NotFound:
    """The error for a model, version or alias that is not there."""
    return NotFound(
        f"{name} does not exist; `graft models list` tells which do. Received: {str(name)!r}",
        metadata={"name": str(name)},
    )
