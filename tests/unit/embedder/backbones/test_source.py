"""Folders, archives and handles as sources of SavedModels; hostile archives too."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from graft.errors import FailedPrecondition, InvalidArgument, ResourceExhausted
from services.embedder.backbones import source


def archive(path: Path, *members: tarfile.TarInfo, content: bytes = b"x") -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for member in members:
            member.size = len(content) if member.isfile() else 0
            tar.addfile(member, io.BytesIO(content) if member.isfile() else None)
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize("top", ["", "./", "model/"])
def test_an_archive_is_unpacked_with_or_without_a_folder_at_its_top(
    tmp_path: Path, top: str
) -> None:
    path = archive(
        tmp_path / "m.tar.gz",
        member(f"{top}saved_model.pb"),
        member(f"{top}variables", tarfile.DIRTYPE),
        member(f"{top}variables/variables.index"),
        member(f"{top}README.md"),
    )
    with source.opened(str(path)) as folder:
        names = [file.relative_to(folder).as_posix() for file in source.model_files(folder)]
    assert names == ["saved_model.pb", "variables/variables.index"]
    assert not folder.exists()


@pytest.mark.parametrize(
    "bad",
    [
        member("../outside"),
        member("a/../../outside"),
        member("/tmp/outside"),
        member("link", tarfile.SYMTYPE, "/etc/passwd"),
        member("link", tarfile.LNKTYPE, "saved_model.pb"),
        member("device", tarfile.CHRTYPE),
        member("pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda info: f"{info.name} {info.type!r}",
)
def test_an_archive_that_would_leave_its_folder_is_refused(
    tmp_path: Path, bad: tarfile.TarInfo
) -> None:
    path = archive(tmp_path / "m.tgz", member("saved_model.pb"), bad)
    inside = tmp_path / "inside" / "deep"
    inside.mkdir(parents=True)
    with pytest.raises(InvalidArgument, match="no links") as caught:
        source.unpack(path, inside)
    assert bad.name in str(caught.value)
    assert [p.name for p in tmp_path.rglob("*")] != ["outside"]
    assert not list(tmp_path.rglob("outside"))


def test_too_many_files_or_bytes_are_refused_while_unpacking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive(tmp_path / "m.tar.gz", *(member(f"f{n}") for n in range(5)), content=b"12345")
    monkeypatch.setattr(source, "MAX_BYTES", 12)
    with pytest.raises(ResourceExhausted, match="f2"):
        source.unpack(path, tmp_path)
    monkeypatch.setattr(source, "MAX_BYTES", 100)
    monkeypatch.setattr(source, "MAX_FILES", 4)
    with pytest.raises(ResourceExhausted, match="f4"):
        source.unpack(path, tmp_path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_cut_off_archive_is_refused(tmp_path: Path, share: float) -> None:
    path = archive(tmp_path / "m.tar.gz", *(member(f"f{n}") for n in range(50)))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(InvalidArgument, match="damaged"):
        source.unpack(path, tmp_path / "out")


def test_a_folder_without_a_savedmodel_is_told_what_lies_there(tmp_path: Path) -> None:
    (tmp_path / "model.h5").write_bytes(b"keras")
    with (
        pytest.raises(FailedPrecondition, match=r"found \['model.h5'\]") as caught,
        source.opened(str(tmp_path)),
    ):
        pass
    assert caught.value.metadata == {"missing": "saved_model.pb"}


@pytest.mark.parametrize("where", ["nowhere", "nowhere.tar.gz", "ftp://host/model", ""])
def test_what_is_no_source_is_refused_and_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidArgument, match="comes from a folder") as caught:
        source.opened(where or "missing").__enter__()
    assert (where or "missing") in str(caught.value)


def test_a_folder_of_far_too_many_files_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "variables").mkdir()
    for n in range(6):
        (tmp_path / "variables" / f"v{n}").write_bytes(b"x")
    monkeypatch.setattr(source, "MAX_FILES", 5)
    with pytest.raises(ResourceExhausted, match="got 6 files"):
        source.model_files(tmp_path)


def test_a_file_that_is_no_archive_is_told_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "m.tar.gz"
    path.write_bytes(bytes(range(256)) * 20)
    with pytest.raises(InvalidArgument, match="could not be opened") as caught:
        source.unpack(path, tmp_path)
    assert "\n" not in str(caught.value)
