"""DeepFace's detectors behind the same protocol (extra ``deepface``)."""

from __future__ import annotations

from typing import Any

import cv2

from facelage.data.detect.base import Detection, Landmarks
from facelage.data.images import UInt8Image
from facelage.errors import DetectorError, MissingDependencyError


class DeepFaceDetector:
    """Any of DeepFace's detector backends.

    Parameters
    ----------
    backend:
        DeepFace's name: ``"opencv"``, ``"retinaface"``, ``"mtcnn"``, ... Most
        download weights of their own at first use.

    Raises
    ------
    MissingDependencyError
        If the extra is not installed.
    """

    def __init__(self, backend: str = "opencv") -> None:
        self.backend = backend
        self.name = f"deepface-{backend}"
        self._deepface()

    @staticmethod
    def _deepface() -> Any:
        try:
            from deepface import DeepFace
        except (ImportError, ValueError) as error:  # ValueError: it misses tf-keras
            raise MissingDependencyError(
                "DeepFace's detectors are not installed",
                got=str(error),
                fix="pip install 'facelage[deepface]'",
            ) from error
        return DeepFace

    def detect(self, image: UInt8Image) -> list[Detection]:
        """Find faces in H x W x 3 RGB uint8; best score first.

        DeepFace's answer for "no face" (the whole frame with confidence 0) is
        dropped rather than aged.
        """
        try:
            found = self._deepface().extract_faces(
                img_path=cv2.cvtColor(image, cv2.COLOR_RGB2BGR),
                detector_backend=self.backend,
                enforce_detection=False,
                align=False,
            )
        except Exception as error:  # each backend raises its own kinds
            raise DetectorError(
                f"DeepFace's detector {self.backend!r} failed", got=f"{error}"
            ) from error
        faces = []
        for face in found:
            area, score = face["facial_area"], float(face.get("confidence") or 0.0)
            if not score > 0.0 or area["w"] <= 0 or area["h"] <= 0:
                continue
            left, top = float(area["x"]), float(area["y"])
            box = (left, top, left + float(area["w"]), top + float(area["h"]))
            faces.append(Detection(box, _landmarks(area), min(score, 1.0)))
        return sorted(faces, key=lambda face: -(face.score or 0.0))


def _landmarks(area: dict[str, Any]) -> Landmarks | None:
    # DeepFace names eyes and mouth corners from the person's own view; ours go by the picture.
    names = ("right_eye", "left_eye", "nose", "mouth_right", "mouth_left")
    points = [area.get(name) for name in names]
    if any(point is None for point in points):
        return None
    eyes = sorted(((float(x), float(y)) for x, y in points[:2]))  # type: ignore[misc]  # no None left
    mouth = sorted(((float(x), float(y)) for x, y in points[3:]))  # type: ignore[misc]
    nose = points[2]
    assert nose is not None
    return (eyes[0], eyes[1], (float(nose[0]), float(nose[1])), mouth[0], mouth[1])
