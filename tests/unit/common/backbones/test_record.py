"""The digest and the stored form of a backbone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from graft.embedder.v1 import backbone_pb2
from graft.errors import DataLoss
from services.common.backbones import record


def made(**changes: object) -> backbone_pb2.Backbone:
    fields: dict[str, object] = {
        "name": "backbones/tiny",
        "preprocessing": "rgb|resize(8,8,'bilinear','antialias')|scale(0.0,1.0)",
        "input_size": [8, 8],
        "endpoints": record.endpoints_of({"default": (6,), "map": (2, 2, 8)}),
        "files": [
            backbone_pb2.BackboneFile(path="saved_model.pb", size_bytes=1, sha256="aa"),
            backbone_pb2.BackboneFile(path="variables/v", size_bytes=2, sha256="bb"),
        ],
        **changes,
    }
    backbone = backbone_pb2.Backbone(**fields)  # type: ignore[arg-type]
    backbone.digest = record.digest_of(backbone)
    return backbone


def test_the_digest_is_of_the_text_that_the_docstring_states() -> None:
    text = (
        "graft-backbone-1\n"
        "file aa saved_model.pb\n"
        "file bb variables/v\n"
        "preprocessing rgb|resize(8,8,'bilinear','antialias')|scale(0.0,1.0)\n"
        "endpoint default 6\n"
        "endpoint map 2,2,8\n"
    )
    assert made().digest == hashlib.sha256(text.encode()).hexdigest()


def test_order_name_origin_and_time_are_no_part_of_the_identity() -> None:
    other = made(name="backbones/other", origin="elsewhere", licence="MIT")
    other.files.reverse()
    other.endpoints.reverse()
    other.import_time.GetCurrentTime()
    assert record.digest_of(other) == made().digest


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b.files[0].MergeFrom(backbone_pb2.BackboneFile(sha256="ac")),
        lambda b: b.files[0].MergeFrom(backbone_pb2.BackboneFile(path="other.pb")),
        lambda b: b.files.pop(),
        lambda b: setattr(b, "preprocessing", b.preprocessing.replace("8,8", "8,9")),
        lambda b: b.endpoints.pop(),
        lambda b: b.endpoints[1].shape.append(1),
        lambda b: setattr(b.endpoints[0], "name", "feature_vector"),
    ],
)
def test_everything_that_shapes_a_vector_is_part_of_the_identity(
    change: Callable[[backbone_pb2.Backbone], object],
) -> None:
    backbone = made()
    change(backbone)
    assert record.digest_of(backbone) != backbone.digest


def test_the_stored_form_reads_back() -> None:
    assert record.from_json(record.to_json(made()), "key") == made()


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\xfe", b'{"name": 7}'])
def test_a_record_that_cannot_be_read_is_data_loss_naming_the_key(data: bytes) -> None:
    with pytest.raises(DataLoss, match=r"backbones/x/backbone\.json") as caught:
        record.from_json(data, "backbones/x/backbone.json")
    assert caught.value.metadata == {"key": "backbones/x/backbone.json"}


def test_a_record_that_was_changed_does_not_match_its_digest() -> None:
    data = record.to_json(made()).replace(b"scale(0.0,1.0)", b"scale(0.0,2.0)")
    with pytest.raises(DataLoss, match="does not match its digest"):
        record.from_json(data, "key")


def test_a_newer_field_is_skipped() -> None:
    data = record.to_json(made()).replace(b'"name"', b'"colour": "red", "name"', 1)
    assert record.from_json(data, "key") == made()
