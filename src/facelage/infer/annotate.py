"""Draw ages onto a photo."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from facelage.data.detect.base import Box
from facelage.data.images import UInt8Image
from facelage.infer.result import FaceAge

_FRAME = (0, 114, 178)  # RGB: blue of the Okabe-Ito set
_TEXT = (255, 255, 255)


def annotate(image: UInt8Image, faces: Sequence[FaceAge]) -> UInt8Image:
    """A copy of `image` (H x W x 3, RGB, uint8) with a box and an age for each face.

    Line width and text grow with the image, and a label stays inside it.
    Faces without a box (from crops) get their label in the corner.
    """
    canvas = image.copy()
    height, width = canvas.shape[:2]
    unit = max(1.0, min(height, width) / 400)
    line = max(1, round(1.5 * unit))
    for face in sorted(faces, key=lambda f: _width(f, width)):
        left, _, right, _ = face.box or (0.0, 0.0, float(width - 1), 0.0)
        # A label as wide as half its face, within readable limits.
        scale = float(np.clip((right - left) / 220, 0.35 * unit, 1.1 * unit))
        draw_face(canvas, face.box, f"{face.age:.0f}", scale=scale, line=line)
    return canvas


def draw_face(
    canvas: UInt8Image,
    box: Box | None,
    text: str,
    *,
    scale: float,
    line: int,
    colour: tuple[int, int, int] = _FRAME,
    text_colour: tuple[int, int, int] = _TEXT,
    steady: bool = False,
) -> None:
    """Draw a box and its label into `canvas` (H x W x 3, RGB, uint8).

    Parameters
    ----------
    box:
        (left, top, right, bottom) in pixels; None for a label in the corner.
    scale, line:
        Font scale of OpenCV's, and width of the box's line in pixels.
    colour, text_colour:
        RGB of the box with the label's ground, and of the text.
    steady:
        A label that would leave the picture stays at its edge over the face,
        rather than jump below it: for videos.
    """
    height, width = canvas.shape[:2]
    left, top, right, bottom = box or (0.0, 0.0, float(width - 1), float(height - 1))
    corner = (round(left), round(top))
    if box:
        cv2.rectangle(canvas, corner, (round(right), round(bottom)), colour, line, cv2.LINE_AA)
    font, thick = cv2.FONT_HERSHEY_DUPLEX, max(1, round(1.7 * scale))
    (text_width, text_height), base = cv2.getTextSize(text, font, scale, thick)
    margin = max(2, round(0.3 * text_height))
    box_height = text_height + base + margin
    x = int(np.clip(corner[0] - line // 2, 0, max(0, width - text_width - 2 * margin)))
    # Above the box, else below it, else just inside: a label must not hide a face.
    y = corner[1] - box_height
    if y < 0:
        below = not steady and round(bottom) + box_height <= height
        y = round(bottom) if below else 0 if steady else max(0, corner[1])
    cv2.rectangle(canvas, (x, y), (x + text_width + 2 * margin, y + box_height), colour, cv2.FILLED)
    place = (x + margin, y + text_height + margin // 2 + 1)
    cv2.putText(canvas, text, place, font, scale, text_colour, thick, cv2.LINE_AA)


def _width(face: FaceAge, full: int) -> float:
    return face.box[2] - face.box[0] if face.box else float(full)
