from graft.common.v1 import content_pb2 as _content_pb2
from graft.common.v1 import problem_pb2 as _problem_pb2
from graft.common.v1 import tensor_pb2 as _tensor_pb2
from graft.common.v1 import timing_pb2 as _timing_pb2
from graft.embedder.v1 import backbone_pb2 as _backbone_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EmbedRequest(_message.Message):
    __slots__ = ("backbone", "endpoints", "dtype", "items", "view", "maps", "input_size")
    BACKBONE_FIELD_NUMBER: _ClassVar[int]
    ENDPOINTS_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    MAPS_FIELD_NUMBER: _ClassVar[int]
    INPUT_SIZE_FIELD_NUMBER: _ClassVar[int]
    backbone: str
    endpoints: _containers.RepeatedScalarFieldContainer[str]
    dtype: _tensor_pb2.DataType
    items: _containers.RepeatedCompositeFieldContainer[_content_pb2.Content]
    view: str
    maps: bool
    input_size: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, backbone: _Optional[str] = ..., endpoints: _Optional[_Iterable[str]] = ..., dtype: _Optional[_Union[_tensor_pb2.DataType, str]] = ..., items: _Optional[_Iterable[_Union[_content_pb2.Content, _Mapping]]] = ..., view: _Optional[str] = ..., maps: _Optional[bool] = ..., input_size: _Optional[_Iterable[int]] = ...) -> None: ...

class EndpointVectors(_message.Message):
    __slots__ = ("endpoint", "vectors")
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    VECTORS_FIELD_NUMBER: _ClassVar[int]
    endpoint: str
    vectors: _tensor_pb2.Tensor
    def __init__(self, endpoint: _Optional[str] = ..., vectors: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ...) -> None: ...

class EmbedResponse(_message.Message):
    __slots__ = ("outputs", "backbone_digest", "timings")
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    BACKBONE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    TIMINGS_FIELD_NUMBER: _ClassVar[int]
    outputs: _containers.RepeatedCompositeFieldContainer[EndpointVectors]
    backbone_digest: str
    timings: _containers.RepeatedCompositeFieldContainer[_timing_pb2.StageTiming]
    def __init__(self, outputs: _Optional[_Iterable[_Union[EndpointVectors, _Mapping]]] = ..., backbone_digest: _Optional[str] = ..., timings: _Optional[_Iterable[_Union[_timing_pb2.StageTiming, _Mapping]]] = ...) -> None: ...

class EmbedStreamRequest(_message.Message):
    __slots__ = ("backbone", "endpoints", "dtype", "id", "item", "view", "maps", "input_size")
    BACKBONE_FIELD_NUMBER: _ClassVar[int]
    ENDPOINTS_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    MAPS_FIELD_NUMBER: _ClassVar[int]
    INPUT_SIZE_FIELD_NUMBER: _ClassVar[int]
    backbone: str
    endpoints: _containers.RepeatedScalarFieldContainer[str]
    dtype: _tensor_pb2.DataType
    id: int
    item: _content_pb2.Content
    view: str
    maps: bool
    input_size: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, backbone: _Optional[str] = ..., endpoints: _Optional[_Iterable[str]] = ..., dtype: _Optional[_Union[_tensor_pb2.DataType, str]] = ..., id: _Optional[int] = ..., item: _Optional[_Union[_content_pb2.Content, _Mapping]] = ..., view: _Optional[str] = ..., maps: _Optional[bool] = ..., input_size: _Optional[_Iterable[int]] = ...) -> None: ...

class EmbedStreamResponse(_message.Message):
    __slots__ = ("id", "problem", "outputs", "backbone_digest")
    ID_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    BACKBONE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    id: int
    problem: _problem_pb2.Problem
    outputs: _containers.RepeatedCompositeFieldContainer[EndpointVectors]
    backbone_digest: str
    def __init__(self, id: _Optional[int] = ..., problem: _Optional[_Union[_problem_pb2.Problem, _Mapping]] = ..., outputs: _Optional[_Iterable[_Union[EndpointVectors, _Mapping]]] = ..., backbone_digest: _Optional[str] = ...) -> None: ...

class GetBackboneRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetBackboneResponse(_message.Message):
    __slots__ = ("backbone", "engine")
    BACKBONE_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    backbone: _backbone_pb2.Backbone
    engine: str
    def __init__(self, backbone: _Optional[_Union[_backbone_pb2.Backbone, _Mapping]] = ..., engine: _Optional[str] = ...) -> None: ...

class ListBackbonesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListBackbonesResponse(_message.Message):
    __slots__ = ("backbones", "next_page_token")
    BACKBONES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    backbones: _containers.RepeatedCompositeFieldContainer[_backbone_pb2.Backbone]
    next_page_token: str
    def __init__(self, backbones: _Optional[_Iterable[_Union[_backbone_pb2.Backbone, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class LoadBackboneRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class LoadBackboneResponse(_message.Message):
    __slots__ = ("backbone", "engine")
    BACKBONE_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    backbone: _backbone_pb2.Backbone
    engine: str
    def __init__(self, backbone: _Optional[_Union[_backbone_pb2.Backbone, _Mapping]] = ..., engine: _Optional[str] = ...) -> None: ...
