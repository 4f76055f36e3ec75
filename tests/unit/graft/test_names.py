"""Names: what is taken, what is refused, and that both directions agree."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft import names
from graft.errors import InvalidArgument

IDS = st.from_regex(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?", fullmatch=True)
PARSERS: list[Callable[[str], object]] = [
    names.DatasetName.parse,
    names.JobName.parse,
    names.ModelName.parse,
    names.VersionName.parse,
    names.AliasName.parse,
    names.BackboneName.parse,
    names.parse_servable,
    names.parse_project,
]


@given(IDS, IDS, st.integers(1, 10**9))
def test_a_version_name_survives_the_round_trip(project: str, model: str, version: int) -> None:
    name = names.ModelName(project, model).version(version)
    assert names.VersionName.parse(str(name)) == name
    assert names.parse_servable(str(name)) == name


@given(IDS, IDS, IDS)
def test_other_names_survive_the_round_trip(project: str, item: str, alias: str) -> None:
    model = names.ModelName(project, item)
    assert names.DatasetName.parse(str(names.DatasetName(project, item))).dataset == item
    assert names.JobName.parse(str(names.JobName(project, item))).job == item
    assert names.ModelName.parse(str(model)) == model
    assert names.AliasName.parse(str(names.AliasName(model, alias))).alias == alias
    assert names.parse_project(names.project_name(project)) == project


@given(st.text())
def test_no_text_breaks_a_parser(text: str) -> None:
    for parse in PARSERS:
        try:
            parse(text)
        except InvalidArgument as error:
            assert error.reason == "NAME_INVALID"  # noqa: PT017 - any other exception fails


@pytest.mark.parametrize(
    "text",
    [
        "projects/default/models/a/b",
        "projects/default/models/../secrets",
        "projects/default/models/Pets",
        "projects/default/models/-a",
        "projects/default/models/" + "a" * 64,
        "projects/default/models/pets/versions/0",
        "projects/default/models/pets/versions/01",
        "projects/default/models/pets/versions/x",
        "projects/default/models/",
        "",
    ],
)
def test_a_bad_model_name_is_refused_and_quoted(text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        names.parse_servable(text)
    assert caught.value.reason == "NAME_INVALID"
    assert "Received: " in str(caught.value)


@pytest.mark.parametrize(
    ("typed", "full"),
    [
        ("pets", "projects/p/models/pets"),
        ("pets@blue", "projects/p/models/pets/aliases/blue"),
        ("pets/3", "projects/p/models/pets/versions/3"),
        ("projects/q/models/pets", "projects/q/models/pets/aliases/live"),
    ],
)
def test_what_people_type_becomes_a_full_name(typed: str, full: str) -> None:
    assert names.expand_servable(typed, project="p") == full


@pytest.mark.parametrize("typed", ["a/b", "pets@", "pets/3/4", "pets/0", "Pets", "", "@x"])
def test_what_people_mistype_is_refused(typed: str) -> None:
    with pytest.raises(InvalidArgument):
        names.expand_servable(typed, project="p")


def test_a_bare_model_means_its_live_alias() -> None:
    assert names.parse_servable("projects/p/models/m") == names.AliasName(
        names.ModelName("p", "m"), "live"
    )


def test_a_backbone_may_be_pinned_by_its_digest() -> None:
    digest = "0f" * 32
    assert names.BackboneName.parse(f"backbones/m@{digest}") == names.BackboneName("m", digest)
    with pytest.raises(InvalidArgument, match="64 hex digits"):
        names.BackboneName.parse("backbones/m@abc")


def test_the_error_of_an_id_reads_as_english() -> None:
    with pytest.raises(InvalidArgument, match=r"^an alias is 1 to"):
        names.expand_servable("pets@", project="default")
    with pytest.raises(InvalidArgument, match=r"^a version is 1 to"):
        names.expand_servable("pets/", project="default")
