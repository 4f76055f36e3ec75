import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from graft.model.v1 import evaluation_pb2 as _evaluation_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Task(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TASK_UNSPECIFIED: _ClassVar[Task]
    TASK_CLASSIFICATION: _ClassVar[Task]
    TASK_MULTI_LABEL: _ClassVar[Task]
    TASK_DETECTION: _ClassVar[Task]
TASK_UNSPECIFIED: Task
TASK_CLASSIFICATION: Task
TASK_MULTI_LABEL: Task
TASK_DETECTION: Task

class Features(_message.Message):
    __slots__ = ("backbone", "backbone_digest", "endpoints", "dims", "input_size")
    BACKBONE_FIELD_NUMBER: _ClassVar[int]
    BACKBONE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    ENDPOINTS_FIELD_NUMBER: _ClassVar[int]
    DIMS_FIELD_NUMBER: _ClassVar[int]
    INPUT_SIZE_FIELD_NUMBER: _ClassVar[int]
    backbone: str
    backbone_digest: str
    endpoints: _containers.RepeatedScalarFieldContainer[str]
    dims: _containers.RepeatedScalarFieldContainer[int]
    input_size: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, backbone: _Optional[str] = ..., backbone_digest: _Optional[str] = ..., endpoints: _Optional[_Iterable[str]] = ..., dims: _Optional[_Iterable[int]] = ..., input_size: _Optional[_Iterable[int]] = ...) -> None: ...

class Head(_message.Message):
    __slots__ = ("kind", "arrays_sha256", "size_bytes", "parameters")
    class ParametersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    KIND_FIELD_NUMBER: _ClassVar[int]
    ARRAYS_SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    kind: str
    arrays_sha256: str
    size_bytes: int
    parameters: _containers.ScalarMap[str, str]
    def __init__(self, kind: _Optional[str] = ..., arrays_sha256: _Optional[str] = ..., size_bytes: _Optional[int] = ..., parameters: _Optional[_Mapping[str, str]] = ...) -> None: ...

class ModelVersion(_message.Message):
    __slots__ = ("name", "version", "task", "labels", "features", "head", "dataset", "dataset_version", "training_job", "seed", "accuracy", "example_count", "create_time", "report_sha256", "suite_version", "text_features", "map50")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    HEAD_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    TRAINING_JOB_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_FIELD_NUMBER: _ClassVar[int]
    EXAMPLE_COUNT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    REPORT_SHA256_FIELD_NUMBER: _ClassVar[int]
    SUITE_VERSION_FIELD_NUMBER: _ClassVar[int]
    TEXT_FEATURES_FIELD_NUMBER: _ClassVar[int]
    MAP50_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    task: Task
    labels: _containers.RepeatedScalarFieldContainer[str]
    features: Features
    head: Head
    dataset: str
    dataset_version: int
    training_job: str
    seed: int
    accuracy: _evaluation_pb2.Interval
    example_count: int
    create_time: _timestamp_pb2.Timestamp
    report_sha256: str
    suite_version: str
    text_features: Features
    map50: _evaluation_pb2.Interval
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., task: _Optional[_Union[Task, str]] = ..., labels: _Optional[_Iterable[str]] = ..., features: _Optional[_Union[Features, _Mapping]] = ..., head: _Optional[_Union[Head, _Mapping]] = ..., dataset: _Optional[str] = ..., dataset_version: _Optional[int] = ..., training_job: _Optional[str] = ..., seed: _Optional[int] = ..., accuracy: _Optional[_Union[_evaluation_pb2.Interval, _Mapping]] = ..., example_count: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., report_sha256: _Optional[str] = ..., suite_version: _Optional[str] = ..., text_features: _Optional[_Union[Features, _Mapping]] = ..., map50: _Optional[_Union[_evaluation_pb2.Interval, _Mapping]] = ...) -> None: ...

class Model(_message.Message):
    __slots__ = ("name", "versions", "aliases")
    class AliasesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    ALIASES_FIELD_NUMBER: _ClassVar[int]
    name: str
    versions: _containers.RepeatedScalarFieldContainer[int]
    aliases: _containers.ScalarMap[str, int]
    def __init__(self, name: _Optional[str] = ..., versions: _Optional[_Iterable[int]] = ..., aliases: _Optional[_Mapping[str, int]] = ...) -> None: ...
