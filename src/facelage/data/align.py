"""The canonical face crop: one geometry, one size, one normalisation.

A model and the crop it was trained on can't be separated, so :class:`CropSpec`
is saved inside every model file, and training, evaluation, export and
inference all cut faces with the functions below, driven by that spec.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, fields
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from facelage.data.detect.base import Detection
from facelage.data.images import UInt8Image
from facelage.data.shrink import block_mean
from facelage.errors import ConfigError, InvalidArrayError, WeightsError

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class CropSpec:
    """The numbers that define a crop; lengths are fractions of the crop's side.

    Attributes
    ----------
    size:
        Side of the square crop in pixels.
    landmarks:
        Where the five landmarks go: (x, y) of the eye, eye, nose tip, mouth
        corner, mouth corner, left to right as seen in the picture; origin in
        the crop's top left corner. The default is the mean face of UTKFace's
        chips as YuNet sees them, made symmetric and shrunk by 7 %, so that a
        chip fills the crop and a wider photo adds some hair, chin and neck.
    box_side:
        Side of the crop over the geometric mean of a face box's sides, for
        detectors without landmarks. Boxes run from the middle of the forehead
        to the chin, as YuNet draws them. With the default and ``box_shift``,
        YuNet's box gives the crop that its landmarks give: medians over photos
        of APPA-REAL, LFW, All-Age-Faces and the London set.
    box_shift:
        How far the crop's centre lies below the box's, in crop sides.
    mean, std:
        Per channel (RGB, in 0..1), for :func:`normalise`. The default is
        ImageNet's, which the backbone's initial weights expect.
    border:
        What lies outside the picture: ``"replicate"`` repeats its edge.
    version:
        Raised when the meaning of these numbers changes.
    """

    size: int = 128
    landmarks: tuple[Point, Point, Point, Point, Point] = (
        (0.320, 0.330),
        (0.680, 0.330),
        (0.500, 0.524),
        (0.351, 0.690),
        (0.649, 0.690),
    )
    box_side: float = 1.13
    box_shift: float = 0.05
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    border: str = "replicate"
    version: int = 1

    def __post_init__(self) -> None:
        problems = [
            name
            for name, wrong in (
                ("size", not 16 <= self.size <= 1024),
                ("landmarks", np.shape(self.landmarks) != (5, 2)),
                ("box_side", not 0.1 < self.box_side < 10),
                ("std", len(self.std) != 3 or min(self.std) <= 0),
                ("mean", len(self.mean) != 3),
                ("border", self.border != "replicate"),
                ("version", self.version != 1),
            )
            if wrong
        ]
        if problems:
            raise WeightsError(
                "the crop's numbers are out of range",
                got=", ".join(f"{name}={getattr(self, name)!r}" for name in problems),
                fix="update facelage if the model file is newer than it",
            )

    def to_json(self) -> str:
        """The spec as JSON, keys sorted: what model files carry and :meth:`digest` hashes."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> CropSpec:
        """Read back :meth:`to_json`.

        Raises
        ------
        WeightsError
            If the text is not a crop's, or from a newer facelage.
        """
        try:
            values: dict[str, Any] = json.loads(text)
            unknown = set(values) - {field.name for field in fields(cls)}
            if unknown:
                raise ValueError(f"unknown {sorted(unknown)}")
            values["landmarks"] = tuple(tuple(map(float, point)) for point in values["landmarks"])
            values["mean"] = tuple(values["mean"])
            values["std"] = tuple(values["std"])
            return cls(**values)
        except (ValueError, KeyError, TypeError) as error:
            raise WeightsError(
                "the model's crop can't be read",
                got=f"{text[:80]!r} ({error})",
                fix="update facelage if the model file is newer than it",
            ) from error

    def digest(self) -> str:
        """A sha256 over every number: equal digests cut equal crops."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


DEFAULT_CROP = CropSpec()


def similarity_to_crop(detection: Detection, spec: CropSpec = DEFAULT_CROP) -> NDArray[np.float64]:
    """The 2 x 3 matrix that takes image coordinates to crop coordinates.

    Both are in pixels with the first pixel's centre at (0, 0). It is the
    least-squares similarity (rotation, one scale, shift) between the
    landmarks and their places in `spec`, or, without landmarks, the upright
    square that `spec` derives from the box.

    The least-squares solution is Umeyama's (IEEE TPAMI 13(4), 1991) for two
    dimensions without reflection.
    """
    if detection.landmarks is None:
        left, top, right, bottom = detection.box
        side = math.sqrt((right - left) * (bottom - top)) * spec.box_side
        centre_x = (left + right) / 2
        centre_y = (top + bottom) / 2 + spec.box_shift * side
        scale = spec.size / side
        middle = (spec.size - 1) / 2
        return np.array(
            [[scale, 0.0, middle - scale * centre_x], [0.0, scale, middle - scale * centre_y]]
        )
    source = np.asarray(detection.landmarks, np.float64)
    target = np.asarray(spec.landmarks, np.float64) * spec.size - 0.5
    source_mean, target_mean = source.mean(0), target.mean(0)
    x, y = (source - source_mean).T
    u, v = (target - target_mean).T
    spread = float((x * x + y * y).sum())
    a = float((x * u + y * v).sum()) / max(spread, 1e-6)
    b = float((x * v - y * u).sum()) / max(spread, 1e-6)
    if math.hypot(a, b) < 1e-6:  # all landmarks in one point, or no face's: nothing to align by
        return similarity_to_crop(Detection(detection.box, None, detection.score), spec)
    linear = np.array([[a, -b], [b, a]])
    return np.column_stack([linear, target_mean - linear @ source_mean])


def align(
    image: UInt8Image, detection: Detection, spec: CropSpec = DEFAULT_CROP, *, pad: int = 0
) -> UInt8Image:
    """Cut one face out of an image.

    Parameters
    ----------
    image:
        H x W x 3, RGB, uint8.
    detection:
        The face, in the image's pixels.
    spec:
        The crop.
    pad:
        Extra pixels on each side, at the crop's own scale, up to
        :func:`max_pad`. The middle of a padded crop is the unpadded crop, bit
        for bit; training keeps padded crops so that it can shift, turn and zoom.

    Returns
    -------
    numpy.ndarray
        (size + 2 pad) x (size + 2 pad) x 3, RGB, uint8.

    Notes
    -----
    A face larger than the crop is sampled on a grid up to three times finer
    and averaged, and one larger still is averaged beforehand, so that fine
    texture is blurred as a smaller photo would have it rather than aliased.
    """
    canvas_pad = check_pad(pad, spec)
    matrix = similarity_to_crop(detection, spec)
    inverse_scale = 1.0 / math.hypot(matrix[0, 0], matrix[1, 0])
    # warpAffine takes no image of 32,767 pixels or more a side; the part under the crop will do.
    # The small numbers here and below keep exact multiples from hanging on the last bit.
    if inverse_scale > 3.0 + 1e-9 or max(image.shape[:2]) >= 32767:
        factor = max(1, int(inverse_scale / 1.5 + 1e-9))
        image, matrix = _reduced_region(image, matrix, spec.size, canvas_pad, factor)
        inverse_scale = 1.0 / math.hypot(matrix[0, 0], matrix[1, 0])
    finer = max(1, min(3, math.ceil(inverse_scale - 1e-9)))
    # Crop pixel p is the mean of the finer grid's pixels finer*p .. finer*p + finer-1.
    # OpenCV rounds a warp's shift, so the canvas begins in the same place whatever the pad.
    warp = finer * matrix
    warp[:, 2] += finer * canvas_pad + (finer - 1) / 2
    side = canvas_pad + spec.size + pad
    crop = cv2.warpAffine(
        image,
        warp,
        (side * finer, side * finer),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    if finer == 3:  # the same pixels as INTER_AREA's, sooner
        crop = cv2.boxFilter(crop, -1, (3, 3))[1::3, 1::3]
    elif finer == 2:
        crop = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
    cut = slice(canvas_pad - pad, side)
    return cast(UInt8Image, np.ascontiguousarray(crop[cut, cut]))


def max_pad(spec: CropSpec = DEFAULT_CROP) -> int:
    """The largest `pad` of :func:`align`: an eighth of the crop's side."""
    return spec.size // 8


def check_pad(pad: int, spec: CropSpec) -> int:
    """Raise a :class:`ConfigError` if `pad` is out of range, else return :func:`max_pad`."""
    limit = max_pad(spec)
    if not 0 <= pad <= limit:
        raise ConfigError("pad is out of range", got=str(pad), expected=f"0 to {limit}")
    return limit


def _reduced_region(
    image: UInt8Image, matrix: NDArray[np.float64], size: int, pad: int, factor: int
) -> tuple[UInt8Image, NDArray[np.float64]]:
    """The part of `image` under the padded crop, averaged over blocks, and the matrix for it."""
    height, width = image.shape[:2]
    inverse = cv2.invertAffineTransform(matrix)
    low, high = -pad - 1.0, size + pad + 1.0
    corners = np.array([[low, low, 1], [high, low, 1], [low, high, 1], [high, high, 1]])
    reach = corners @ inverse.T
    first = np.floor(reach.min(0) / factor).astype(int) - 1
    last = np.ceil(reach.max(0) / factor).astype(int) + 2
    # Outside the picture one repeated block is as good as many.
    blocks_x, blocks_y = -(-width // factor), -(-height // factor)
    left, right = np.clip([first[0], last[0]], 0, blocks_x)
    top, bottom = np.clip([first[1], last[1]], 0, blocks_y)
    left, top = min(left, blocks_x - 1), min(top, blocks_y - 1)
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    region = image[top * factor : bottom * factor, left * factor : right * factor]
    small = block_mean(region, factor)
    # Block j covers image pixels factor*(left+j) .. +factor-1; its centre is their middle.
    linear = matrix[:, :2] * factor
    origin = np.array([left, top]) * factor + (factor - 1) / 2
    return small, np.column_stack([linear, matrix[:, :2] @ origin + matrix[:, 2]])


def whole_image(image: UInt8Image, spec: CropSpec = DEFAULT_CROP) -> Detection:
    """The detection whose crop is the whole picture: for pictures that are crops already.

    The crop's square is the picture's longer side, around its middle.
    """
    height, width = image.shape[:2]
    side = max(height, width) / spec.box_side
    centre_x = (width - 1) / 2
    centre_y = (height - 1) / 2 - spec.box_shift * max(height, width)
    half = side / 2
    return Detection((centre_x - half, centre_y - half, centre_x + half, centre_y + half))


def fit_crop(image: UInt8Image, spec: CropSpec = DEFAULT_CROP) -> UInt8Image:
    """Bring a picture that is a face crop already to the crop's size.

    A square picture is scaled; any other is first made square by repeating
    its edges on the shorter sides. A picture of the right size is returned as
    it is.

    Parameters
    ----------
    image:
        H x W x 3, RGB, uint8.

    Returns
    -------
    numpy.ndarray
        size x size x 3, RGB, uint8.
    """
    if image.shape[:2] == (spec.size, spec.size):
        return image
    return align(image, whole_image(image, spec), spec)


def as_crops(crops: ArrayLike, side: int | None = None) -> NDArray[np.uint8]:
    """Crops (N x H x W x 3, or one crop without N; RGB, uint8) as one array with N.

    Parameters
    ----------
    side:
        Height and width that they must have; by default any.

    Raises
    ------
    InvalidArrayError
        If the shape or dtype is another.
    """
    pixels = np.asarray(crops)
    if pixels.ndim == 3:
        pixels = pixels[None]
    other = side is not None and pixels.shape[1:3] != (side, side)
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[3] != 3 or other:
        raise InvalidArrayError(
            "these are not face crops",
            got=f"{pixels.dtype} {pixels.shape}",
            expected=f"uint8 (N, {side or 'height'}, {side or 'width'}, 3)",
        )
    return pixels


def normalise(crops: ArrayLike, spec: CropSpec = DEFAULT_CROP) -> NDArray[np.float32]:
    """Turn crops into the network's input.

    Parameters
    ----------
    crops:
        N x size x size x 3 (or one crop without N), RGB, uint8.

    Returns
    -------
    numpy.ndarray
        N x 3 x size x size, float32: ``(pixel / 255 - mean) / std`` per channel.

    Raises
    ------
    InvalidArrayError
        If the shape or dtype is another.
    """
    pixels = as_crops(crops, spec.size)
    mean = np.asarray(spec.mean, np.float32)
    std = np.asarray(spec.std, np.float32)
    # Planes first, and in place: on interleaved pixels the same sums take six times as long.
    planes = pixels.transpose(0, 3, 1, 2).astype(np.float32, order="C")
    planes *= (1 / (255 * std))[:, None, None]
    planes -= (mean / std)[:, None, None]
    return planes
