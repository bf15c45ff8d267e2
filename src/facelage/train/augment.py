"""What happens to training crops so that the model knows real photos.

Networks trained on clean face chips take blur, grey and JPEG for age. The
``real`` level therefore damages crops the way photos are damaged, at random
and whatever the age, so that sharpness stops meaning youth.

Everything works on one uint8 crop at a time with OpenCV, which is fast at this
size, releases the GIL and uses the very codecs that damage real photos.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, TypedDict

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from facelage.data.images import UInt8Image
from facelage.train.eyeglasses import put_on_glasses

#: The 256 values of a channel, in 0..1.
_LEVELS = np.linspace(0, 1, 256)
_INTERPOLATIONS = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_AREA)
#: Share of the damaged crops that get glasses.
GLASSES = 0.15

#: Share of the damaged crops that are made narrower or wider, about as a turned head looks.
SQUEEZED = 0.3

#: (x, y) of both eyes, left to right as seen in the picture.
Eyes = Sequence[tuple[float, float]]

#: So many normal numbers are kept for `grain`, 4 MiB.
_NOISE = 1 << 20


def augment_batch(
    crops: NDArray[np.uint8],
    size: int,
    level: str,
    seeds: Sequence[Sequence[int]],
    scale: float = 1.0,
    damage: float = 1.0,
    eyes: Eyes | None = None,
) -> NDArray[np.uint8]:
    """Augment padded crops: the first of :func:`augmented_views`."""
    return augmented_views(crops, size, level, seeds, scale, damage, eyes, whole=False)[0]


def augmented_views(
    crops: NDArray[np.uint8],
    size: int,
    level: str,
    seeds: Sequence[Sequence[int]],
    scale: float = 1.0,
    damage: float = 1.0,
    eyes: Eyes | None = None,
    whole: bool = True,
    views: Sequence[Sequence[int]] | None = None,
) -> tuple[NDArray[np.uint8], ...]:
    """Augment padded crops, and keep what they were before they were damaged.

    Parameters
    ----------
    crops:
        N x P x P x 3, RGB, uint8: padded crops from ``prepare``.
    size:
        Side of the result in pixels.
    level:
        ``"none"``, ``"light"`` or ``"real"``.
    seeds:
        N seeds (sequences of integers), one a crop: equal seeds give equal results
        whatever batch the crop is in.
    scale:
        Size of the result over that of the canonical crop, for training at
        another resolution.
    damage:
        Share of the crops (0..1) that ``real`` damages; the others are as with
        ``light``.
    eyes:
        (x, y) of the two eyes in the canonical crop, in its sides, as
        :attr:`facelage.data.align.CropSpec.landmarks`; some of the damaged crops get
        glasses there. None draws none.
    whole:
        Whether the second result is wanted.
    views:
        N seeds of the turns, zooms and light alone, if these are to come again
        whatever the damage; by default `seeds` draws them too.

    Returns
    -------
    tuple of numpy.ndarray
        The augmented crops, and, with `whole`, the same turns, zooms and light without
        damage: N x size x size x 3, RGB, uint8.
    """
    results = tuple(np.empty((len(crops), size, size, 3), np.uint8) for _ in range(1 + whole))
    for index, (crop, seed) in enumerate(zip(crops, seeds, strict=True)):
        rng = np.random.default_rng(seed)
        placing = rng if views is None else np.random.default_rng(views[index])
        if level == "none":
            image = place(crop, size, scale=scale)
            for result in results:
                result[index] = image
            continue
        placement = draw_placement(size, scale, placing)
        light = draw_light(placing)
        damaged = level == "real" and rng.random() < damage
        worn, aspect = crop, 1.0
        if damaged and eyes is not None and rng.random() < GLASSES:
            worn = put_on_glasses(crop, eyes_in_pixels(eyes, len(crop), size / scale), rng)
        if damaged and rng.random() < SQUEEZED:
            aspect = math.exp(_clip(rng.normal(0, 0.1), 0.25))
        image = light(place(worn, size, aspect=aspect, **placement))
        if whole:
            same = worn is crop and aspect == 1.0
            results[1][index] = image if same else light(place(crop, size, **placement))
        results[0][index] = random_damage(image, rng) if damaged else image
    return results


def place(
    crop: UInt8Image,
    size: int,
    *,
    scale: float = 1.0,
    angle: float = 0.0,
    shift: tuple[float, float] = (0.0, 0.0),
    flip: bool = False,
    aspect: float = 1.0,
) -> UInt8Image:
    """The middle of a padded crop, zoomed by `scale`, turned by `angle` degrees and shifted.

    `shift` is in pixels of the result, `aspect` how much wider the face becomes. Without
    zoom, turn, shift, flip and aspect it is the canonical crop itself.
    """
    middle = (crop.shape[0] - 1) / 2
    matrix = np.asarray(cv2.getRotationMatrix2D((middle, middle), angle, scale), np.float64)
    matrix[:, 2] += (1 - aspect) * middle * matrix[:, 0]
    matrix[:, 0] *= aspect
    if flip:
        matrix[0] = -matrix[0]
        matrix[0, 2] += 2 * middle
    matrix[:, 2] += (size - 1) / 2 - middle + np.asarray(shift)
    return np.asarray(
        cv2.warpAffine(
            crop, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        ),
        np.uint8,
    )


class Placement(TypedDict):
    """How :func:`place` puts a face."""

    scale: float
    angle: float
    shift: tuple[float, float]
    flip: bool


def draw_placement(size: int, scale: float, rng: Generator) -> Placement:
    """Flip, turn, zoom and shift about as much as detectors' landmarks err."""
    angle = _clip(rng.normal(0, 6), 25)
    zoom = min(max(math.exp(rng.normal(0, 0.07)), 0.8), 1.25)
    dx, dy = (_clip(part, 0.1) * size for part in rng.normal(0, 0.03, 2).tolist())
    return {
        "scale": scale * zoom,
        "angle": angle,
        "shift": (dx, dy),
        "flip": bool(rng.random() < 0.5),
    }


def _clip(value: float, limit: float) -> float:
    """The number within -limit to limit; NumPy's own clip takes microseconds."""
    return min(max(value, -limit), limit)


def draw_light(rng: Generator) -> Callable[[UInt8Image], UInt8Image]:
    """Gamma, contrast, brightness and colour cast, as one table a channel."""
    if rng.random() < 0.3:
        return lambda image: image
    values = _LEVELS ** np.exp(rng.normal(0, 0.3))
    values = (values - 0.5) * np.exp(rng.normal(0, 0.22)) + 0.5 + rng.normal(0, 0.09)
    gains = np.exp(rng.normal(0, 0.06, 3)) if rng.random() < 0.5 else np.ones(3)
    table = np.clip(values[:, None] * gains * 255, 0, 255).astype(np.uint8)
    table = table[:, None, :].transpose(1, 0, 2)
    return lambda image: np.asarray(cv2.LUT(image, table), np.uint8)


def eyes_in_pixels(eyes: Eyes, padded: int, side: float) -> list[tuple[float, float]]:
    """Places in the canonical crop, in its sides, as pixels of the padded one around it."""
    edge = (padded - side) / 2 - 0.5
    return [(edge + side * x, edge + side * y) for x, y in eyes]


def random_damage(image: UInt8Image, rng: Generator) -> UInt8Image:
    """Grey and faded prints, low resolution, blur, grain, scan lines, JPEG, things in front."""
    chance = rng.random(10)
    if chance[0] < 0.10:
        image = occlude(image, rng)
    if chance[1] < 0.20:
        image = desaturate(image, 1.0 if rng.random() < 0.7 else float(rng.uniform(0.3, 0.9)))
    if chance[8] < 0.15:
        image = old_print(image, rng)
    elif chance[2] < 0.12:
        image = fade(image, rng)
    if chance[3] < 0.20:
        image = blur(image, rng)
    if chance[4] < 0.45:
        image = shrink_and_enlarge(image, float(np.exp(rng.uniform(np.log(20), np.log(110)))), rng)
    if chance[5] < 0.25:
        image = grain(image, rng)
    if chance[6] < 0.03:
        image = scan_lines(image, rng)
    if chance[7] < 0.40:
        image = jpeg(image, int(rng.integers(12, 90)))
    return image


def desaturate(image: UInt8Image, amount: float) -> UInt8Image:
    """Move colours towards grey; `amount` 1 is grey."""
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.addWeighted(grey, amount, image, 1 - amount, 0), np.uint8)


def fade(image: UInt8Image, rng: Generator) -> UInt8Image:
    """An old print: raised blacks, lowered whites, yellow or red tone."""
    image = desaturate(image, float(rng.uniform(0.2, 1.0)))
    black = rng.uniform(0, 70) * np.array([1.0, rng.uniform(0.7, 1.0), rng.uniform(0.4, 1.0)])
    white = 255 - rng.uniform(0, 60) * np.array([rng.uniform(0, 0.6), 0.7, rng.uniform(0.7, 1.8)])
    table = np.clip(black + (white - black) * _LEVELS[:, None], 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(image, table[None]), np.uint8)


def old_print(image: UInt8Image, rng: Generator) -> UInt8Image:
    """A worn print that was scanned: faded, soft, with the grain of film and paper over it.

    Each of these alone leaves a child a child. Together they leave little contrast in the
    face and much in the grain, which a network that has not seen it takes for wrinkles.
    """
    image = fade(image, rng)
    side = image.shape[0] / 128
    soft = _soften(image, float(rng.uniform(0.3, 1.6)) * side)
    strength = float(np.exp(rng.uniform(np.log(1.5), np.log(14))))
    noise = strength * _soft_noise(image.shape[:2], float(rng.uniform(0.4, 1.6)) * side, rng)
    return _add(np.asarray(soft, np.uint8), noise)


def blur(image: UInt8Image, rng: Generator) -> UInt8Image:
    """Out of focus, or moved."""
    side = image.shape[0] / 128
    if rng.random() < 0.75:
        return np.asarray(_soften(image, rng.uniform(0.4, 2.0) * side), np.uint8)
    length = max(2, round(rng.uniform(3, 9) * side))
    line: NDArray[np.float32] = np.zeros((length, length), np.float32)
    line[length // 2] = 1 / length
    turn = cv2.getRotationMatrix2D((length / 2 - 0.5,) * 2, float(rng.uniform(0, 180)), 1)
    turned = cv2.warpAffine(line, turn, (length, length))
    kernel = np.asarray(turned / max(float(turned.sum()), 1e-6), np.float32)
    return np.asarray(cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REPLICATE), np.uint8)


def shrink_and_enlarge(image: UInt8Image, side: float, rng: Generator) -> UInt8Image:
    """A face whose crop was `side` pixels large in the photo."""
    full = image.shape[0]
    small = max(8, round(side))
    if small >= full:
        return image
    down = cv2.INTER_AREA if rng.random() < 0.8 else cv2.INTER_LINEAR
    up = _INTERPOLATIONS[int(rng.integers(len(_INTERPOLATIONS)))]
    reduced = cv2.resize(image, (small, small), interpolation=down)
    return np.asarray(cv2.resize(reduced, (full, full), interpolation=up), np.uint8)


def grain(image: UInt8Image, rng: Generator) -> UInt8Image:
    """Sensor noise, or the coarser grain of film."""
    strength = float(np.exp(rng.uniform(np.log(2), np.log(28))))
    channels = 1 if rng.random() < 0.5 else 3
    shape = (*image.shape[:2], channels)
    count = int(np.prod(shape))
    # Normal numbers are dear, so they are drawn once and begun with at a random place.
    noise = _some_noise(count, rng).reshape(shape) * np.float32(strength)
    if rng.random() < 0.4:
        noise = np.asarray(2 * _soften(noise, 0.8), np.float32).reshape(shape)
    return _add(image, noise)


def _some_noise(count: int, rng: Generator) -> NDArray[np.float32]:
    """So many normal numbers, from a random place on; large crops need some of them again."""
    first = int(rng.integers(max(_NOISE - count, 1)))
    return np.resize(_normal_numbers()[first : first + count], count)


def _soft_noise(shape: tuple[int, ...], sigma: float, rng: Generator) -> NDArray[np.float32]:
    """Noise of standard deviation 1, blurred by `sigma` pixels."""
    noise = _some_noise(int(np.prod(shape)), rng).reshape(shape)
    noise = np.asarray(_soften(noise, sigma), np.float32)
    std = float(cv2.meanStdDev(noise)[1][0, 0])  # a tenth of the time that NumPy's takes
    return noise / np.float32(max(std, 1e-6))


def _soften(image: NDArray[Any], sigma: float) -> NDArray[Any]:
    """A Gaussian blur in half the time of OpenCV's own, which gives every processor equal bits."""
    kernel = cv2.getGaussianKernel(round(6 * sigma + 1) | 1, sigma)
    return np.asarray(cv2.sepFilter2D(image, -1, kernel, kernel))


def _add(image: UInt8Image, noise: NDArray[np.float32]) -> UInt8Image:
    """Noise of one channel or three, over all three."""
    if noise.ndim == 2 or noise.shape[2] == 1:
        noise = np.asarray(cv2.cvtColor(noise, cv2.COLOR_GRAY2RGB), np.float32)
    return np.asarray(cv2.add(image, noise, dtype=cv2.CV_8U), np.uint8)


@functools.cache
def _normal_numbers() -> NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal(_NOISE, np.float32)


def scan_lines(image: UInt8Image, rng: Generator) -> UInt8Image:
    """A photo of a screen: every second or third row darker."""
    result = image.copy()
    period = int(rng.integers(2, 4))
    rows = result[int(rng.integers(period)) :: period]
    rows[:] = (rows * rng.uniform(0.6, 0.95)).astype(np.uint8)
    return result


def jpeg(image: UInt8Image, quality: int) -> UInt8Image:
    """Through a JPEG file of the given quality (1..100)."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)


def occlude(image: UInt8Image, rng: Generator) -> UInt8Image:
    """Something in front of the face: a rectangle of one colour or of noise."""
    side = image.shape[0]
    width, height = (rng.uniform(0.1, 0.45, 2) * side).astype(int)
    x, y = int(rng.integers(0, side - width)), int(rng.integers(0, side - height))
    result = image.copy()
    patch = result[y : y + height, x : x + width]
    if rng.random() < 0.7:
        patch[:] = rng.integers(0, 256, 3, dtype=np.uint8)
    else:
        patch[:] = rng.integers(0, 256, patch.shape, dtype=np.uint8)
    return result
