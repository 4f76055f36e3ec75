import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from graft.embedder.v1 import backbone_pb2 as _backbone_pb2
from graft.model.v1 import evaluation_pb2 as _evaluation_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LabelCount(_message.Message):
    __slots__ = ("label", "example_count", "box_count")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    EXAMPLE_COUNT_FIELD_NUMBER: _ClassVar[int]
    BOX_COUNT_FIELD_NUMBER: _ClassVar[int]
    label: str
    example_count: int
    box_count: int
    def __init__(self, label: _Optional[str] = ..., example_count: _Optional[int] = ..., box_count: _Optional[int] = ...) -> None: ...

class Dataset(_message.Message):
    __slots__ = ("name", "version", "labels", "summary", "size_bytes", "create_time", "multi_label", "modality", "boxed")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    MULTI_LABEL_FIELD_NUMBER: _ClassVar[int]
    MODALITY_FIELD_NUMBER: _ClassVar[int]
    BOXED_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    labels: _containers.RepeatedCompositeFieldContainer[LabelCount]
    summary: _evaluation_pb2.DataSummary
    size_bytes: int
    create_time: _timestamp_pb2.Timestamp
    multi_label: bool
    modality: _backbone_pb2.Modality
    boxed: bool
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., labels: _Optional[_Iterable[_Union[LabelCount, _Mapping]]] = ..., summary: _Optional[_Union[_evaluation_pb2.DataSummary, _Mapping]] = ..., size_bytes: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., multi_label: _Optional[bool] = ..., modality: _Optional[_Union[_backbone_pb2.Modality, str]] = ..., boxed: _Optional[bool] = ...) -> None: ...
