"""The two tables of the trainer: the examples of a data set, and the cached embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graft.boxes import Box, LabelledBox
from graft.errors import Conflict, InvalidArgument
from services.common.store import Store
from services.trainer.lance_errors import lance_errors
from services.trainer.lance_table import LanceTable, TableVersion

__all__ = [
    "EXAMPLES",
    "KEY_BYTES",
    "DatasetTable",
    "EmbeddingTable",
    "TableVersion",
    "examples",
    "labelled_box",
]

KEY_BYTES = 32  # a sha256 digest
BOX_SIDES = ("left", "top", "width", "height")
COMPACT_ABOVE = 32  # pieces of an embeddings table; each append makes one
_KEEP_VERSIONS = timedelta(hours=1)  # of embeddings: longer than any read of one takes
_APPEND_ATTEMPTS = 8

BOX = pa.struct(
    [
        pa.field("label", pa.string(), nullable=False),
        *(pa.field(side, pa.float64(), nullable=False) for side in BOX_SIDES),
        pa.field("crowd", pa.bool_(), nullable=False),
    ]
)
EXAMPLES = pa.schema(
    [
        pa.field("key", pa.binary(KEY_BYTES), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("labels", pa.list_(pa.field("item", pa.string(), nullable=False)), nullable=False),
        pa.field("verdict", pa.string(), nullable=False),
        pa.field("detail", pa.string(), nullable=False),
        pa.field("image_key", pa.binary(KEY_BYTES)),
        pa.field("image", pa.large_binary(), nullable=False),
        pa.field("image_sketch", pa.binary(), nullable=False),
        pa.field("text_key", pa.binary(KEY_BYTES)),
        pa.field("text", pa.large_binary(), nullable=False),
        pa.field("text_sketch", pa.binary(), nullable=False),
        pa.field("width", pa.int32(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
        pa.field("boxes", pa.list_(pa.field("item", BOX, nullable=False)), nullable=False),
        pa.field("note", pa.string(), nullable=False),
    ]
)
"""One example a row, with an image, a text or both; a part that is missing has no key. That of a
part is the sha256 of its raw bytes, those of a file or of a text in UTF-8; `key` names both (see
services.trainer.data.rows). Sketches are those of images (services.trainer.data.sketch) and the
fingerprints of texts (services.trainer.data.fingerprint). `width` and `height` are those of an
upright picture that came without labels, and 0 of anything else; `boxes` are what it shows, in its
pixels."""

_Keys = npt.NDArray[np.bytes_]
_KEY_TYPE = np.dtype(f"S{KEY_BYTES}")
_Positions = npt.NDArray[np.int64]


PartColumns = tuple[Sequence[bytes | None], Sequence[bytes], Sequence[bytes]]
"""Keys, contents and sketches; of a missing part None and nothing."""


class DatasetTable(LanceTable):
    """The examples of one data set (schema EXAMPLES); every commit is a version to go back to."""

    def __init__(self, store: Store, key: str) -> None:
        super().__init__(store, key, EXAMPLES)

    def contents(
        self, part: str, indices: Sequence[int], version: int | None = None
    ) -> list[bytes]:
        """The raw bytes of a part, `image` or `text`, of the examples at these positions, in this
        order. Raises as `rows`."""
        return self._column(part, indices, version)

    def sketches(
        self, part: str, indices: Sequence[int], version: int | None = None
    ) -> list[bytes]:
        """The sketches of a part of the examples at these positions, in this order. Raises as
        `rows`."""
        return self._column(f"{part}_sketch", indices, version)

    def _column(self, name: str, indices: Sequence[int], version: int | None) -> list[bytes]:
        found = self.rows(indices, columns=[name], version=version)
        return [value.as_py() for value in found.column(name)]


def examples(
    *,
    keys: Sequence[bytes],
    paths: Sequence[str],
    labels: Sequence[Sequence[str]],
    verdicts: Sequence[str],
    details: Sequence[str],
    images: PartColumns,
    texts: PartColumns,
    sizes: Sequence[tuple[int, int]],
    boxes: Sequence[Sequence[LabelledBox]],
    notes: Sequence[str],
) -> pa.RecordBatch:
    """One batch for a DatasetTable; all of one length, keys of 32 bytes."""
    widths, heights = [width for width, _ in sizes], [height for _, height in sizes]
    structs = [[_struct(one) for one in some] for some in boxes]
    columns = (
        *(keys, paths, labels, verdicts, details, *images, *texts),
        *(widths, heights, structs, notes),
    )
    arrays = [
        pa.array(list(values), type=field.type)
        for values, field in zip(columns, EXAMPLES, strict=True)
    ]
    return pa.record_batch(arrays, schema=EXAMPLES)


def _struct(one: LabelledBox) -> dict[str, Any]:
    sides = {side: getattr(one.box, side) for side in BOX_SIDES}
    return {"label": one.label, **sides, "crowd": one.crowd}


def labelled_box(struct: Mapping[str, Any]) -> LabelledBox:
    """A box as the table holds it."""
    return LabelledBox(struct["label"], Box(*(struct[side] for side in BOX_SIDES)), struct["crowd"])


class EmbeddingTable:
    """Vectors [dim] float16 by key, for one endpoint of one backbone.

    Rows are only ever added and equal keys hold equal vectors, so repeats do no harm. Reads find
    rows by the sorted keys of the version last read, which are kept: 40 bytes a row.
    Safe with any number of threads and processes.
    """

    def __init__(self, store: Store, key: str, dim: int) -> None:
        fields = [
            pa.field("key", pa.binary(KEY_BYTES), nullable=False),
            pa.field("vector", pa.list_(pa.float16(), dim), nullable=False),
        ]
        self.key = key
        self.dim = dim
        self._table = LanceTable(store, key, pa.schema(fields))
        self._index: _Index | None = None

    def append(self, keys: Sequence[bytes], vectors: npt.NDArray[np.float16]) -> None:
        """Add rows: keys of 32 bytes, vectors [n, dim]; all or none. Retries lost races.

        Raises InvalidArgument for other shapes, and Conflict where races are lost again and again.
        """
        batch = self._batch(keys, vectors)
        for attempt in range(_APPEND_ATTEMPTS):
            try:
                self._table.append([batch])
                return
            except Conflict:
                if attempt == _APPEND_ATTEMPTS - 1:
                    raise

    def read(self, keys: Sequence[bytes]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float16]]:
        """Look keys up: a mask [n] of those found, and vectors [n, dim], zero where not found.

        A table that does not exist holds no key. Raises InvalidArgument for a malformed key.
        """
        wanted = _packed(keys)
        found = np.zeros(len(keys), np.bool_)
        vectors = np.zeros((len(keys), self.dim), np.float16)
        if not keys or not self._table.exists():
            return found, vectors
        opened = self._table.open()
        found, rows = self._indexed(opened).locate(wanted)
        if rows.size:
            column = self._table.take(opened, rows, ["vector"]).column("vector")
            vectors[found] = _matrix(column, self.dim)
        return found, vectors

    def count(self) -> int:
        """Rows, repeats included; 0 where there is no table."""
        return self._table.count() if self._table.exists() else 0

    def compact(self, *, above: int = COMPACT_ABOVE) -> bool:
        """Merge the pieces that appends left if there are more than `above`.

        Returns whether anything was merged: not where another process does it at the same time.
        """
        if not self._table.exists():
            return False
        return self._table.compact(above=above, keep=_KEEP_VERSIONS)

    def delete(self) -> None:
        """Remove the table; no error where there is none."""
        self._table.delete()

    def _batch(self, keys: Sequence[bytes], vectors: npt.NDArray[np.float16]) -> pa.RecordBatch:
        wanted = (len(keys), self.dim)
        if vectors.shape != wanted or vectors.dtype != np.float16:
            got = f"{vectors.dtype} {vectors.shape}"
            raise InvalidArgument(f"vectors must be float16 {wanted}, got {got}")
        packed = _packed(keys)
        arrays = [
            pa.Array.from_buffers(pa.binary(KEY_BYTES), len(keys), [None, pa.py_buffer(packed)]),
            pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), self.dim),
        ]
        return pa.record_batch(arrays, schema=self._table.schema)

    def _indexed(self, opened: Any) -> _Index:
        with lance_errors(self.key):
            fragments = opened.get_fragments()
            last = fragments[-1].data_files()[0].path if fragments else ""
            state = f"{opened.version} {last}"  # a table made anew has other files
            index = self._index
            if index is None or index.state != state:
                index = _Index(state, _keys(opened.to_table(columns=["key"]).column("key")))
                self._index = index
        return index


class _Index:
    """Where each key of one state of a table lies."""

    def __init__(self, state: str, keys: _Keys) -> None:
        self.state = state
        self._order = np.argsort(keys, kind="stable")
        self._sorted = keys[self._order]

    def locate(self, wanted: _Keys) -> tuple[npt.NDArray[np.bool_], _Positions]:
        """A mask [n] of the keys that exist, and the row of each that does."""
        if not len(self._sorted):
            return np.zeros(len(wanted), np.bool_), np.zeros(0, np.int64)
        at = np.minimum(np.searchsorted(self._sorted, wanted), len(self._sorted) - 1)
        found = self._sorted[at] == wanted
        return found, self._order[at[found]]


def _packed(keys: Sequence[bytes]) -> _Keys:
    wrong = next((key for key in keys if len(key) != KEY_BYTES), None)
    if wrong is not None:
        raise InvalidArgument(f"a key must be {KEY_BYTES} bytes, got {len(wrong)}: {wrong!r}")
    return np.frombuffer(b"".join(keys), dtype=_KEY_TYPE)


def _keys(column: pa.ChunkedArray) -> _Keys:
    parts = [
        np.frombuffer(chunk.buffers()[1], dtype=_KEY_TYPE)[chunk.offset : chunk.offset + len(chunk)]
        for chunk in column.chunks
    ]
    return np.concatenate([np.zeros(0, _KEY_TYPE), *parts])


def _matrix(column: pa.ChunkedArray, dim: int) -> npt.NDArray[np.float16]:
    parts = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks]
    matrix: npt.NDArray[np.float16] = np.concatenate(parts).reshape(-1, dim)
    return matrix
