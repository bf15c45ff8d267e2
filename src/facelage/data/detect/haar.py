"""Viola-Jones on the cascades inside OpenCV 4: what runs when nothing may be downloaded."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facelage.data.detect.base import Detection
from facelage.data.images import UInt8Image
from facelage.errors import DetectorError

CASCADE = "haarcascade_frontalface_default.xml"


class HaarDetector:
    """Boxes from OpenCV's frontal-face cascade; no landmarks.

    Finds upright, frontal faces only, so crops are not turned upright, and it
    takes some textures for faces: see ``docs/detectors.md`` for what that costs.

    Parameters
    ----------
    min_neighbors:
        How many overlapping hits make a face; more means fewer false faces
        and fewer faces.
    max_side:
        A larger image is shrunk to this longer side first.

    Raises
    ------
    DetectorError
        If this OpenCV has no cascades (5.0 and newer).
    """

    name = "haar"

    # Where YuNet draws its box on a face that the cascade found, as fractions of
    # the cascade's square: boxes then mean the same whichever detector ran. The
    # medians that `benchmarks/accuracy/detectors.py --fit` prints.
    _LEFT, _TOP, _RIGHT, _BOTTOM = 0.09, -0.05, 0.92, 1.05

    def __init__(self, *, min_neighbors: int = 5, max_side: int = 640) -> None:
        folder = getattr(getattr(cv2, "data", None), "haarcascades", None)
        self.path = Path(folder or ".") / CASCADE
        if not hasattr(cv2, "CascadeClassifier") or not folder or not self.path.is_file():
            raise DetectorError(
                "this OpenCV has no face cascade",
                got=f"OpenCV {cv2.__version__}",
                expected="opencv-python 4.x",
                fix="pip install 'opencv-python<5', or run: facelage download",
            )
        self.min_neighbors = min_neighbors
        self.max_side = max_side
        self._local = threading.local()

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_local"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._local = threading.local()

    def _cascade(self) -> Any:
        cascade = getattr(self._local, "cascade", None)
        if cascade is None:
            cascade = self._local.cascade = cv2.CascadeClassifier(str(self.path))
        return cascade

    def detect(self, image: UInt8Image) -> list[Detection]:
        """Find faces in H x W x 3 RGB uint8; largest first, without scores."""
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        scale = min(1.0, self.max_side / max(grey.shape))
        if scale < 1.0:
            height, width = (max(1, round(side * scale)) for side in grey.shape)
            grey = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)
        # A tight chip shows the cascade no surroundings; repeated edges make up for them.
        edge = round(0.15 * max(grey.shape))
        grey = cv2.copyMakeBorder(grey, edge, edge, edge, edge, cv2.BORDER_REPLICATE)
        squares = self._cascade().detectMultiScale(
            cv2.equalizeHist(grey),
            scaleFactor=1.1,
            minNeighbors=self.min_neighbors,
            minSize=(24, 24),
        )
        faces = []
        for x, y, width, height in np.asarray(squares, np.float64).reshape(-1, 4):
            x, y = (x - edge) / scale, (y - edge) / scale
            width, height = width / scale, height / scale
            faces.append(
                Detection(
                    (
                        float(x + self._LEFT * width),
                        float(y + self._TOP * height),
                        float(x + self._RIGHT * width),
                        float(y + self._BOTTOM * height),
                    )
                )
            )
        return sorted(faces, key=lambda face: -face.size)
