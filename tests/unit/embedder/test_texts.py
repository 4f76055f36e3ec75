"""What stands between a text and its backbone: the line of the record, and the bounds."""

from __future__ import annotations

import pytest

from graft.content import MAX_TEXT_BYTES
from graft.errors import InvalidArgument, ResourceExhausted
from services.embedder import views
from services.embedder.texts import TextIntake, parse
from services.embedder.views import AS_IT_IS


@pytest.mark.parametrize("line", ["text", "text|pieces(256)"])
def test_the_line_is_read_and_written(line: str) -> None:
    assert str(parse(line)) == line


@pytest.mark.parametrize("line", ["", "texts", "text|pieces(0)", "text|pieces()", "rgb|x|y"])
def test_another_line_is_refused(line: str) -> None:
    with pytest.raises(InvalidArgument, match=r"text or text\|pieces") as caught:
        parse(line)
    assert repr(line) in str(caught.value)


def test_a_text_passes_as_it_is_up_to_the_bound() -> None:
    intake = TextIntake()
    for text in (b"", "naïve".encode(), b"x" * MAX_TEXT_BYTES):
        assert intake(text, AS_IT_IS) == text
    with pytest.raises(ResourceExhausted, match="send its beginning") as caught:
        intake(b"x" * (MAX_TEXT_BYTES + 1), AS_IT_IS)
    assert caught.value.reason == "TEXT_TOO_LARGE"
    assert caught.value.metadata == {"limit": str(MAX_TEXT_BYTES), "unit": "bytes"}


def test_a_text_has_no_views() -> None:
    with pytest.raises(InvalidArgument, match="no views"):
        TextIntake()(b"a", views.find("flip"))
