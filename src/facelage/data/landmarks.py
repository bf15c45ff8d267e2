"""Five landmarks and a face score for a box: the project's own small network.

It looks at the patch of a picture around a box, whichever detector drew it, and
says where eyes, nose and mouth are and whether this is a face at all. The patch
is cut by :func:`facelage.data.align.align` with a crop of its own, which its
model file carries. ``benchmarks/landmarks/train.py`` trained it.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from facelage.data.align import CropSpec, align, similarity_to_crop
from facelage.data.detect.base import Box, Detection, Landmarks
from facelage.data.images import UInt8Image
from facelage.errors import WeightsError
from facelage.onnx_sessions import open_session

#: The network's file in the package.
SHIPPED = Path(__file__).parent.parent / "weights" / "face_landmarks_0.1.0.onnx"
#: Keys of its metadata.
PATCH_KEY = "facelage.patch"
NAME_KEY = "facelage.name"

#: Width over height of the boxes that YuNet draws: the median over the training photos of
#: All-Age-Faces and LFW.
BOX_ASPECT = 0.76


class LandmarkNetwork:
    """Runs the network on the boxes of a picture.

    Used from any number of threads; pickles as its path.

    Parameters
    ----------
    path:
        An ONNX file that ``benchmarks/landmarks/train.py`` wrote; by default the
        one in the package.

    Raises
    ------
    WeightsError
        If the file is missing, or is another model's.

    Notes
    -----
    Its input is patches (N x size x size x 3, RGB, uint8); its outputs are how
    far each landmark lies from its place in the patch's crop (N x 5 x 2, as
    fractions of the patch's side) and the face score (N, 0..1), both float32.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = Path(path) if path is not None else SHIPPED
        self._open()

    def _open(self) -> None:
        self._session, metadata = _session(self.path)
        #: The crop of its patches.
        self.patch = CropSpec.from_json(metadata[PATCH_KEY])
        self.name = metadata.get(NAME_KEY) or self.path.stem

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    def locate(self, image: UInt8Image, faces: Sequence[Detection]) -> list[Detection]:
        """Find the landmarks of faces that a detector has found.

        Parameters
        ----------
        image:
            H x W x 3, RGB, uint8.
        faces:
            What the detector found, in pixels of `image`. The patch is cut by
            the landmarks of those that have some, by the box of the others.

        Returns
        -------
        list of Detection
            One for each of `faces`, in their order: the landmarks, the box that
            YuNet would draw around them, and the probability of a face.
        """
        if not faces:
            return []
        patches = np.stack([align(image, face, self.patch) for face in faces])
        offsets, scores = self._session.run(None, {"patches": patches})
        return [
            self._in_image(face, offset, float(score))
            for face, offset, score in zip(faces, offsets, scores, strict=True)
        ]

    def _in_image(self, face: Detection, offset: NDArray[np.float32], score: float) -> Detection:
        matrix = similarity_to_crop(face, self.patch)
        inside = (np.asarray(self.patch.landmarks) + offset) * self.patch.size - 0.5
        back = cv2.invertAffineTransform(matrix)
        points = inside @ back[:, :2].T + back[:, 2]
        landmarks = cast(Landmarks, tuple((float(x), float(y)) for x, y in points))
        return Detection(box_around(landmarks, face.box, self.patch), landmarks, score)


def box_around(landmarks: Landmarks, fallback: Box, spec: CropSpec) -> Box:
    """The upright box, as YuNet draws it, that belongs to five landmarks.

    It gives the crop of `spec` that the landmarks give, unless they are turned.
    `fallback` is what a face's box was before, for landmarks that fall together.
    """
    matrix = similarity_to_crop(Detection(fallback, landmarks), spec)
    back = cv2.invertAffineTransform(matrix)
    middle = (spec.size - 1) / 2
    side = spec.size * math.hypot(back[0, 0], back[1, 0])
    # The crop's centre lies below the box's along the face's own axis.
    centre = back @ np.array([middle, middle - spec.box_shift * spec.size, 1.0])
    width = side / spec.box_side * math.sqrt(BOX_ASPECT)
    height = width / BOX_ASPECT
    x, y = float(centre[0]), float(centre[1])
    return (x - width / 2, y - height / 2, x + width / 2, y + height / 2)


_lock = threading.Lock()


def _session(path: Path) -> tuple[Any, dict[str, str]]:
    """The session of a file, opened once in a process: it keeps no state between runs."""
    if not path.is_file():
        raise WeightsError(
            "there is no landmark network",
            got=str(path),
            fix="install facelage again; its wheel carries the file",
        )
    status = path.stat()
    with _lock:
        return _opened(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4)
def _opened(path: Path, _modified: int, _size: int) -> tuple[Any, dict[str, str]]:
    try:
        # A patch takes a fraction of a millisecond: threads would cost more than they bring.
        session = open_session(path, threads=1)
    except Exception as error:  # ONNX Runtime's classes are not public
        raise WeightsError(
            "the landmark network can't be loaded",
            got=f"{path}: {str(error).splitlines()[0]}",
            expected="an ONNX file written by benchmarks/landmarks/train.py",
        ) from error
    metadata = dict(session.get_modelmeta().custom_metadata_map)
    if PATCH_KEY not in metadata:
        raise WeightsError(
            "the file is no landmark network",
            got=f"{path} without the metadata {PATCH_KEY!r}",
            expected="an ONNX file written by benchmarks/landmarks/train.py",
        )
    return session, metadata
