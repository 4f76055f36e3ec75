"""Importing: what is found, what must be told, and that a half import is never seen."""

from __future__ import annotations

import http.server
import json
import tarfile
import threading
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from graft.errors import FailedPrecondition, InvalidArgument, NotFound, Unavailable
from graft.names import BackboneName
from services.common.backbones import catalogue, record
from services.common.store import open_store
from services.common.store.base import ObjectInfo, Store
from services.embedder.backbones import bundled
from services.embedder.backbones.__main__ import main
from services.embedder.backbones.importer import Wishes, import_backbone
from tests.support.savedmodel import save, save_with_metadata

TINY = BackboneName("tiny")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("importer") / "tiny")


@pytest.fixture(scope="module")
def open_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("importer") / "open", side=None)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"file://{tmp_path / 'store'}", {}) as opened:
        yield opened


def packed(folder: Path, path: Path) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        tar.add(folder, arcname=".")
    return path


def test_a_folder_becomes_an_entry_of_the_catalogue(store: Store, folder: Path) -> None:
    backbone = import_backbone(store, str(folder), name="tiny")
    assert backbone.name == "backbones/tiny"
    assert list(backbone.input_size) == [32, 32]
    assert backbone.preprocessing == "rgb|resize(32,32,'bilinear','antialias')|scale(0.0,1.0)"
    assert {e.name: (list(e.shape), e.dim) for e in backbone.endpoints} == {
        "default": ([6], 6),
        "map": ([8, 8, 8], 8),
    }
    assert backbone.origin == "tiny"
    assert catalogue.find(store, TINY) == backbone
    assert catalogue.find(store, BackboneName("tiny", backbone.digest)) == backbone
    prefix = f"backbones/tiny/{backbone.digest}/"
    keys = {info.key.removeprefix(prefix) for info in store.list("backbones/")}
    assert keys == {"backbone.json"} | {f"saved_model/{file.path}" for file in backbone.files}


def test_an_archive_is_the_same_backbone_as_its_folder(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    one = import_backbone(store, str(folder), name="tiny")
    two = import_backbone(store, str(packed(folder, tmp_path / "m.tar.gz")), name="tiny")
    assert one.digest == two.digest


class _Hub(http.server.BaseHTTPRequestHandler):
    """Serves one archive as TF-Hub does: when asked for the compressed format."""

    archive: bytes

    def do_GET(self) -> None:
        url = urllib.parse.urlsplit(self.path)
        found = url.path == "/tiny/1" and "tf-hub-format=compressed" in url.query
        self.send_response(200 if found else 404)
        self.end_headers()
        if found:
            self.wfile.write(self.archive)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on standard error."""


@pytest.fixture
def hub(folder: Path, tmp_path: Path) -> Iterator[str]:
    handler = type(
        "Hub", (_Hub,), {"archive": packed(folder, tmp_path / "hub.tar.gz").read_bytes()}
    )
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.tfhub
@pytest.mark.filterwarnings("ignore")  # tensorflow_hub's own imports
def test_a_handle_is_downloaded_and_is_the_same_backbone(
    store: Store, folder: Path, hub: str
) -> None:
    backbone = import_backbone(store, f"{hub}/tiny/1", name="tiny")
    assert backbone.origin == f"{hub}/tiny/1"
    assert backbone.digest == import_backbone(store, str(folder), name="local").digest


@pytest.mark.tfhub
@pytest.mark.filterwarnings("ignore")
def test_a_handle_that_nobody_serves_is_unavailable_and_leaves_nothing(
    store: Store, hub: str
) -> None:
    for handle in (f"{hub}/other/1", "http://127.0.0.1:9/tiny/1"):
        with pytest.raises(Unavailable, match="could not be fetched") as caught:
            import_backbone(store, handle, name="tiny")
        assert handle in str(caught.value)
    assert catalogue.names(store) == []


def test_metadata_tell_size_range_licence_and_origin(store: Store, tmp_path: Path) -> None:
    where = save_with_metadata(
        tmp_path / "m",
        input_size=[16, 24, 3],
        input_range=[-1, 1],
        source={"repo": "someone/models", "commit": "abc", "licence": "Apache-2.0"},
        trained="on pictures",
    )
    backbone = import_backbone(store, str(where), name="tiny")
    assert list(backbone.input_size) == [16, 24]
    assert backbone.preprocessing.endswith("resize(16,24,'bilinear','antialias')|scale(-1.0,1.0)")
    assert backbone.licence == "Apache-2.0"
    assert backbone.origin == "someone/models abc"
    assert backbone.description == "on pictures"


def test_an_open_size_must_be_told(store: Store, open_folder: Path) -> None:
    with pytest.raises(InvalidArgument, match="pass --size PIXELS"):
        import_backbone(store, str(open_folder), name="tiny")
    wishes = Wishes(size=(20, 20), value_range=(0.0, 255.0))
    backbone = import_backbone(store, str(open_folder), name="tiny", wishes=wishes)
    assert list(backbone.input_size) == [20, 20]
    assert backbone.preprocessing.endswith("scale(0.0,255.0)")


@pytest.mark.parametrize(
    ("wishes", "text"),
    [
        (Wishes(size=(0, 20)), "got 0 x 20"),
        (Wishes(size=(20, 99_999)), "got 20 x 99999"),
        (Wishes(size=(20, 20), value_range=(1.0, 1.0)), "low below high"),
    ],
)
def test_wishes_that_make_no_sense_are_refused(
    store: Store, open_folder: Path, wishes: Wishes, text: str
) -> None:
    with pytest.raises(InvalidArgument, match=text):
        import_backbone(store, str(open_folder), name="tiny", wishes=wishes)
    assert catalogue.names(store) == []


def test_another_preprocessing_is_another_backbone(store: Store, open_folder: Path) -> None:
    digests = {
        import_backbone(
            store, str(open_folder), name="tiny", wishes=Wishes((side, side), (low, 1.0))
        ).digest
        for side in (20, 24)
        for low in (0.0, -1.0)
    }
    assert len(digests) == 4


def test_the_newest_import_is_what_a_bare_name_means(
    store: Store, folder: Path, open_folder: Path
) -> None:
    first = import_backbone(store, str(folder), name="tiny")
    second = import_backbone(store, str(open_folder), name="tiny", wishes=Wishes((20, 20)))
    assert catalogue.find(store, TINY).digest == second.digest
    import_backbone(store, str(folder), name="tiny")
    assert catalogue.find(store, TINY).digest == first.digest


def test_bad_metadata_are_refused(store: Store, folder: Path, tmp_path: Path) -> None:
    where = save(tmp_path / "m")
    (where / "metadata.json").write_text("{")
    with pytest.raises(FailedPrecondition, match=r"metadata.json beside the SavedModel is no JSON"):
        import_backbone(store, str(where), name="tiny")


@pytest.mark.parametrize("name", ["", "A", "a/b", "..", "a b"])
def test_a_name_that_is_none_is_refused_before_anything_is_loaded(store: Store, name: str) -> None:
    with pytest.raises(InvalidArgument):
        import_backbone(store, "no such folder", name=name)


class _Dying:
    """A store whose process dies at the n-th write: the write before is whole, the rest is not."""

    def __init__(self, store: Store, writes: int) -> None:
        self._store = store
        self._left = writes

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise KeyboardInterrupt

    def put_file(self, key: str, path: Path) -> ObjectInfo:
        self._count()
        return self._store.put_file(key, path)

    def put(self, key: str, data: bytes) -> ObjectInfo:
        self._count()
        return self._store.put(key, data)


@pytest.mark.parametrize("writes", range(5))
def test_an_import_broken_off_anywhere_is_not_seen_and_the_next_one_completes_it(
    store: Store, folder: Path, writes: int
) -> None:
    with pytest.raises(KeyboardInterrupt):
        import_backbone(_Dying(store, writes), str(folder), name="tiny")  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        catalogue.find(store, TINY)
    backbone = import_backbone(store, str(folder), name="tiny")
    assert catalogue.find(store, TINY) == backbone
    assert len(list(store.list("backbones/"))) == 1 + len(backbone.files)


def test_the_bundled_backbone_is_the_one_that_is_pinned(store: Store) -> None:
    bundled.ensure(store)
    backbone = catalogue.find(store, BackboneName(bundled.NAME))
    assert backbone.digest == bundled.DIGEST
    assert sum(file.size_bytes for file in backbone.files) <= 8_000_000
    before = backbone.import_time
    bundled.ensure(store)
    assert catalogue.find(store, BackboneName(bundled.NAME)).import_time == before


def test_the_command_prints_the_record_or_the_reason(
    tmp_path: Path,
    folder: Path,
    open_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    monkeypatch.setenv("GRAFT_STORE", f"file://{tmp_path / 'other'}")
    assert main([str(folder), "--name", "tiny"]) == 0
    printed = json.loads(capfdbinary.readouterr().out)
    with open_store(f"file://{tmp_path / 'other'}", {}) as store:
        assert record.to_json(catalogue.find(store, TINY)) == json.dumps(printed, indent=1).encode()
    assert main([str(open_folder), "--name=tiny", "--size=32x40", "--range", "0", "255"]) == 0
    assert json.loads(capfdbinary.readouterr().out)["input_size"] == ["32", "40"]
    assert main([str(folder), "--name=tiny", "--size=40"]) == 1
    assert b"leave the size out; got 40 x 40" in capfdbinary.readouterr().err
    assert main(["--name", "tiny", "--", str(folder / "nowhere")]) == 1
    assert b"INVALID_ARGUMENT: a backbone comes from" in capfdbinary.readouterr().err
