"""What `graft up` decides before it starts anything, and how logs are kept."""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from graft.errors import FailedPrecondition, InvalidArgument
from graft.local import logs, plan
from graft.local.child import describe_end

ROOT = Path(__file__).resolve().parents[4]
EXTRAS = ("service", "embedder", "predictor", "trainer")  # what the extra `suite` is made of


def test_everything_lies_under_home_unless_told_otherwise(tmp_path: Path) -> None:
    made = plan.make_plan({"HOME": str(tmp_path)})
    assert made.home == made.data == tmp_path / ".graft"
    assert made.store == f"file://{tmp_path}/.graft/store"
    assert [(one.name, one.address, one.fixed) for one in made.services] == [
        ("embedder", "127.0.0.1:50051", False),
        ("trainer", "127.0.0.1:50052", False),
        ("predictor", "127.0.0.1:50053", False),
    ]


def test_data_store_addresses_and_grace_can_be_set(tmp_path: Path) -> None:
    environ = {
        "HOME": str(tmp_path),
        "GRAFT_STORE": "s3://bucket/x",
        "GRAFT_TRAINER": "127.0.0.1:7000",
        "GRAFT_GRACE_S": "1",
        "OTHER": "kept",
    }
    made = plan.make_plan(environ, tmp_path / "elsewhere")
    assert (made.home, made.data) == (tmp_path / ".graft", tmp_path / "elsewhere")
    assert made.store == "s3://bucket/x"
    assert made.grace_s == 1 + plan.GRACE_MARGIN_S
    trainer = made.services[1]
    assert (trainer.address, trainer.fixed) == ("127.0.0.1:7000", True)
    child = plan.child_environ(made, "a:1", "m:2", "e:3", environ)
    assert child["GRAFT_LISTEN"] == "a:1"
    assert child["GRAFT_METRICS_LISTEN"] == "m:2"
    assert child["GRAFT_EMBEDDER"] == "e:3"
    assert child["GRAFT_CACHE"] == str(tmp_path / "elsewhere" / "cache")
    assert child["OTHER"] == "kept"


@pytest.mark.parametrize("text", ["nonsense", ":7000", "host:", "h:0", "h:70000", "dns:///h"])
def test_an_address_that_is_none_is_refused_by_its_key(text: str) -> None:
    with pytest.raises(InvalidArgument, match="GRAFT_TRAINER must be host:port") as caught:
        plan.make_plan({"HOME": "/x", "GRAFT_TRAINER": text})
    assert repr(text) in str(caught.value)


def test_a_grace_that_is_no_number_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="GRAFT_GRACE_S"):
        plan.make_plan({"HOME": "/x", "GRAFT_GRACE_S": "soon"})


def test_what_is_looked_for_is_what_the_named_extra_brings() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = wanted["optional-dependencies"]
    brought = [*wanted["dependencies"], *(one for name in EXTRAS for one in extras[name])]
    owners = metadata.packages_distributions()
    for module in plan._NEEDED.keys() - {"services"}:
        assert {owner.lower() for owner in owners[module]} & set(brought), module


def test_a_missing_extra_names_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan.check_installed()
    monkeypatch.setitem(plan._NEEDED, "no_such_module", "TensorFlow")
    with pytest.raises(FailedPrecondition, match=r"pip install 'graft-suite\[suite\]'") as caught:
        plan.check_installed()
    assert "without TensorFlow" in str(caught.value)


def test_a_log_is_moved_away_before_it_fills_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MAX_LOG_BYTES", 10)
    path = tmp_path / "embedder.log"
    logs.rotate(path)
    with path.open("ab", buffering=0) as writer:
        writer.write(b"0123456789")
        logs.rotate(path)
        assert path.stat().st_size == 10
        writer.write(b"!")
        logs.rotate(path)
        writer.write(b"next")
    assert path.read_bytes() == b"next"
    assert (tmp_path / "embedder.log.1").read_bytes() == b"0123456789!"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ""),
        ("first\nlast\n\n", "last"),
        ('{"message": "on fire", "level": "CRITICAL"}\n', "on fire"),
        ("[1]\n", "[1]"),
        ("x" * 100_000, "x" * 400),
    ],
)
def test_the_last_words_of_a_log(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "x.log"
    assert logs.last_words(path) == ""
    path.write_text(text)
    assert logs.last_words(path) == words


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (3, "ended with exit code 3"),
        (0, "ended with exit code 0"),
        (-15, "killed by SIGTERM"),
        (-9, "killed by SIGKILL (out of memory?)"),
        (-99, "killed by signal 99"),
    ],
)
def test_an_end_in_words(code: int, words: str) -> None:
    assert describe_end(code) == words
