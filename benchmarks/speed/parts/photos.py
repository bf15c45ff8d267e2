"""The photos that are timed: real portraits, and a 12-megapixel photo made from one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from facelage.data.align import CropSpec, align
from facelage.data.detect import Detection, FaceDetector
from facelage.data.images import list_images, load_image, save_image

LARGE = (3000, 4000)


@dataclass(frozen=True)
class Photos:
    """Portraits of 640 pixels, the large photo, and the faces and crops of the portraits."""

    portraits: list[Path]
    large: Path
    faces: list[Detection]
    crops: np.ndarray


def make_photos(
    portraits: Path, folder: Path, detector: FaceDetector, crop: CropSpec, count: int
) -> Photos:
    """The first portraits in which a face is found, and what is made from them in `folder`."""
    paths: list[Path] = []
    faces: list[Detection] = []
    crops: list[np.ndarray] = []
    for path in list_images(portraits):
        image = load_image(path)
        found = sorted(detector.detect(image), key=lambda face: -face.size)
        if found:
            paths.append(path)
            faces.append(found[0])
            crops.append(align(image, found[0], crop))
        if len(paths) == count:
            break
    if not paths:
        raise SystemExit(f"no face found in the photos of {portraits}")
    large = folder / "large.jpg"
    save_image(large, enlarge(load_image(paths[0])), quality=92)
    return Photos(paths, large, faces, np.stack(crops))


def enlarge(image: np.ndarray) -> np.ndarray:
    """The portrait as high as a 4000 x 3000 photo, on a grey wall with a camera's noise.

    A flat wall would be a photo that decodes too fast.
    """
    height, width = LARGE
    scale = height / image.shape[0]
    tall = cv2.resize(image, (round(image.shape[1] * scale), height), interpolation=cv2.INTER_CUBIC)
    canvas = np.full((height, width, 3), 128, np.uint8)
    left = max(0, (width - tall.shape[1]) // 2)
    canvas[:, left : left + tall.shape[1]] = tall[:, :width]
    noise = np.empty(canvas.shape, np.int16)
    cv2.setRNGSeed(0)
    cv2.randn(noise, 0, 2)
    return np.clip(canvas + noise, 0, 255).astype(np.uint8)
