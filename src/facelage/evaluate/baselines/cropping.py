"""The crops that other people's models were trained on, cut from a photo and a face.

Each rule is plain data, so that a peer's spec can hold it, and moves with the
face: a photo shifted by whole pixels gives the same crop, away from its edges.
Outside the photo its edge is repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from facelage.data.align import DEFAULT_CROP, CropSpec, Point, align
from facelage.data.detect.base import Detection
from facelage.data.images import UInt8Image
from facelage.errors import DetectorError, InvalidArrayError

Rect = tuple[float, float, float, float]
Template = tuple[Point, Point, Point, Point, Point]

#: Where five landmarks go, as fractions of the crop's side. ArcFace's are the
#: pixels of its 112 x 112 template (Deng et al., CVPR 2019, as published with
#: InsightFace), whose first pixel's centre is (0, 0).
TEMPLATES: dict[str, Template] = {
    "arcface": (
        ((38.2946 + 0.5) / 112, (51.6963 + 0.5) / 112),
        ((73.5318 + 0.5) / 112, (51.5014 + 0.5) / 112),
        ((56.0252 + 0.5) / 112, (71.7366 + 0.5) / 112),
        ((41.5493 + 0.5) / 112, (92.3655 + 0.5) / 112),
        ((70.7299 + 0.5) / 112, (92.2041 + 0.5) / 112),
    ),
    "facelage": DEFAULT_CROP.landmarks,
}
_LONGEST = 20_000  # pixels of a cut's side: more is a broken box, not a face


@dataclass(frozen=True, slots=True)
class BoxCrop:
    """The face's box with a margin, stretched to the network's square.

    Attributes
    ----------
    margin:
        On each side, as a share of the box's own width or height.
    difference:
        Also on each side: this many times the difference of width and height.
    """

    margin: float = 0.0
    difference: float = 0.0

    def rect(self, face: Detection) -> Rect:
        """(left, top, right, bottom) in the photo's pixels."""
        left, top, right, bottom = face.box
        width, height = right - left, bottom - top
        more = self.difference * abs(width - height)
        x, y = self.margin * width + more, self.margin * height + more
        return left - x, top - y, right + x, bottom + y


@dataclass(frozen=True, slots=True)
class SquareCrop:
    """A square around the middle of the face's box.

    Attributes
    ----------
    scale:
        Its side over the box's longer side.
    shift:
        (right, down), in sides of the square.
    """

    scale: float = 1.0
    shift: Point = (0.0, 0.0)

    def rect(self, face: Detection) -> Rect:
        """(left, top, right, bottom) in the photo's pixels."""
        left, top, right, bottom = face.box
        side = max(right - left, bottom - top) * self.scale
        x = (left + right) / 2 + self.shift[0] * side
        y = (top + bottom) / 2 + self.shift[1] * side
        return x - side / 2, y - side / 2, x + side / 2, y + side / 2


@dataclass(frozen=True, slots=True)
class NoseCrop:
    """A square around the tip of the nose.

    Attributes
    ----------
    reach:
        From the nose to the square's sides: ``"top"``, as far as to the box's
        upper edge, or ``"half_width"``, half the box's width.
    """

    reach: str = "half_width"

    def rect(self, face: Detection) -> Rect:
        """(left, top, right, bottom) in the photo's pixels.

        Raises
        ------
        DetectorError
            If the face has no landmarks, or its nose lies above its box.
        """
        x, y = _landmarks(face)[2]
        left, top, right, _ = face.box
        half = y - top if self.reach == "top" else (right - left) / 2
        return x - half, y - half, x + half, y + half


@dataclass(frozen=True, slots=True)
class PointsCrop:
    """The face turned upright: the similarity that fits its five landmarks to a template.

    Attributes
    ----------
    template:
        Where the landmarks go, as fractions of the template's side, in the
        order of :class:`facelage.data.detect.Detection`.
    centre, side:
        The part of the template's square that is cut out, in its sides:
        (0.5, 0.5) and 1 are the whole of it.
    """

    template: Template = TEMPLATES["arcface"]
    centre: Point = (0.5, 0.5)
    side: float = 1.0

    def spec(self, size: int) -> CropSpec:
        """The same rule as facelage's own alignment takes it."""
        corner = np.asarray(self.centre) - self.side / 2
        points = (np.asarray(self.template) - corner) / self.side
        return CropSpec(size=size, landmarks=cast(Template, tuple(map(tuple, points.tolist()))))


CropRule = BoxCrop | SquareCrop | NoseCrop | PointsCrop


def cut(image: UInt8Image, face: Detection, size: int, rule: CropRule) -> UInt8Image:
    """Cut one face out of a photo by a rule.

    Parameters
    ----------
    image:
        H x W x 3, RGB, uint8.
    face:
        The face, in the photo's pixels.
    size:
        Side of the crop in pixels, 16 to 1024.
    rule:
        The rule.

    Returns
    -------
    numpy.ndarray
        size x size x 3, RGB, uint8.

    Raises
    ------
    InvalidArrayError
        If the image is no photo, or the cut is empty or absurdly large.
    DetectorError
        If the rule needs landmarks and the face has none.
    """
    pixels = np.asarray(image)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise InvalidArrayError(
            "this is not a photo",
            got=f"{pixels.dtype} {pixels.shape}",
            expected="uint8 (height, width, 3)",
        )
    if isinstance(rule, PointsCrop):
        _landmarks(face)
        return align(pixels, face, rule.spec(size))
    region = _region(pixels, rule.rect(face))
    # Averaging, where the face is larger than the crop: as a smaller photo would show it.
    shrinks = min(region.shape[:2]) > size
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cast(UInt8Image, cv2.resize(region, (size, size), interpolation=method))


def _landmarks(face: Detection) -> Template:
    if face.landmarks is None:
        raise DetectorError(
            "this model's crop needs landmarks",
            got="a face without",
            fix="find the faces with YuNet, which gives five",
        )
    return face.landmarks


def _region(image: NDArray[np.uint8], rect: Rect) -> NDArray[np.uint8]:
    """The pixels whose centres lie in `rect`, the photo's edge repeated outside of it."""
    left, top, right, bottom = (int(np.floor(end + 0.5)) for end in rect)
    if not (0 < right - left <= _LONGEST and 0 < bottom - top <= _LONGEST):
        raise InvalidArrayError(
            "the crop has no sensible size",
            got=f"{right - left} x {bottom - top} px",
            expected=f"1 to {_LONGEST} px a side",
        )
    height, width = image.shape[:2]
    if left >= 0 and top >= 0 and right <= width and bottom <= height:
        return image[top:bottom, left:right]
    rows = np.clip(np.arange(top, bottom), 0, height - 1)
    columns = np.clip(np.arange(left, right), 0, width - 1)
    return image[rows[:, None], columns]


def check_lengths(images: Sequence[UInt8Image], faces: Sequence[Detection | None]) -> None:
    """Raise an :class:`InvalidArrayError` unless there is one face an image."""
    if len(images) != len(faces):
        raise InvalidArrayError(
            "there must be one face an image",
            got=f"{len(images)} images and {len(faces)} faces",
            expected="as many of both",
        )
