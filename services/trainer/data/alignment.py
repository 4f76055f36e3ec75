"""How alike two sketches are once one is laid on the other, by crop, stretch and flip. Pure.

The warp is found by Gauss-Newton on the squared difference (Lucas and Kanade, 1981), brightness and
contrast free. Likeness is the mean of two correlations in Fisher's z: of all the colours, which
light and layout dominate, and of fine detail, which tells pictures of like layout apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from services.trainer.data.sketch import Sketches
from services.trainer.data.warp import PLACES, Floats, Warps, visible, warped

CHUNK: Final = 256
"""Pairs looked at together: some 10 MB, which stay in the cache."""
HOPELESS: Final = 0.75
"""A pair that correlates less than this before it is laid on each other is not looked at again."""
_GREY: Final = np.array([0.299, 0.587, 0.114], np.float32)
_COARSE_STEPS: Final = 4
_FINE_STEPS: Final = 2
_FINE: Final = 5  # cells: detail is what differs from the mean of so many around
_LEVEL: Final = 1.0  # a difference of one level of 255 is noise
_LARGEST: Final = 0.999  # a correlation; sketches are no more exact than that
LARGEST_Z: Final = float(np.arctanh(_LARGEST))
"""The likeness of equal sketches."""


@dataclass(frozen=True)
class _Laid:
    """Pairs, the first laid on the second: colours [m, SIDE, SIDE, 3] and what is seen of them."""

    first: Floats
    second: Floats
    seen: Floats


def likeness(first: Sketches, second: Sketches, warps: Warps) -> Floats:
    """Fisher's z of pairs of sketches [m, SIDE, SIDE, 3], small for strangers, about 2 and more for
    copies. `warps` [m, 4] says where to begin: the crop of the first. Hopeless pairs are judged as
    they lie, as if their detail had nothing in common."""
    found = np.zeros(len(first), np.float32)
    for start in range(0, len(first), CHUNK):
        rows = slice(start, start + CHUNK)
        found[rows] = _likeness(first[rows], second[rows], warps[rows])
    return found


def _likeness(first: Sketches, second: Sketches, warps: Warps) -> Floats:
    a, b = first.astype(np.float32), second.astype(np.float32)
    smooth = _blurred(_grey(a), 3), _blurred(_grey(b), 3)
    plain = _grey_correlation(smooth[0], smooth[1], warps)
    turned = _grey_correlation(smooth[0][:, :, ::-1], smooth[1], warps)
    before = np.maximum(plain, turned)
    found: Floats = np.arctanh(np.clip(before, 0, _LARGEST)) / 2
    hopeful = np.flatnonzero(before >= HOPELESS)
    if not hopeful.size:
        return found
    a, b, flip = a[hopeful], b[hopeful], (turned > plain)[hopeful]
    a[flip] = a[flip][:, :, ::-1]
    found[hopeful] = _score(_lay(a, b, warps[hopeful]))
    return found


def _lay(a: Floats, b: Floats, warps: Warps) -> _Laid:
    grey = _grey(a), _grey(b)
    warps = _refined(_blurred(grey[0], 3), _blurred(grey[1], 3), warps, _COARSE_STEPS)
    warps = _refined(*grey, warps, _FINE_STEPS)
    return _Laid(warped(a, warps), b, visible(warps))


def _score(laid: _Laid) -> Floats:
    seen = laid.seen[..., None]
    near = np.maximum(_blurred(seen, _FINE), 1e-3)
    detail = [_detail(each, seen, near) for each in (laid.first, laid.second)]
    whole = _correlation(laid.first, laid.second, seen)
    fine = _correlation(detail[0], detail[1], seen)
    score: Floats = (np.arctanh(np.clip([whole, fine], -_LARGEST, _LARGEST))).mean(0)
    return score


def _detail(values: Floats, seen: Floats, near: Floats) -> Floats:
    """What differs from the mean of what is seen around; `near` is how much of that there is."""
    found: Floats = values - _blurred(values * seen, _FINE) / near
    return found


def _refined(a: Floats, b: Floats, warps: Warps, steps: int) -> Warps:
    """The best of the warps on the way; a, b grey [m, SIDE, SIDE]."""
    best, kept = np.full(len(a), -2, np.float32), warps.copy()
    for step in range(steps + 1):
        seen = visible(warps)
        laid = warped(a, warps)
        found = _correlation(laid[..., None], b[..., None], seen[..., None])
        better = found > best
        best[better], kept[better] = found[better], warps[better]
        if step < steps:
            warps = _bounded(warps + _step(laid, b, seen, warps))
    return kept


def _step(laid: Floats, b: Floats, seen: Floats, warps: Warps) -> Warps:
    """One step of Gauss-Newton. b = gain (laid + J d) + offset, linear in (gain d, gain)."""
    scale = len(PLACES) / 2
    down, across = np.gradient(laid, axis=(1, 2))
    dx = across * (scale / warps[:, 0])[:, None, None]
    dy = down * (scale / warps[:, 2])[:, None, None]
    parts = (dx * PLACES, dx, dy * PLACES[:, None], dy, laid)
    weights = seen[..., None]
    jacobian = np.stack([_centred(part[..., None], weights) for part in parts], -1)
    jacobian = jacobian.reshape(len(laid), -1, 5)
    target = _centred(b[..., None], weights).reshape(len(laid), -1, 1)
    transposed = jacobian.transpose(0, 2, 1)
    normal = transposed @ jacobian
    size = np.trace(normal, axis1=1, axis2=2) / 5
    normal += np.eye(5, dtype=np.float32) * (1e-3 * size + 1e-3)[:, None, None]
    solved = np.linalg.solve(normal, transposed @ target)[..., 0]
    step: Warps = np.clip(solved[:, :4] / np.maximum(solved[:, 4:], 0.2), -0.08, 0.08)
    return step


def _bounded(warps: Warps) -> Warps:
    """A crop takes a tenth, or leaves out what the other lacks: a little more either way."""
    low = np.array([0.8, -0.25, 0.8, -0.25], np.float32)
    high = np.array([1.25, 0.25, 1.25, 0.25], np.float32)
    return np.clip(warps, low, high)


def _grey_correlation(a: Floats, b: Floats, warps: Warps) -> Floats:
    return _correlation(warped(a, warps)[..., None], b[..., None], visible(warps)[..., None])


def _correlation(a: Floats, b: Floats, weights: Floats) -> Floats:
    """Of [m, SIDE, SIDE, c] over what is seen; pictures without contrast correlate with none."""
    a, b = _centred(a, weights), _centred(b, weights)
    floor = _LEVEL**2 * weights.sum((1, 2, 3))
    energy = np.sqrt(((a * a).sum((1, 2, 3)) + floor) * ((b * b).sum((1, 2, 3)) + floor))
    found: Floats = (a * b).sum((1, 2, 3)) / np.maximum(energy, 1e-6)
    return found


def _grey(pictures: Floats) -> Floats:
    grey: Floats = np.matmul(pictures, _GREY)
    return grey


def _centred(values: Floats, weights: Floats) -> Floats:
    """Each channel less its mean over what is seen, 0 elsewhere."""
    total = np.maximum(weights.sum((1, 2), keepdims=True), 1e-6)
    mean = (values * weights).sum((1, 2), keepdims=True) / total
    centred: Floats = (values - mean) * weights
    return centred


def _blurred(values: Floats, width: int) -> Floats:
    """The mean over width x width cells around each, [m, SIDE, SIDE, ...]; the edge is repeated."""
    radius, side = width // 2, len(PLACES)
    for axis in (1, 2):
        pad = [(radius, radius) if at == axis else (0, 0) for at in range(values.ndim)]
        wide = np.moveaxis(np.pad(values, pad, mode="edge"), axis, 0)
        total = wide[:side].copy()
        for at in range(1, width):
            total += wide[at : at + side]
        values = np.moveaxis(total / np.float32(width), 0, axis)
    return values
