"""Views: the same at every size and in every run, and made of the pictures they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from services.embedder.distill.augmentation import COLLAGE, MIXED, PLAIN, Views, draw
from services.embedder.distill.pictures import Pictures
from tests.support.images import picture, pixels
from tests.support.pupils import plain

GREYS = [0, 80, 160, 240]
ROWS = np.arange(4)


def uncoloured(views: Views, kind: int) -> Views:
    """The same views with their colours as they are, all of one kind."""
    identity = np.concatenate([np.eye(3), np.zeros((3, 1))], axis=1, dtype=np.float32)
    count = len(views.kind)
    return replace(
        views, kind=np.full(count, kind), colour=np.broadcast_to(identity, (count, 3, 4)).copy()
    )


def test_a_view_is_the_same_in_every_run_and_another_under_another_number() -> None:
    given = plain(GREYS)
    one, again, other = (
        draw(4, number, seed=3).render(given, ROWS, (16, 16)) for number in (0, 0, 1)
    )
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert one.dtype == np.float32
    assert one.min() >= 0.0
    assert one.max() <= 1.0


def test_a_view_shows_the_same_at_every_size() -> None:
    smooth = np.stack([pixels(picture(48, 48, seed=seed)) for seed in range(12)])
    given = Pictures(smooth, np.full(12, -1), ())
    views = draw(12, 0, seed=0)
    small, large = (views.render(given, np.arange(12), (side, side)) for side in (24, 72))
    for one, other in zip(small, large, strict=True):
        shrunk = Image.fromarray((other * 255).astype(np.uint8)).resize((24, 24))
        assert np.abs(np.asarray(shrunk) / 255 - one).mean() < 0.05


def test_a_plain_view_shows_its_own_picture_alone() -> None:
    found = uncoloured(draw(4, 0, seed=0), PLAIN).render(plain(GREYS), ROWS, (8, 8))
    assert np.allclose(found * 255, np.array(GREYS)[:, None, None, None], atol=1e-3)


def test_a_mixture_has_its_two_in_the_shares_that_it_tells() -> None:
    views = uncoloured(draw(4, 0, seed=0), MIXED)
    shares = views.shares(ROWS)
    wanted = (np.array(GREYS)[views.who[ROWS]] * shares).sum(axis=1)
    found = views.render(plain(GREYS), ROWS, (8, 8))
    assert np.allclose(found.mean(axis=(1, 2, 3)) * 255, wanted, atol=1e-2)


def test_a_collage_has_its_four_in_the_shares_that_it_tells() -> None:
    views = uncoloured(draw(4, 0, seed=0), COLLAGE)
    wanted = (np.array(GREYS)[views.who[ROWS]] * views.shares(ROWS)).sum(axis=1)
    found = views.render(plain(GREYS), ROWS, (100, 100))
    assert np.allclose(found.mean(axis=(1, 2, 3)) * 255, wanted, atol=3.0)


@pytest.mark.parametrize("kind", [PLAIN, MIXED, COLLAGE])
def test_shares_are_one_in_sum(kind: int) -> None:
    shares = uncoloured(draw(50, 2, seed=1), kind).shares(np.arange(50))
    assert np.allclose(shares.sum(axis=1), 1.0, atol=1e-6)
    assert (shares >= 0.0).all()


def test_crops_lie_within_the_picture_and_have_a_size() -> None:
    left, top, right, bottom = np.moveaxis(draw(500, 0, seed=0).boxes, 2, 0)
    assert (left >= 0).all()
    assert (top >= 0).all()
    assert (right <= 1).all()
    assert (bottom <= 1).all()
    assert ((right - left) * (bottom - top) > 0.25).all()


def test_every_picture_is_in_its_own_view() -> None:
    assert np.array_equal(draw(30, 5, seed=2).who[:, 0], np.arange(30))


def test_views_may_be_wider_than_high() -> None:
    assert draw(4, 0, seed=0).render(plain(GREYS), ROWS, (6, 10)).shape == (4, 6, 10, 3)
