"""Pictures without people and a detector that knows what to find in them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from facelage.data.detect import Detection
from facelage.data.images import save_image
from facelage.data.manifest import Manifest, from_records


def texture(seed: int, side: int = 96) -> np.ndarray:
    """A smooth random picture; two seeds give clearly different perceptual hashes."""
    coarse = np.random.default_rng(seed).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    image = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    image[0, 0] = 99  # no mark for MarkDetector
    return image


def write_textures(folder: Path, count: int, side: int = 64) -> Manifest:
    """`count` different pictures with ages 0, 1, 2 ... 79, 0, ... in one folder."""
    records = []
    for index in range(count):
        save_image(folder / f"{index:03}.png", texture(index, side))
        records.append({"path": f"{index:03}.png", "age": float(index % 80)})
    return from_records(records, folder)


class MarkDetector:
    """Finds one face in the middle of a picture, or what the first pixel's red value asks for."""

    name = "marks"
    MARKS = {"no_face": 1, "several_faces": 2, "small_face": 3}  # noqa: RUF012

    def detect(self, image: np.ndarray) -> list[Detection]:
        height, width = image.shape[:2]
        mark = int(image[0, 0, 0])
        if mark == 1:
            return []
        side = 5.0 if mark == 3 else 0.6 * width
        middle_x, middle_y = width / 2, height / 2
        box = (middle_x - side / 2, middle_y - side / 2, middle_x + side / 2, middle_y + side / 2)
        eyes, mouth = middle_y - side / 5, middle_y + side / 4
        landmarks = (
            (middle_x - side / 5, eyes),
            (middle_x + side / 5, eyes),
            (middle_x, middle_y),
            (middle_x - side / 6, mouth),
            (middle_x + side / 6, mouth),
        )
        return [Detection(box, landmarks, 0.9)] * (2 if mark == 2 else 1)
