from graft.common.v1 import box_pb2 as _box_pb2
from graft.common.v1 import content_pb2 as _content_pb2
from graft.common.v1 import problem_pb2 as _problem_pb2
from graft.trainer.v1 import dataset_pb2 as _dataset_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ImportMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    IMPORT_MODE_UNSPECIFIED: _ClassVar[ImportMode]
    IMPORT_MODE_REPLACE: _ClassVar[ImportMode]
    IMPORT_MODE_APPEND: _ClassVar[ImportMode]
IMPORT_MODE_UNSPECIFIED: ImportMode
IMPORT_MODE_REPLACE: ImportMode
IMPORT_MODE_APPEND: ImportMode

class LabelledBox(_message.Message):
    __slots__ = ("label", "box", "crowd", "origin")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    BOX_FIELD_NUMBER: _ClassVar[int]
    CROWD_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    label: str
    box: _box_pb2.Box
    crowd: bool
    origin: str
    def __init__(self, label: _Optional[str] = ..., box: _Optional[_Union[_box_pb2.Box, _Mapping]] = ..., crowd: _Optional[bool] = ..., origin: _Optional[str] = ...) -> None: ...

class Example(_message.Message):
    __slots__ = ("path", "labels", "boxes", "drawn_width", "drawn_height", "relative", "content", "problem")
    PATH_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    BOXES_FIELD_NUMBER: _ClassVar[int]
    DRAWN_WIDTH_FIELD_NUMBER: _ClassVar[int]
    DRAWN_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    RELATIVE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    path: str
    labels: _containers.RepeatedScalarFieldContainer[str]
    boxes: _containers.RepeatedCompositeFieldContainer[LabelledBox]
    drawn_width: int
    drawn_height: int
    relative: bool
    content: _content_pb2.Content
    problem: _problem_pb2.Problem
    def __init__(self, path: _Optional[str] = ..., labels: _Optional[_Iterable[str]] = ..., boxes: _Optional[_Iterable[_Union[LabelledBox, _Mapping]]] = ..., drawn_width: _Optional[int] = ..., drawn_height: _Optional[int] = ..., relative: _Optional[bool] = ..., content: _Optional[_Union[_content_pb2.Content, _Mapping]] = ..., problem: _Optional[_Union[_problem_pb2.Problem, _Mapping]] = ...) -> None: ...

class ImportExamplesRequest(_message.Message):
    __slots__ = ("dataset", "mode", "examples", "last")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    mode: ImportMode
    examples: _containers.RepeatedCompositeFieldContainer[Example]
    last: bool
    def __init__(self, dataset: _Optional[str] = ..., mode: _Optional[_Union[ImportMode, str]] = ..., examples: _Optional[_Iterable[_Union[Example, _Mapping]]] = ..., last: _Optional[bool] = ...) -> None: ...

class ImportExamplesResponse(_message.Message):
    __slots__ = ("dataset",)
    DATASET_FIELD_NUMBER: _ClassVar[int]
    dataset: _dataset_pb2.Dataset
    def __init__(self, dataset: _Optional[_Union[_dataset_pb2.Dataset, _Mapping]] = ...) -> None: ...

class FindNearDuplicatesRequest(_message.Message):
    __slots__ = ("dataset", "version", "examples")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    version: int
    examples: _containers.RepeatedCompositeFieldContainer[Example]
    def __init__(self, dataset: _Optional[str] = ..., version: _Optional[int] = ..., examples: _Optional[_Iterable[_Union[Example, _Mapping]]] = ...) -> None: ...

class NearDuplicate(_message.Message):
    __slots__ = ("position", "path", "identical")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    IDENTICAL_FIELD_NUMBER: _ClassVar[int]
    position: int
    path: str
    identical: bool
    def __init__(self, position: _Optional[int] = ..., path: _Optional[str] = ..., identical: _Optional[bool] = ...) -> None: ...

class FindNearDuplicatesResponse(_message.Message):
    __slots__ = ("near_duplicates",)
    NEAR_DUPLICATES_FIELD_NUMBER: _ClassVar[int]
    near_duplicates: _containers.RepeatedCompositeFieldContainer[NearDuplicate]
    def __init__(self, near_duplicates: _Optional[_Iterable[_Union[NearDuplicate, _Mapping]]] = ...) -> None: ...

class GetDatasetRequest(_message.Message):
    __slots__ = ("name", "version")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class GetDatasetResponse(_message.Message):
    __slots__ = ("dataset", "versions")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    dataset: _dataset_pb2.Dataset
    versions: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, dataset: _Optional[_Union[_dataset_pb2.Dataset, _Mapping]] = ..., versions: _Optional[_Iterable[int]] = ...) -> None: ...

class ListDatasetsRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListDatasetsResponse(_message.Message):
    __slots__ = ("datasets", "next_page_token")
    DATASETS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    datasets: _containers.RepeatedCompositeFieldContainer[_dataset_pb2.Dataset]
    next_page_token: str
    def __init__(self, datasets: _Optional[_Iterable[_Union[_dataset_pb2.Dataset, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeleteDatasetRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DeleteDatasetResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
