"""From what a user writes as ``detector=`` to a detector."""

from __future__ import annotations

import warnings

from facelage.data.detect.base import FaceDetector
from facelage.data.detect.haar import HaarDetector
from facelage.data.detect.refined import RefinedDetector
from facelage.data.detect.yunet import YuNetDetector
from facelage.errors import (
    ChecksumError,
    DetectorError,
    DetectorFallbackWarning,
    DownloadError,
    MissingDependencyError,
)

DetectorLike = str | FaceDetector | None


def resolve_detector(detector: DetectorLike = "auto") -> FaceDetector | None:
    """The detector that `detector` stands for; None means images that are crops already.

    ``"auto"`` is YuNet if its model file is at hand or can be downloaded;
    otherwise Haar, with one :class:`DetectorFallbackWarning`. The other names
    are ``"yunet"``, ``"haar"``, ``"deepface"`` and ``"deepface-BACKEND"``; an
    object with a ``detect`` method is used as it is. Haar by name or as the
    fallback is a :class:`RefinedDetector`; the bare cascade is an object,
    ``HaarDetector()``.

    Raises
    ------
    DetectorError
        If the name is unknown, or the named detector can't run here.
    """
    if detector is None:
        return None
    if not isinstance(detector, str):
        if isinstance(detector, type) or not isinstance(detector, FaceDetector):
            raise DetectorError(
                "not a face detector",
                got=repr(detector) if isinstance(detector, type) else type(detector).__name__,
                expected="an object with `name` and `detect(image) -> list[Detection]`",
            )
        return detector
    if detector == "auto":
        return _auto()
    if detector == "yunet":
        return YuNetDetector()
    if detector == "haar":
        return _haar()
    if detector == "deepface" or detector.startswith("deepface-"):
        from facelage.data.detect.deepface import DeepFaceDetector

        return DeepFaceDetector(detector.partition("-")[2] or "opencv")
    raise DetectorError(
        "unknown face detector",
        got=repr(detector),
        expected="'auto', 'yunet', 'haar', 'deepface-BACKEND', None or a detector object",
    )


def _auto() -> FaceDetector:
    try:
        return YuNetDetector()
    except (DownloadError, ChecksumError, MissingDependencyError) as reason:
        fallback = _haar()
        warnings.warn(
            f"YuNet's model file is not at hand ({reason.problem}), so OpenCV's Haar cascade "
            "finds the faces: it misses more of them, turned ones above all, and takes longer. "
            "Run `facelage download` once, or set FACELAGE_YUNET to the file.",
            DetectorFallbackWarning,
            stacklevel=4,
        )
        return fallback


def _haar() -> FaceDetector:
    """The cascade, as lax as can be: the network that looks again is the judge.

    Chosen on validation photos (benchmarks/landmarks/choose.py).
    """
    return RefinedDetector(HaarDetector(min_neighbors=1))
