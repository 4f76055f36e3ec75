"""`graft models`: list, show, promote, delete."""

from __future__ import annotations

from pathlib import Path

from tests.support.command import Run


def test_models(trained: Run, images: Path) -> None:
    trained("train", images, "--model", "hues")
    assert trained("models", "list", "--json").document[0]["aliases"] == {"live": 2}
    shown = trained("models", "show", "hues/1", "--json").document
    assert (shown["version"]["version"], shown["model"]["versions"]) == (1, [1, 2])
    assert shown["version"]["endpoints"] == ["cut", "default"]
    told = trained("models", "show", "hues/1").out
    assert "class_mean head on backbones/fake (cut + default)" in told
    assert trained("models", "promote", "hues/1", "--json").document["aliases"] == {"live": 1}
    assert "hues@best is version 2" in trained("models", "promote", "hues/2", "--alias", "best").out
    assert "best -> 2" in trained("models", "show", "hues@best").out
    assert "NAME/VERSION was wanted" in trained("models", "promote", "hues").err
    assert trained("models", "promote", "hues/9").code == 1
    assert trained("models", "delete", "hues", "--json").document == {"deleted": "hues"}
    assert trained("models", "list", "--json").document == []
