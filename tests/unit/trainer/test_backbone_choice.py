from __future__ import annotations

import pytest

from graft.errors import InvalidArgument
from graft.names import BackboneName
from services.trainer.backbone_choice import DEFAULT, choose


@pytest.mark.parametrize("asked", ["", "auto"])
def test_who_asks_for_none_gets_the_bundled_one(asked: str) -> None:
    assert choose(asked) == DEFAULT == BackboneName("prototype_96")


def test_a_named_backbone_is_taken_as_it_is() -> None:
    pinned = f"backbones/mine@{'a' * 64}"
    assert str(choose(pinned)) == pinned


@pytest.mark.parametrize("asked", ["AUTO", "mine", "backbones/", "backbones/a@b", "models/m"])
def test_anything_else_is_refused_by_name(asked: str) -> None:
    with pytest.raises(InvalidArgument, match="graft backbones list") as caught:
        choose(asked)
    assert caught.value.field == "spec.backbone"
