"""What the catalogue says of a backbone: making it, its digest, and its stored form.

A backbone lies under `backbones/{name}/{digest}/`: the files of the SavedModel below `saved_model/`
and `backbone.json`, the proto-JSON of graft.embedder.v1.Backbone, written last: it is the commit.

The digest is the SHA-256 of this text, UTF-8, one line each, every line ending with a line feed:

    graft-backbone-1
    file {sha256} {path}             one a file, ascending by path, as below saved_model/
    preprocessing {line}
    endpoint {name} {n,n,...}        one an endpoint, ascending by name, the shape of one item
    trunk {digest}                   of a tuned tail only: what it is the tail of
    cut {name}                       one an endpoint that it takes, in its order

So an embedding is identified by SHA-256(content), this digest, the endpoint and the dtype.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from google.protobuf import json_format

from graft.embedder.v1 import backbone_pb2
from graft.errors import DataLoss
from graft.names import BackboneName

RECORD = "backbone.json"
FILES = "saved_model/"
DEFAULT = "default"
"""The endpoint that every backbone has: the vector of the plain call."""
_CHUNK_BYTES = 1 << 20


def file_of(folder: Path, path: Path) -> backbone_pb2.BackboneFile:
    """Describes one file below `folder`."""
    size, sha256 = fingerprint(path)
    relative = path.relative_to(folder).as_posix()
    return backbone_pb2.BackboneFile(path=relative, size_bytes=size, sha256=sha256)


def fingerprint(path: Path) -> tuple[int, str]:
    """The size in bytes and the SHA-256 of a file, in lower-case hex."""
    sha256, size = hashlib.sha256(), 0
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            sha256.update(chunk)
            size += len(chunk)
    return size, sha256.hexdigest()


def endpoints_of(shapes: Mapping[str, Iterable[int]]) -> list[backbone_pb2.Endpoint]:
    """Endpoints by name; the length of the vector is that of the last axis."""
    found = {name: list(shape) for name, shape in sorted(shapes.items())}
    return [
        backbone_pb2.Endpoint(name=name, shape=shape, dim=shape[-1])
        for name, shape in found.items()
    ]


def digest_of(backbone: backbone_pb2.Backbone) -> str:
    """The identity, as the module's docstring says."""
    lines = ["graft-backbone-1"]
    lines += [f"file {f.sha256} {f.path}" for f in sorted(backbone.files, key=lambda f: f.path)]
    lines.append(f"preprocessing {backbone.preprocessing}")
    for endpoint in sorted(backbone.endpoints, key=lambda e: e.name):
        lines.append(f"endpoint {endpoint.name} {','.join(map(str, endpoint.shape))}")
    if backbone.trunk:
        lines.append(f"trunk {BackboneName.parse(backbone.trunk).digest}")
        lines += [f"cut {name}" for name in backbone.cut]
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def name_of(backbone: backbone_pb2.Backbone) -> BackboneName:
    """The full name: `backbones/{name}@{digest}`."""
    return BackboneName(BackboneName.parse(backbone.name).backbone, backbone.digest)


def to_json(backbone: backbone_pb2.Backbone) -> bytes:
    """The stored form."""
    text = json_format.MessageToJson(backbone, preserving_proto_field_name=True, indent=1)
    return text.encode()


def from_json(data: bytes, key: str) -> backbone_pb2.Backbone:
    """Reads the stored form; DataLoss naming the key when it is damaged or not of its digest."""
    backbone = backbone_pb2.Backbone()
    try:
        json_format.Parse(data, backbone, ignore_unknown_fields=True)
    except (json_format.ParseError, UnicodeDecodeError) as error:
        raise _damaged(key, f"cannot be read ({error})") from error
    if digest_of(backbone) != backbone.digest:
        raise _damaged(key, f"does not match its digest {backbone.digest}")
    return backbone


def _damaged(key: str, what: str) -> DataLoss:
    return DataLoss(f"{key} {what}; import the backbone again", metadata={"key": key})
