"""Tensors: exact bytes, both directions, every odd layout, every lie refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from graft.common.v1 import tensor_pb2
from graft.errors import InvalidArgument
from graft.tensors import from_tensor, to_tensor

ARRAYS = st.sampled_from(["<f2", ">f2", "<f4", ">f4", "<i8", ">i8"]).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0))
)


@given(ARRAYS)
def test_an_array_survives_the_round_trip(array: Any) -> None:
    back = from_tensor(to_tensor(array))
    assert back.shape == array.shape
    np.testing.assert_array_equal(back, array)


def test_the_bytes_are_little_endian_and_row_major() -> None:
    tensor = to_tensor(np.array([[1.0, 2.0]], ">f4"))
    assert tensor.data == b"\x00\x00\x80?\x00\x00\x00@"
    assert list(tensor.shape) == [1, 2]
    assert tensor.dtype == tensor_pb2.DATA_TYPE_FLOAT32


def test_a_view_with_gaps_is_packed() -> None:
    array = np.arange(12, dtype=np.float32).reshape(3, 4)[:, ::2]
    np.testing.assert_array_equal(from_tensor(to_tensor(array)), array)


def test_unpacking_copies_nothing_and_cannot_be_written() -> None:
    assert not from_tensor(to_tensor(np.ones(3, np.float32))).flags.writeable


@pytest.mark.parametrize(
    "tensor",
    [
        tensor_pb2.Tensor(dtype="DATA_TYPE_FLOAT32", shape=[2], data=b"1234"),
        tensor_pb2.Tensor(dtype="DATA_TYPE_FLOAT32", shape=[-1], data=b""),
        tensor_pb2.Tensor(dtype="DATA_TYPE_FLOAT32", shape=[0] * 9, data=b""),
        tensor_pb2.Tensor(shape=[1], data=b"1234"),
        tensor_pb2.Tensor(dtype="DATA_TYPE_INT64", shape=[2**62, 4], data=b""),
    ],
)
def test_a_tensor_that_lies_is_refused(tensor: tensor_pb2.Tensor) -> None:
    with pytest.raises(InvalidArgument, match="Received"):
        from_tensor(tensor)


def test_other_element_types_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="complex64"):
        to_tensor(np.zeros(1, np.complex64))
