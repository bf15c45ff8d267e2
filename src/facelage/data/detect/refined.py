"""A detector's boxes, looked at again: landmarks for faces, and no false ones."""

from __future__ import annotations

import os

from facelage.data.detect.base import Box, Detection, FaceDetector, largest_side
from facelage.data.images import UInt8Image


class RefinedDetector:
    """Gives landmarks and scores to the boxes of any detector, and drops false faces.

    The project's own small network (:class:`facelage.data.landmarks.LandmarkNetwork`)
    looks at each box twice: the second time turned upright by the landmarks that it saw
    the first time. What it then takes for no face is left out, and so are boxes that
    have ended on the same face as a better one.

    Parameters
    ----------
    detector:
        What finds the faces. It may find too many rather than too few.
    path:
        The network's ONNX file; by default the one in the package.
    min_score:
        Faces below this score are left out.

    Attributes
    ----------
    name:
        The detector's: it has found the faces.

    Raises
    ------
    WeightsError
        If the network's file can't be used.
    """

    #: What the first look has to see for a second: a box beside a face may still lead to it.
    FIRST_SCORE = 0.1
    #: Share of the smaller of two boxes from which on, where they overlap, they are one face:
    #: what holds a whole face and more is none by itself.
    SAME_FACE = 0.6

    def __init__(
        self,
        detector: FaceDetector,
        path: str | os.PathLike[str] | None = None,
        *,
        min_score: float = 0.995,
    ) -> None:
        # Late, because that module needs this package.
        from facelage.data.landmarks import LandmarkNetwork

        self.detector = detector
        self.name = detector.name
        self.max_side = largest_side(detector)
        self.min_score = min_score
        self.network = LandmarkNetwork(path)

    def detect(self, image: UInt8Image) -> list[Detection]:
        """Find faces in H x W x 3 RGB uint8; best score first, all with landmarks."""
        seen = self.network.locate(image, self.detector.detect(image))
        hopeful = [face for face in seen if _score(face) >= self.FIRST_SCORE]
        faces = self.network.locate(image, hopeful)
        faces = sorted(
            (face for face in faces if _score(face) >= self.min_score),
            key=lambda face: -_score(face),
        )
        kept: list[Detection] = []
        for face in faces:
            if all(_shared(face.box, other.box) < self.SAME_FACE for other in kept):
                kept.append(face)
        return kept


def _score(face: Detection) -> float:
    return face.score if face.score is not None else 0.0


def _shared(first: Box, second: Box) -> float:
    """What two boxes share, as a share of the smaller, 0..1."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    areas = [(right - left) * (bottom - top) for left, top, right, bottom in (first, second)]
    return max(0.0, width) * max(0.0, height) / min(areas)
