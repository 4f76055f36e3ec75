import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from graft.common.v1 import problem_pb2 as _problem_pb2
from graft.common.v1 import timing_pb2 as _timing_pb2
from graft.model.v1 import evaluation_pb2 as _evaluation_pb2
from graft.model.v1 import model_pb2 as _model_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class JobState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    JOB_STATE_UNSPECIFIED: _ClassVar[JobState]
    JOB_STATE_QUEUED: _ClassVar[JobState]
    JOB_STATE_RUNNING: _ClassVar[JobState]
    JOB_STATE_CANCELLING: _ClassVar[JobState]
    JOB_STATE_SUCCEEDED: _ClassVar[JobState]
    JOB_STATE_FAILED: _ClassVar[JobState]
    JOB_STATE_CANCELLED: _ClassVar[JobState]
JOB_STATE_UNSPECIFIED: JobState
JOB_STATE_QUEUED: JobState
JOB_STATE_RUNNING: JobState
JOB_STATE_CANCELLING: JobState
JOB_STATE_SUCCEEDED: JobState
JOB_STATE_FAILED: JobState
JOB_STATE_CANCELLED: JobState

class TrainingSpec(_message.Message):
    __slots__ = ("dataset", "dataset_version", "model", "task", "backbone", "budget", "seed", "precision")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    BACKBONE_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    dataset_version: int
    model: str
    task: _model_pb2.Task
    backbone: str
    budget: _duration_pb2.Duration
    seed: int
    precision: float
    def __init__(self, dataset: _Optional[str] = ..., dataset_version: _Optional[int] = ..., model: _Optional[str] = ..., task: _Optional[_Union[_model_pb2.Task, str]] = ..., backbone: _Optional[str] = ..., budget: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., seed: _Optional[int] = ..., precision: _Optional[float] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("phase", "done", "total", "unit")
    PHASE_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    phase: str
    done: int
    total: int
    unit: str
    def __init__(self, phase: _Optional[str] = ..., done: _Optional[int] = ..., total: _Optional[int] = ..., unit: _Optional[str] = ...) -> None: ...

class TrainingResult(_message.Message):
    __slots__ = ("model_version", "version", "accuracy", "phases", "embedded_count", "cached_count", "map50")
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_FIELD_NUMBER: _ClassVar[int]
    PHASES_FIELD_NUMBER: _ClassVar[int]
    EMBEDDED_COUNT_FIELD_NUMBER: _ClassVar[int]
    CACHED_COUNT_FIELD_NUMBER: _ClassVar[int]
    MAP50_FIELD_NUMBER: _ClassVar[int]
    model_version: str
    version: int
    accuracy: _evaluation_pb2.Interval
    phases: _containers.RepeatedCompositeFieldContainer[_timing_pb2.StageTiming]
    embedded_count: int
    cached_count: int
    map50: _evaluation_pb2.Interval
    def __init__(self, model_version: _Optional[str] = ..., version: _Optional[int] = ..., accuracy: _Optional[_Union[_evaluation_pb2.Interval, _Mapping]] = ..., phases: _Optional[_Iterable[_Union[_timing_pb2.StageTiming, _Mapping]]] = ..., embedded_count: _Optional[int] = ..., cached_count: _Optional[int] = ..., map50: _Optional[_Union[_evaluation_pb2.Interval, _Mapping]] = ...) -> None: ...

class TrainingEstimate(_message.Message):
    __slots__ = ("example_count", "uncached_count", "backbone", "duration_low", "duration_high", "warnings")
    EXAMPLE_COUNT_FIELD_NUMBER: _ClassVar[int]
    UNCACHED_COUNT_FIELD_NUMBER: _ClassVar[int]
    BACKBONE_FIELD_NUMBER: _ClassVar[int]
    DURATION_LOW_FIELD_NUMBER: _ClassVar[int]
    DURATION_HIGH_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    example_count: int
    uncached_count: int
    backbone: str
    duration_low: _duration_pb2.Duration
    duration_high: _duration_pb2.Duration
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, example_count: _Optional[int] = ..., uncached_count: _Optional[int] = ..., backbone: _Optional[str] = ..., duration_low: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., duration_high: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., warnings: _Optional[_Iterable[str]] = ...) -> None: ...

class TrainingJob(_message.Message):
    __slots__ = ("name", "spec", "state", "progress", "result", "error", "create_time", "start_time", "end_time", "revision", "attempts")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    spec: TrainingSpec
    state: JobState
    progress: Progress
    result: TrainingResult
    error: _problem_pb2.Problem
    create_time: _timestamp_pb2.Timestamp
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    revision: int
    attempts: int
    def __init__(self, name: _Optional[str] = ..., spec: _Optional[_Union[TrainingSpec, _Mapping]] = ..., state: _Optional[_Union[JobState, str]] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ..., result: _Optional[_Union[TrainingResult, _Mapping]] = ..., error: _Optional[_Union[_problem_pb2.Problem, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., revision: _Optional[int] = ..., attempts: _Optional[int] = ...) -> None: ...

class JobEvent(_message.Message):
    __slots__ = ("revision", "time", "queued", "started", "progressed", "cancel_requested", "succeeded", "failed", "cancelled", "interrupted")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    PROGRESSED_FIELD_NUMBER: _ClassVar[int]
    CANCEL_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    SUCCEEDED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    INTERRUPTED_FIELD_NUMBER: _ClassVar[int]
    revision: int
    time: _timestamp_pb2.Timestamp
    queued: TrainingSpec
    started: int
    progressed: Progress
    cancel_requested: bool
    succeeded: TrainingResult
    failed: _problem_pb2.Problem
    cancelled: bool
    interrupted: str
    def __init__(self, revision: _Optional[int] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., queued: _Optional[_Union[TrainingSpec, _Mapping]] = ..., started: _Optional[int] = ..., progressed: _Optional[_Union[Progress, _Mapping]] = ..., cancel_requested: _Optional[bool] = ..., succeeded: _Optional[_Union[TrainingResult, _Mapping]] = ..., failed: _Optional[_Union[_problem_pb2.Problem, _Mapping]] = ..., cancelled: _Optional[bool] = ..., interrupted: _Optional[str] = ...) -> None: ...
