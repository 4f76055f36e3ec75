"""PATH as people type it: which reader takes it."""

from __future__ import annotations

import os
from pathlib import Path

from graft.content import display_path
from graft.errors import InvalidArgument, NotFound
from graft.examples import ExampleSet
from graft.folder import read_folder
from graft.manifest import read_csv, read_jsonl


def read_examples(path: str | os.PathLike[str]) -> ExampleSet:
    """Read a folder of class folders, a CSV or a JSONL manifest.

    Raises NotFound when there is nothing at `path`, InvalidArgument when it is of another kind, or
    when a manifest is malformed: then the row and the column are named and nothing is read.
    """
    place = Path(path)
    if place.is_dir():
        return read_folder(place)
    if not place.exists():
        raise NotFound(f"there is no {display_path(place)}. Received: {display_path(place)!r}")
    suffix = place.suffix.lower()
    if suffix in (".csv", ".tsv"):
        return read_csv(place)
    if suffix in (".jsonl", ".ndjson"):
        return read_jsonl(place)
    raise _unknown_kind(place, suffix)


def _unknown_kind(place: Path, suffix: str) -> InvalidArgument:
    wanted = "a folder of class folders, a .csv or a .jsonl manifest was wanted"
    if suffix == ".json":
        wanted += " (COCO files are for detection, which this version does not train)"
    return InvalidArgument(f"{wanted}. Received: {display_path(place)!r}")
