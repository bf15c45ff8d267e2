"""Drawn spectacles and sunglasses for training crops.

A network that has seen few children with glasses takes a frame for age. Drawn on faces of
every age, glasses tell it less (docs/experiments.md, "Worn prints and glasses").
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from facelage.data.images import UInt8Image

#: Binary places of the coordinates that OpenCV draws at.
_SHIFT = 4
_STEPS = np.linspace(0, 2 * np.pi, 64, endpoint=False)

Points = NDArray[np.float64]


def put_on_glasses(
    image: UInt8Image, eyes: Sequence[tuple[float, float]], rng: Generator
) -> UInt8Image:
    """Draw glasses of a random kind on a face.

    Parameters
    ----------
    image:
        H x W x 3, RGB, uint8; left unchanged.
    eyes:
        (x, y) of the two eyes in pixels, left to right as seen in the picture.
    rng:
        Draws shape, size, place, colour and lenses.

    Returns
    -------
    numpy.ndarray
        H x W x 3, RGB, uint8.
    """
    left, right = np.asarray(eyes, np.float64) + rng.normal(0, 1, 2) * 0.01 * np.ptp(eyes)
    across = (right - left) * np.exp(rng.normal(0, 0.03))
    down = np.array([-across[1], across[0]])
    middle = (left + right) / 2 + rng.uniform(-0.04, 0.14) * down
    width = rng.uniform(0.34, 0.47)
    height = width * rng.uniform(0.55, 1.0)
    lens = _lens(width, height, rng.uniform(2.0, 5.0))
    apart = max(0.5, width + rng.uniform(0.03, 0.09))

    def at(points: Points) -> Points:
        """From a frame of reference in which the eyes are one apart to pixels."""
        return np.asarray(middle + points[:, :1] * across + points[:, 1:] * down, np.float64)

    sides = np.array([[-apart, 0.0], [apart, 0.0]])
    lenses = [at(lens + side) for side in sides]
    thickness = np.exp(rng.uniform(np.log(0.02), np.log(0.11))) * np.hypot(*across)
    rims = lenses if rng.random() < 0.85 else [_upper(points, down) for points in lenses]
    arch = -rng.uniform(0.0, 0.6) * height
    bridge = at(np.array([[width - apart, arch], [0.0, arch - 0.03], [apart - width, arch]]))
    temple = np.array([[apart + width, arch], [apart + width + 1.0, arch + rng.uniform(-0.1, 0.2)]])
    lines = [*rims, bridge, at(temple), at(temple * (-1, 1))]
    result = _tint(image, lenses, rng)
    frame = np.zeros(image.shape[:2], np.uint8)
    pixels = max(1, round(float(thickness)))
    for points in lines:
        closed = len(points) == len(lens)
        cv2.polylines(frame, [_fixed(points)], closed, 255, pixels, cv2.LINE_AA, _SHIFT)
    return _blend(result, frame, _frame_colour(rng), rng.uniform(0.6, 1.0))


def _lens(width: float, height: float, power: float) -> Points:
    """A superellipse of these half axes: 2 is an ellipse, 5 nearly a rectangle."""
    circle = np.stack([np.cos(_STEPS), np.sin(_STEPS)], axis=1)
    shape = np.sign(circle) * np.abs(circle) ** (2 / power)
    return np.asarray(shape * (width, height), np.float64)


def _upper(points: Points, down: Points) -> Points:
    """The upper half of a rim."""
    depth = points @ down
    order = np.roll(np.arange(len(points)), len(points) // 2)  # starts and ends at a side
    return np.asarray(points[order][depth[order] <= depth.mean() + 1e-6], np.float64)


def _tint(image: UInt8Image, lenses: Sequence[Points], rng: Generator) -> UInt8Image:
    """Sunglasses, tinted or shining lenses, mostly none of these."""
    kind = rng.random()
    if kind < 0.12:
        colour, amount = rng.uniform(0, 60, 3), rng.uniform(0.5, 0.97)
    elif kind < 0.20:
        colour, amount = rng.uniform(0, 200, 3), rng.uniform(0.1, 0.4)
    elif kind < 0.40:
        colour, amount = np.full(3, rng.uniform(180, 255)), rng.uniform(0.05, 0.35)
    else:
        return image
    mask = np.zeros(image.shape[:2], np.uint8)
    for points in lenses:
        cv2.fillPoly(mask, [_fixed(points)], 255, cv2.LINE_AA, _SHIFT)
    return _blend(image, mask, colour, amount)


def _frame_colour(rng: Generator) -> NDArray[np.float64]:
    kind = rng.random()
    if kind < 0.6:  # black and brown
        return rng.uniform(0, 70) * np.array([1.0, rng.uniform(0.5, 1.0), rng.uniform(0.3, 1.0)])
    if kind < 0.8:  # metal
        return np.full(3, rng.uniform(90, 220))
    return rng.uniform(0, 255, 3)


def _blend(
    image: UInt8Image, mask: NDArray[np.uint8], colour: NDArray[np.float64], amount: float
) -> UInt8Image:
    result = image.copy()
    x, y, width, height = cv2.boundingRect(mask)
    if width:
        box = np.s_[y : y + height, x : x + width]
        share = np.asarray(mask[box] * np.float32(amount / 255), np.float32)
        paint = np.full(image[box].shape, np.rint(colour), np.uint8)
        result[box] = cv2.blendLinear(image[box], paint, 1 - share, share)
    return result


def _fixed(points: Points) -> NDArray[np.int32]:
    return np.asarray(np.rint(points * (1 << _SHIFT)), np.int32)
