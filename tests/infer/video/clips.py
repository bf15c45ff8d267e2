"""Clips for the tests, and what stands in for a detector where no real one is needed."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from facelage.infer import FaceAge

GREY = 128


def crossing(
    first: np.ndarray, second: np.ndarray, frames: int = 45, size: tuple[int, int] = (640, 480)
) -> Iterator[np.ndarray]:
    """Two portraits pass each other, `first` in front and from left to right.

    Frames of RGB uint8. The heads meet in the middle frame, where the one
    behind is hidden.
    """
    width, height = size
    heads = [_head(picture, height // 2) for picture in (second, first)]
    for number in range(frames):
        share = number / (frames - 1)
        canvas = np.full((height, width, 3), GREY, np.uint8)
        for (head, mask), along, lift in zip(heads, (1 - share, share), (10, -10), strict=True):
            h, w = mask.shape[:2]
            left = round(along * (width - w))
            top = (height - h) // 2 + lift
            part = canvas[top : top + h, left : left + w]
            part[:] = np.rint(part * (1 - mask) + head * mask)
        yield canvas


def _head(picture: np.ndarray, height: int) -> tuple[np.ndarray, np.ndarray]:
    """The middle of a portrait in an ellipse: pixels, and how opaque they are (0..1)."""
    side = min(picture.shape[:2])
    width = height * 4 // 5
    middle = picture[round(0.1 * side) : round(0.9 * side), round(0.18 * side) : round(0.82 * side)]
    head = cv2.resize(middle, (width, height), interpolation=cv2.INTER_AREA)
    mask = np.zeros((height, width), np.float32)
    centre, axes = (width // 2, height // 2), (width // 2 - 6, height // 2 - 6)
    cv2.ellipse(mask, centre, axes, 0, 0, 360, 1.0, cv2.FILLED)
    return head, cv2.GaussianBlur(mask, (9, 9), 0)[..., None]


class SquareFinder:
    """A predictor whose faces are the bright squares of a dark picture; brightness is age + 100.

    Squares that touch are one face, as a hidden face is none.
    """

    def __init__(self) -> None:
        self.calls = 0

    def predict(
        self, image: np.ndarray, *, color: str = "rgb", coverage: float = 0.9
    ) -> list[FaceAge]:
        self.calls += 1
        grey = image.max(axis=2)
        count, _, stats, _ = cv2.connectedComponentsWithStats((grey > 99).astype(np.uint8))
        faces = []
        for left, top, width, height, _ in stats[1:count].tolist():
            part = grey[top : top + height, left : left + width]
            age = float(np.median(part[part > 99])) - 100  # a video's pixels are not exact
            box = (float(left), float(top), float(left + width), float(top + height))
            faces.append(FaceAge(age, box, None, 0.9, "squares", "none"))
        return faces


def squares(*faces: tuple[float, float, float, float]) -> np.ndarray:
    """A picture (240 x 320) with a square at each (centre x, centre y, side, age)."""
    image = np.zeros((240, 320, 3), np.uint8)
    for x, y, side, age in faces:
        corner = (round(x - side / 2), round(y - side / 2))
        end = (corner[0] + round(side) - 1, corner[1] + round(side) - 1)
        cv2.rectangle(image, corner, end, (round(100 + age),) * 3, cv2.FILLED)
    return image
