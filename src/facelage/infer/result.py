"""What a prediction is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from facelage.data.detect.base import Box, Landmarks
from facelage.errors import FacelageError, WeightsError
from facelage.infer.intervals import Calibration


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
    interval:
        (low, high) in years, which holds the true age of `coverage` of the
        faces of the kind that the model was calibrated on; None for a model
        without a calibration.
    coverage:
        The share that `interval` was asked for, in 0..1; None without one.
    calibration:
        What the interval comes from.
    spread:
        How far off the ages of such faces usually are, over what is usual at this age:
        above 1 for a face that the model is less sure of than of most. The interval is
        that much wider. 1 for a model that does not say.
    """

    age: float
    box: Box | None
    landmarks: Landmarks | None
    score: float | None
    detector: str
    model: str
    interval: tuple[float, float] | None = None
    coverage: float | None = None
    calibration: Calibration | None = field(default=None, repr=False, compare=False)
    spread: float = 1.0

    def probability_at_least(self, threshold: float) -> float:
        """The probability that the person is `threshold` years or older, in 0..1.

        Like the interval, it holds for faces of the kind that the model was
        calibrated on, and is no ground for a decision about a person by itself.

        Raises
        ------
        WeightsError
            If the model has no calibration.
        """
        if self.calibration is None:
            raise WeightsError(
                "the model can't say how sure it is",
                got=f"{self.model} without a calibration",
                fix="facelage export --calibrate, with faces that it was not trained on",
            )
        return float(self.calibration.probability_at_least(self.age, threshold, self.spread))

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: lists for tuples, numbers rounded."""
        return {
            "age": round(self.age, 2),
            "interval": [round(end, 2) for end in self.interval] if self.interval else None,
            "coverage": self.coverage,
            "spread": round(self.spread, 3),
            "box": [round(float(value), 1) for value in self.box] if self.box else None,
            "landmarks": [[round(float(x), 1), round(float(y), 1)] for x, y in self.landmarks]
            if self.landmarks
            else None,
            "score": None if self.score is None else round(float(self.score), 4),
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
