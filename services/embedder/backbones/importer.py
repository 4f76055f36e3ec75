"""Bringing a SavedModel into the catalogue: probe it, describe it, store it, commit it.

The files go up first and `backbone.json` last: before that the import does not exist. An import
that was broken off leaves files under its digest; the next import of the same content writes the
same files again and completes it, so two at once do no harm either.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from google.protobuf import timestamp_pb2

from graft.embedder.v1 import backbone_pb2
from graft.errors import FailedPrecondition, InvalidArgument
from graft.names import BackboneName
from services.common import layout
from services.common.backbones import record
from services.common.store.base import Store
from services.embedder.backbones import source
from services.embedder.preprocess import MAX_SIDE, Preprocess, parse
from services.embedder.texts import TextIntake

METADATA = "metadata.json"
_MAX_METADATA_BYTES = 1 << 20
_MAX_TEXT = 2_000


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user says about a module, over what the module and its metadata say.

    `size` is (height, width) in pixels; `value_range` what 0..255 is mapped onto; `preprocessor`
    where the module comes from that makes an encoder's inputs of texts.
    """

    size: tuple[int, int] | None = None
    value_range: tuple[float, float] | None = None
    preprocessor: str = ""


def import_backbone(
    store: Store,
    where: str,
    *,
    name: str,
    wishes: Wishes | None = None,
    about: Mapping[str, object] | None = None,
) -> backbone_pb2.Backbone:
    """Imports a folder, an archive or a TF-Hub handle under `name`; answers its record.

    `about` says what its metadata.json leaves out.

    Importing the same content again changes nothing but makes it the newest of its name.
    Raises InvalidArgument, FailedPrecondition (an unusable SavedModel), ResourceExhausted,
    Unavailable (no network, no store).
    """
    identity = BackboneName.parse(f"backbones/{name}")
    wishes = wishes or Wishes()
    with _opened(where, wishes.preprocessor) as folder:
        metadata = {**(about or {}), **read_metadata(folder / METADATA)}
        backbone = describe(folder, str(identity), where, wishes, metadata)
        prefix = layout.backbone_prefix(record.name_of(backbone))
        for file in backbone.files:
            store.put_file(prefix + record.FILES + file.path, folder / file.path)
        store.put(prefix + record.RECORD, record.to_json(backbone))
    return backbone


def _opened(where: str, preprocessor: str) -> AbstractContextManager[Path]:
    return source.opened_pair(preprocessor, where) if preprocessor else source.opened(where)


def describe(
    folder: Path, name: str, where: str, wishes: Wishes, metadata: Mapping[str, object]
) -> backbone_pb2.Backbone:
    """The record of the SavedModel in `folder`, found by loading it and running one item."""
    modality, intake, shapes = _probe(folder, wishes, metadata)
    backbone = backbone_pb2.Backbone(
        name=name,
        modality=modality,
        input_size=intake.shape[:2] if isinstance(intake, Preprocess) else [],
        preprocessing=str(intake),
        endpoints=record.endpoints_of(shapes),
        files=[record.file_of(folder, path) for path in source.model_files(folder)],
        origin=_origin(where, metadata),
        licence=_text(metadata, "licence"),
        description=_text(metadata, "description") or _text(metadata, "trained"),
        import_time=_now(),
    )
    backbone.digest = record.digest_of(backbone)
    return backbone


_Shapes = dict[str, tuple[int, ...]]


def _probe(
    folder: Path, wishes: Wishes, metadata: Mapping[str, object]
) -> tuple[backbone_pb2.Modality, Preprocess | TextIntake, _Shapes]:
    """What it reads, how, and its endpoints. Imported here: describing is all that needs
    TensorFlow."""
    from services.networks.module import module_of
    from services.networks.saved_model import load_object
    from services.networks.text_module import takes_texts, text_module_of

    loaded = load_object(folder)
    if takes_texts(loaded):
        shapes = text_module_of(loaded).endpoint_shapes()
        pieces = max((shape[0] for shape in shapes.values() if len(shape) > 1), default=0)
        return backbone_pb2.MODALITY_TEXT, TextIntake(pieces), shapes
    module = module_of(loaded)
    height, width = _size(module.input_shape, wishes.size or _stated_size(metadata))
    preprocess = Preprocess(height, width, *(wishes.value_range or _stated_range(metadata)))
    shapes = module.endpoint_shapes(height, width)
    return backbone_pb2.MODALITY_IMAGE, parse(str(preprocess)), shapes


def _size(input_shape: tuple[int | None, ...], stated: tuple[int, int] | None) -> tuple[int, int]:
    height, width = stated or input_shape[:2]
    if height is None or width is None:
        text = "neither the module nor its metadata.json tells the input size; pass --size PIXELS"
        raise InvalidArgument(f"{text}; the module takes {input_shape}", field="size")
    if not (0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE):
        text = f"the input size must be 1 to {MAX_SIDE} pixels a side"
        raise InvalidArgument(f"{text}; got {height} x {width}", field="size")
    return height, width


def read_metadata(path: Path) -> Mapping[str, object]:
    """The metadata beside a SavedModel; empty where there are none. Raises FailedPrecondition."""
    if not path.is_file():
        return {}
    try:
        metadata = json.loads(path.read_bytes()[:_MAX_METADATA_BYTES])
    except ValueError as error:
        text = f"{METADATA} beside the SavedModel is no JSON; mend it or take it away"
        raise FailedPrecondition(f"{text}; got {error}") from error
    return metadata if isinstance(metadata, dict) else {}


def _stated_size(metadata: Mapping[str, object]) -> tuple[int, int] | None:
    match metadata.get("input_size"):
        case [int(height), int(width), *_] if height > 0 and width > 0:
            return height, width
        case int(side) if side > 0:
            return side, side
    return None


def _stated_range(metadata: Mapping[str, object]) -> tuple[float, float]:
    """The Reusable SavedModel contract for images is 0 to 1."""
    match metadata.get("input_range"):
        case [int() | float() as low, int() | float() as high] if low < high:
            return float(low), float(high)
    return 0.0, 1.0


def _origin(where: str, metadata: Mapping[str, object]) -> str:
    """The handle, or what the metadata say, or the folder's own name: never a path of ours."""
    stated = _nested(metadata, ("repo", "commit", "file")) or _text(metadata, "origin")
    return stated or (where if "://" in where else Path(where).name)


def _nested(metadata: Mapping[str, object], keys: tuple[str, ...]) -> str:
    about = metadata.get("source")
    found = [str(about[key]) for key in keys if key in about] if isinstance(about, dict) else []
    return " ".join(found)[:_MAX_TEXT]


def _text(metadata: Mapping[str, object], key: str) -> str:
    value = metadata.get(key)
    return value[:_MAX_TEXT] if isinstance(value, str) else _nested(metadata, (key,))


def _now() -> timestamp_pb2.Timestamp:
    now = timestamp_pb2.Timestamp()
    now.GetCurrentTime()
    return now
