"""One version of a model as this service knows it: where its vectors come from, and its head."""

from __future__ import annotations

from dataclasses import dataclass

from graft.errors import DataLoss, InvalidArgument
from graft.model.v1 import model_pb2
from graft.names import AliasName, BackboneName, VersionName
from services.common import artifacts, layout
from services.common.detector.detector import Detector
from services.common.heads.head import Head
from services.common.store.base import Store
from services.predictor.parts import KINDS, Kind

Name = VersionName | AliasName

LABEL_BYTES = 64
"""What a label costs in memory besides its text: a Python string and its place in a tuple."""

HEAD_BYTES = 2048
"""What a head costs in memory besides its arrays and labels (measured 1.4 KiB)."""


Revision = str
"""The identity of a stored version, its name and etag: a model deleted and trained anew, which
counts its versions from 1 again, has other etags."""


def revision_of(name: VersionName, etag: str) -> Revision:
    """Make the identity of a version whose manifest has this etag."""
    return f"{name}@{etag}"


@dataclass(frozen=True, slots=True)
class Leg:
    """The vectors of one backbone, `backbones/{name}@{digest}`, of lengths `dims`, one an endpoint.
    `kind`: the part of an item that it is given, `image` or `text`; empty for all of it."""

    backbone: str
    endpoints: tuple[str, ...]
    dims: tuple[int, ...]
    kind: Kind


@dataclass(frozen=True, slots=True)
class Route:
    """The vectors that a head takes, those of all legs joined."""

    legs: tuple[Leg, ...]

    @property
    def dim(self) -> int:
        """The length of a joined vector."""
        return sum(dim for leg in self.legs for dim in leg.dims)


@dataclass(frozen=True, slots=True)
class Servable:
    """A version that can be asked for; `size_bytes` is what its head takes in memory."""

    revision: Revision
    version: VersionName
    text: str  # the version's resource name
    route: Route
    size_bytes: int


def read_servable(store: Store, name: Name, known: Servable | None) -> Servable:
    """Read what a name means now; answer `known` itself where that is it. Blocks.

    Raises NotFound when there is no such version or alias, DataLoss when it cannot be understood.
    """
    version = name
    if isinstance(version, AliasName):
        version = version.model.version(artifacts.read_alias(store, version))
    info = store.head(layout.manifest(version))
    if info is None:
        raise artifacts.not_found(version)
    revision = revision_of(version, info.etag)
    if known is not None and known.revision == revision:
        return known
    return _servable(revision, version, artifacts.read_manifest(store, version))


def _servable(
    revision: Revision, version: VersionName, manifest: model_pb2.ModelVersion
) -> Servable:
    labels = sum(len(label.encode()) + LABEL_BYTES for label in manifest.labels)
    size = manifest.head.size_bytes + labels + HEAD_BYTES
    return Servable(revision, version, str(version), _route(version, manifest), size)


def _route(name: VersionName, manifest: model_pb2.ModelVersion) -> Route:
    features = artifacts.parts_of(manifest)
    kinds: tuple[Kind, ...] = ("",) if len(features) == 1 else KINDS
    return Route(tuple(_leg(name, one, kind) for one, kind in zip(features, kinds, strict=True)))


def _leg(name: VersionName, features: model_pb2.Features, kind: Kind) -> Leg:
    try:
        plain = BackboneName.parse(features.backbone)
        backbone = BackboneName.parse(f"backbones/{plain.backbone}@{features.backbone_digest}")
    except InvalidArgument as error:
        key = layout.manifest(name)
        raise DataLoss(
            f"{key} names no backbone; train the model again. Received: {error}",
            metadata={"key": key},
        ) from error
    if not features.endpoints or len(features.endpoints) != len(features.dims):
        key = layout.manifest(name)
        raise DataLoss(
            f"{key} names no endpoints with their lengths; train the model again."
            f" Received: {list(features.endpoints)} and {list(features.dims)}",
            metadata={"key": key},
        )
    return Leg(str(backbone), tuple(features.endpoints), tuple(features.dims), kind)


def read_head(store: Store, servable: Servable) -> Head | Detector:
    """Read the head, or the detector, of a version. Blocks; raises NotFound, DataLoss,
    FailedPrecondition."""
    manifest = artifacts.read_manifest(store, servable.version)
    head = artifacts.read_served(store, manifest)
    if head.dim != servable.route.dim or head.nbytes > manifest.head.size_bytes:
        key = layout.arrays(servable.version)
        raise DataLoss(
            f"{key} is not the head of its manifest; train the model again. Received: {head.nbytes}"
            f" bytes for vectors of {head.dim}, not {manifest.head.size_bytes} for"
            f" {servable.route.dim}",
            metadata={"key": key},
        )
    return head
