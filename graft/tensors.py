"""Arrays as packed tensors: little-endian, row-major, one bytes field a batch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from graft.common.v1 import tensor_pb2
from graft.errors import InvalidArgument

_DTYPES: dict[int, np.dtype[Any]] = {
    tensor_pb2.DATA_TYPE_FLOAT16: np.dtype("<f2"),
    tensor_pb2.DATA_TYPE_FLOAT32: np.dtype("<f4"),
    tensor_pb2.DATA_TYPE_INT64: np.dtype("<i8"),
}
_CODES = {dtype: code for code, dtype in _DTYPES.items()}
_MAX_AXES = 8


def to_tensor(array: npt.NDArray[Any]) -> tensor_pb2.Tensor:
    """Pack an array of float16, float32 or int64 of any byte order and layout."""
    dtype = array.dtype.newbyteorder("<")
    if dtype not in _CODES:
        raise InvalidArgument(
            f"a tensor holds float16, float32 or int64. Received: {array.dtype.name}"
        )
    packed = np.ascontiguousarray(array, dtype=dtype)
    code = tensor_pb2.DataType.Name(_CODES[dtype])
    return tensor_pb2.Tensor(dtype=code, shape=array.shape, data=packed.tobytes())


def from_tensor(tensor: tensor_pb2.Tensor) -> npt.NDArray[Any]:
    """Unpack a tensor to a read-only array over the message's own bytes; check type and length."""
    dtype = _DTYPES.get(tensor.dtype)
    if dtype is None:
        raise InvalidArgument(f"dtype must be one of {sorted(_DTYPES)}. Received: {tensor.dtype}")
    shape = tuple(tensor.shape)
    if len(shape) > _MAX_AXES or any(length < 0 for length in shape):
        raise InvalidArgument(f"shape must have 0 to {_MAX_AXES} axes >= 0. Received: {shape}")
    wanted = math.prod(shape) * dtype.itemsize
    if len(tensor.data) != wanted:
        raise InvalidArgument(
            f"shape {shape} of {dtype.name} takes {wanted} bytes. Received: {len(tensor.data)}"
        )
    return np.frombuffer(tensor.data, dtype=dtype).reshape(shape)
