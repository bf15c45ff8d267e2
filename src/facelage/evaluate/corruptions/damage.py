"""Usual damage to photos, at five severities.

Each corruption is a function of a face chip (:mod:`facelage.evaluate.chips`:
the face in the middle, half as wide as the chip), a severity of 1 to 5 and a
random generator, and returns a new image of the same shape and dtype.

Where Hendrycks and Dietterich (ICLR 2019, ImageNet-C) define the severities,
these are theirs. Their pictures have 224 px; here the face stands for the
whole picture, so a length of theirs is multiplied by face / 224. So is their
pixel, as far as there are finer ones: noise and JPEG are done to a face larger
than 224 px as if it had 224, and what they change there is added to the full
picture, which keeps its own detail. On smaller faces they work pixel by pixel.

================  ======================================  ==================================
name              severity 1, 2, 3, 4, 5                  from
================  ======================================  ==================================
gaussian_blur     sigma 1, 2, 3, 4, 6 px of 224           ImageNet-C
motion_blur       radius 10, 15, 15, 15, 20 and           ImageNet-C, without the shift
                  sigma 3, 5, 8, 12, 15 px of 224
gaussian_noise    sd 0.08, 0.12, 0.18, 0.26, 0.38 of 1    ImageNet-C
jpeg              quality 25, 18, 15, 10, 7               ImageNet-C
darkness          1, 1.75, 2.5, 3.25, 4 stops less light  own
low_resolution    a face of 64, 48, 32, 24, 16 px         own; its `pixelate` ends at 40 of 160
occlusion         a grey square of 0.2, 0.3, 0.4, 0.5,    own; after Zeiler and Fergus
                  0.6 of the face's side                  (ECCV 2014)
rotation          5, 10, 15, 20, 30 degrees               own
grey              0.2, 0.4, 0.6, 0.8, 1 of the colour     own; 5 is a black-and-white photo
old_print         colour lost as by `grey`, contrast to   own; after scanned family photos
                  0.93, 0.87, 0.80, 0.73, 0.67, blur of
                  sigma 0.5, 0.8, 1.1, 1.4, 1.8 px and
                  grain of sd 4, 7, 10, 13, 16 of 255
================  ======================================  ==================================

The random numbers that a corruption draws do not depend on the severity: from
equal generators a higher severity gives the same damage, only more of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from facelage.data.images import UInt8Image
from facelage.errors import ConfigError

#: Noise blurred by sigma 1 has 1 / (2 sqrt(pi)) of its standard deviation.
_GRAIN = 2 * float(np.sqrt(np.pi))

Corruption = Callable[[UInt8Image, int, np.random.Generator], UInt8Image]


def corrupt(name: str, image: UInt8Image, severity: int, rng: np.random.Generator) -> UInt8Image:
    """Damage a face chip.

    Parameters
    ----------
    name:
        A key of :data:`CORRUPTIONS`.
    image:
        S x S x 3, RGB, uint8, the face in the middle half; left unchanged.
    severity:
        1 to 5, or 0 for the image as it is.
    rng:
        Where the damage is random.

    Returns
    -------
    numpy.ndarray
        S x S x 3, RGB, uint8.

    Raises
    ------
    ConfigError
        If there is no such corruption or severity.
    """
    check_names([name])
    check_severities([severity] if severity else [])
    return CORRUPTIONS[name](image, severity, rng) if severity else image


def gaussian_blur(image: UInt8Image, severity: int, _rng: np.random.Generator) -> UInt8Image:
    """Out of focus."""
    sigma = (1, 2, 3, 4, 6)[severity - 1] * _face(image) / 224
    blurred = cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return cast(UInt8Image, blurred)


def motion_blur(image: UInt8Image, severity: int, rng: np.random.Generator) -> UInt8Image:
    """Moved during the exposure, along a line at -45 to 45 degrees.

    The kernel is ImageMagick's, half a Gaussian of `sigma` cut off at twice
    the radius, but moved so that its mean stays in place: the misalignment is
    for ``rotation`` to measure.
    """
    angle = np.deg2rad(rng.uniform(-45, 45))
    scale = _face(image) / 224
    radius = (10, 15, 15, 15, 20)[severity - 1] * scale
    sigma = (3, 5, 8, 12, 15)[severity - 1] * scale
    along = np.linspace(0, 2 * radius, 512)
    weight = np.exp(-0.5 * (along / sigma) ** 2)
    along -= (along * weight).sum() / weight.sum()
    reach = int(np.ceil(2 * radius)) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    x, y = reach + along * np.cos(angle), reach + along * np.sin(angle)
    column, row = np.floor(x).astype(int), np.floor(y).astype(int)
    for down in (0, 1):
        for right in (0, 1):  # each point of the line is shared out between four pixels
            share = np.abs(1 - right - (x - column)) * np.abs(1 - down - (y - row))
            np.add.at(kernel, (row + down, column + right), weight * share)
    blurred = cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)
    return cast(UInt8Image, blurred)


def gaussian_noise(image: UInt8Image, severity: int, rng: np.random.Generator) -> UInt8Image:
    """Sensor noise: independent in every pixel (of at least face / 224) and channel."""
    sd = 255 * (0.08, 0.12, 0.18, 0.26, 0.38)[severity - 1]
    width, height = _their_size(image)
    noise = sd * rng.standard_normal((height, width, 3), np.float32)
    return _to_uint8(image + _enlarged(noise, image))


def jpeg(image: UInt8Image, severity: int, _rng: np.random.Generator) -> UInt8Image:
    """Strongly compressed, in OpenCV's JPEG (4:2:0)."""
    quality = (25, 18, 15, 10, 7)[severity - 1]
    small = cv2.resize(image, _their_size(image), interpolation=cv2.INTER_AREA)
    bgr = np.ascontiguousarray(small[:, :, ::-1])
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cast(UInt8Image, cv2.imdecode(data, cv2.IMREAD_COLOR))[:, :, ::-1]
    return _to_uint8(image + _enlarged(decoded.astype(np.float32) - small, image))


def darkness(image: UInt8Image, severity: int, _rng: np.random.Generator) -> UInt8Image:
    """Under-exposed: less light by some stops (halvings), in linear light (IEC 61966-2-1)."""
    encoded = np.arange(256) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    linear /= 2 ** (1, 1.75, 2.5, 3.25, 4)[severity - 1]
    darker = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(_to_uint8(255 * darker)[image], np.uint8)


def low_resolution(image: UInt8Image, severity: int, _rng: np.random.Generator) -> UInt8Image:
    """Taken from afar: averaged down to a small face, and enlarged again (bicubic).

    A face that is smaller already stays as it is.
    """
    scale = min(1.0, (64, 48, 32, 24, 16)[severity - 1] / _face(image))
    height, width = image.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cast(UInt8Image, cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC))


def occlusion(image: UInt8Image, severity: int, rng: np.random.Generator) -> UInt8Image:
    """Partly covered by a grey square, whose middle lies within the middle half of the face."""
    half = (0.2, 0.3, 0.4, 0.5, 0.6)[severity - 1] * _face(image) / 2
    height, width = image.shape[:2]
    x, y = np.array([width, height]) / 2 + rng.uniform(-0.25, 0.25, 2) * _face(image)
    covered = image.copy()
    covered[round(y - half) : round(y + half), round(x - half) : round(x + half)] = 128
    return covered


def rotation(image: UInt8Image, severity: int, rng: np.random.Generator) -> UInt8Image:
    """Turned about its middle, either way; the corners repeat the picture's edge."""
    angle = (5, 10, 15, 20, 30)[severity - 1] * rng.choice((-1.0, 1.0))
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1)
    turned = cv2.warpAffine(
        image, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return cast(UInt8Image, turned)


def grey(image: UInt8Image, severity: int, _rng: np.random.Generator) -> UInt8Image:
    """Faded: the colour fades towards the luma (ITU-R BT.601); at 5 the channels are equal."""
    luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[:, :, None].astype(np.float32)
    return _to_uint8(image + severity / 5 * (luma - image))


def old_print(image: UInt8Image, severity: int, rng: np.random.Generator) -> UInt8Image:
    """A print that has faded and yellowed, scanned: a little soft, with grain in the light."""
    step = severity - 1
    sigma = (0.5, 0.8, 1.1, 1.4, 1.8)[step] * _face(image) / 224
    soft = cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    black = severity * np.array([14.0, 12.5, 10.0])
    white = 255 - severity * np.array([3.0, 7.0, 16.0])
    toned = black + (white - black) / 255 * grey(cast(UInt8Image, soft), severity, rng)
    width, height = _their_size(image)
    noise = cv2.GaussianBlur(rng.standard_normal((height, width), np.float32), (0, 0), 1.0)
    grain = np.asarray((4, 7, 10, 13, 16)[step] * _GRAIN * noise, np.float32)
    return _to_uint8(toned + _enlarged(grain, image)[:, :, None])


#: Every corruption by name, in the order of tables.
CORRUPTIONS: dict[str, Corruption] = {
    function.__name__: function
    for function in (
        gaussian_blur,
        motion_blur,
        gaussian_noise,
        jpeg,
        darkness,
        low_resolution,
        occlusion,
        rotation,
        grey,
        old_print,
    )
}


def check_names(names: list[str]) -> None:
    """Raise a :class:`ConfigError` that lists the known corruptions if one is unknown."""
    unknown = [name for name in names if name not in CORRUPTIONS]
    if unknown:
        raise ConfigError(
            "unknown corruption", got=", ".join(unknown), expected=", ".join(CORRUPTIONS)
        )


def check_severities(severities: list[int]) -> None:
    """Raise a :class:`ConfigError` if a severity is not one of 1 to 5."""
    wrong = [str(severity) for severity in severities if severity not in (1, 2, 3, 4, 5)]
    if wrong:
        raise ConfigError("unknown severity", got=", ".join(wrong), expected="1, 2, 3, 4 or 5")


def _face(image: UInt8Image) -> float:
    """The face's side in pixels: half the chip's."""
    height, width = image.shape[:2]
    return float(min(height, width)) / 2


def _their_size(image: UInt8Image) -> tuple[int, int]:
    """Width and height at which the face has 224 px, as ImageNet-C's pictures; never more."""
    scale = min(1.0, 224 / _face(image))
    height, width = image.shape[:2]
    return round(width * scale), round(height * scale)


def _enlarged(change: NDArray[np.float32], image: UInt8Image) -> NDArray[np.float32]:
    """A change of pixels of :func:`_their_size` at the size of `image`, its deviation kept."""
    size = image.shape[1], image.shape[0]
    enlarged = cv2.resize(change, size, interpolation=cv2.INTER_NEAREST)
    return cast(NDArray[np.float32], enlarged)


def _to_uint8(values: NDArray[Any]) -> UInt8Image:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)
