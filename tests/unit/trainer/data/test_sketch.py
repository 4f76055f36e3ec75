from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from graft.errors import InvalidArgument
from services.trainer.data.sketch import SIDE, SKETCH_BYTES, draw, stack
from tests.support.copies import copies, jpeg, scene, sketches


def test_a_sketch_is_the_picture_in_small() -> None:
    picture = Image.new("RGB", (200, 100), (10, 20, 30))
    picture.paste((200, 100, 0), (100, 50, 200, 100))
    (found,) = stack([draw(picture)])
    assert found.shape == (SIDE, SIDE, 3)
    assert found[2, 2].tolist() == [10, 20, 30]
    assert found[-3, -3].tolist() == [200, 100, 0]
    assert found[-3, 2].tolist() == [10, 20, 30]


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (32, 32), (5000, 20)])
def test_any_size_will_do(size: tuple[int, int]) -> None:
    assert len(draw(Image.new("RGB", size, (9, 9, 9)))) == SKETCH_BYTES


def test_a_picture_of_another_size_has_nearly_the_same_sketch() -> None:
    picture = scene(1)
    a, b = sketches([jpeg(picture), copies(picture)["enlarged"]]).astype(np.int64)
    assert np.abs(a - b).mean() < 4


def test_what_is_no_sketch_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"3072 bytes.*Received: 5 bytes"):
        stack([b"12345"])
    assert stack([]).shape == (0, SIDE, SIDE, 3)
