"""What a face detector is, and what it finds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, cast, runtime_checkable

from facelage.data.images import UInt8Image
from facelage.errors import DetectorError

Box = tuple[float, float, float, float]
Landmarks = tuple[
    tuple[float, float],
    tuple[float, float],
    tuple[float, float],
    tuple[float, float],
    tuple[float, float],
]


@dataclass(frozen=True, slots=True)
class Detection:
    """One face.

    Attributes
    ----------
    box:
        (left, top, right, bottom) in pixels of the image, from the middle of
        the forehead to the chin; it may reach beyond the image.
    landmarks:
        Five (x, y) points in pixels: eye, eye, nose tip, mouth corner, mouth
        corner, left to right as seen in the picture; None from a detector
        that has none.
    score:
        The detector's confidence in 0..1; None from a detector that has none.
    """

    box: Box
    landmarks: Landmarks | None = None
    score: float | None = None

    def __post_init__(self) -> None:
        left, top, right, bottom = self.box
        if not (all(map(math.isfinite, self.box)) and right > left and bottom > top):
            raise DetectorError(
                "a face box must have a positive size",
                got=str(self.box),
                expected="(left, top, right, bottom) in pixels",
            )
        if self.landmarks is not None and not (
            len(self.landmarks) == 5
            and all(len(point) == 2 and all(map(math.isfinite, point)) for point in self.landmarks)
        ):
            raise DetectorError(
                "a face has five landmarks, or None",
                got=str(self.landmarks),
                expected="five finite points (x, y) in pixels",
            )

    @property
    def size(self) -> float:
        """Geometric mean of the box's sides, in pixels."""
        left, top, right, bottom = self.box
        return math.sqrt((right - left) * (bottom - top))

    def moved(self, scale: float, shift: tuple[float, float] = (0.0, 0.0)) -> Detection:
        """The face with every coordinate `scale` times as large, then shifted by (x, y)."""
        x, y = shift
        left, top, right, bottom = self.box
        landmarks = self.landmarks
        if landmarks is not None:
            landmarks = cast(Landmarks, tuple((a * scale + x, b * scale + y) for a, b in landmarks))
        box = (left * scale + x, top * scale + y, right * scale + x, bottom * scale + y)
        return Detection(box, landmarks, self.score)


@runtime_checkable
class FaceDetector(Protocol):
    """Anything that finds faces; write your own and pass it as ``detector=``.

    Detectors are pickled to worker processes and shared between threads, so
    an implementation has to be safe for both. One that shrinks larger images to
    a longer side of so many pixels may say so by an attribute `max_side`; large
    JPEG photos are then decoded no finer than that to find faces.
    """

    @property
    def name(self) -> str:
        """A short name, kept with every result."""
        ...

    def detect(self, image: UInt8Image) -> list[Detection]:
        """Find the faces of an image (H x W x 3, RGB, uint8), best score first."""
        ...


def largest_side(detector: FaceDetector) -> float | None:
    """The longer side to which a detector shrinks images; None if it does not say."""
    side = getattr(detector, "max_side", None)
    return float(side) if isinstance(side, (int, float)) and side > 0 else None


def box_iou(first: Box, second: Box, *, widen: float = 0.0) -> float:
    """Intersection over union of two boxes, 0..1.

    Each side of a box is first moved out by `widen` of its width or height.
    """
    left1, top1, right1, bottom1 = _widened(first, widen)
    left2, top2, right2, bottom2 = _widened(second, widen)
    width = min(right1, right2) - max(left1, left2)
    height = min(bottom1, bottom2) - max(top1, top2)
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    areas = (right1 - left1) * (bottom1 - top1) + (right2 - left2) * (bottom2 - top2)
    return shared / (areas - shared)


def _widened(box: Box, by: float) -> Box:
    left, top, right, bottom = box
    x, y = by * (right - left), by * (bottom - top)
    return (left - x, top - y, right + x, bottom + y)
