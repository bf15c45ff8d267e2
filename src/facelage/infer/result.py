"""What a prediction is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from facelage.data.detect.base import Box, Landmarks
from facelage.errors import FacelageError


@dataclass(frozen=True, slots=True)
class FaceAge:
    """The age of one face.

    Attributes
    ----------
    age:
        Estimated age in years; a float, never negative. Round it for display.
    box:
        (left, top, right, bottom) of the face in pixels of the image; None for
        an image that is a crop already.
    landmarks:
        Five (x, y) points in pixels: eye, eye, nose tip, mouth corner, mouth
        corner, left to right in the picture; None if the detector has none.
    score:
        The detector's confidence in 0..1; None if it has none.
    detector:
        Name of the detector that found the face; ``"none"`` for crops.
    model:
        Name and version of the weights.
    """

    age: float
    box: Box | None
    landmarks: Landmarks | None
    score: float | None
    detector: str
    model: str

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: lists for tuples, numbers rounded."""
        return {
            "age": round(self.age, 2),
            "box": [round(value, 1) for value in self.box] if self.box else None,
            "landmarks": [[round(x, 1), round(y, 1)] for x, y in self.landmarks]
            if self.landmarks
            else None,
            "score": None if self.score is None else round(self.score, 4),
            "detector": self.detector,
            "model": self.model,
        }


@dataclass(frozen=True, slots=True)
class ImageResult:
    """One item of a batch: the faces of an image, or what was wrong with it.

    Attributes
    ----------
    status:
        ``"ok"``, ``"no_face"`` or ``"unreadable"``.
    faces:
        The faces, largest first; empty unless the status is ok.
    error:
        Why the image could not be read; None otherwise.
    """

    status: str
    faces: tuple[FaceAge, ...] = ()
    error: FacelageError | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "status": self.status,
            "faces": [face.to_dict() for face in self.faces],
            "error": str(self.error) if self.error else None,
        }
