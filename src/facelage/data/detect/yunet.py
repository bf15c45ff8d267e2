"""YuNet: the default detector."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np

from facelage.data.detect.base import Detection, Landmarks, box_iou
from facelage.data.detect.yunet_network import NMS_THRESHOLD, YuNetNetwork
from facelage.data.images import UInt8Image
from facelage.data.shrink import block_mean
from facelage.errors import DetectorError
from facelage.files import cache_dir, fetch, sha256

YUNET_NAME = "face_detection_yunet_2023mar.onnx"
YUNET_URL = (
    "https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/" + YUNET_NAME
)
YUNET_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"

#: A glance's faces of fewer pixels (the square root of the box) have rough landmarks: a reason
#: to look again.
_LARGE = 64
#: What might be a face is looked at again from this score on. A face of fewer than so many
#: pixels in the glance shows less there than one that is large enough to be seen in it.
_HINT, _SMALL_HINT, _SMALL = 0.08, 0.02, 32
#: So many pixels around it are looked at with it.
_MARGIN = 48


def find_yunet(path: str | os.PathLike[str] | None = None) -> Path | None:
    """YuNet's model file if it is on this machine: `path`, ``FACELAGE_YUNET``, the cache.

    Raises
    ------
    DetectorError
        If `path` or ``FACELAGE_YUNET`` is given and names no file.
    """
    for given, origin in ((path, "path"), (os.environ.get("FACELAGE_YUNET"), "FACELAGE_YUNET")):
        if given:
            if not Path(given).is_file():
                raise DetectorError(
                    "there is no YuNet model file",
                    got=f"{origin}={os.fspath(given)}",
                    expected=f"the path of {YUNET_NAME}",
                    fix="correct the path, or run: facelage download",
                )
            return Path(given)
    cached = cache_dir() / YUNET_NAME
    try:
        return cached if cached.is_file() and sha256(cached) == YUNET_SHA256 else None
    except OSError:  # somebody else's; `fetch` says so
        return None


def download_yunet(url: str = YUNET_URL) -> Path:
    """Fetch YuNet's model (232 KB, MIT) into the cache, sha256 checked; see :func:`fetch`."""
    return fetch(url, YUNET_SHA256, name=YUNET_NAME)


class YuNetDetector:
    """Boxes, five landmarks and scores from YuNet (Wu et al., 2023).

    Parameters
    ----------
    path:
        The ONNX file; by default ``FACELAGE_YUNET``, the cache, or one download.
    score_threshold:
        Faces below this score are left out.
    max_side:
        A larger image is shrunk to this longer side for detection. YuNet knows
        faces of about 10 to 300 pixels.
    glance:
        Look at half of that size first, which takes a quarter of the time, then
        in the whole size where that shows a small face or what might be one, and
        at all of it if it shows no face. Where the whole size shows nothing, a
        face that fills the frame is kept from the glance. Otherwise (False) the
        half size is looked at last, where the whole size shows nothing.

    Raises
    ------
    DetectorError
        If there is no usable model file.
    DownloadError
        If the file has to be downloaded and can't be.
    """

    name = "yunet"

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        score_threshold: float = 0.6,
        max_side: int = 640,
        glance: bool = True,
    ) -> None:
        self.path = find_yunet(path) or download_yunet()
        self.score_threshold = score_threshold
        self.max_side = max_side
        self.glance = glance
        self._network = self._open()

    def _open(self) -> YuNetNetwork:
        try:
            return YuNetNetwork(self.path)
        except Exception as error:  # ONNX Runtime's classes are not public
            raise DetectorError(
                "YuNet's model file can't be loaded",
                got=f"{self.path}: {str(error).splitlines()[0]}",
                expected=f"{YUNET_NAME}, sha256 {YUNET_SHA256[:12]}...",
                fix="delete it and run: facelage download",
            ) from error

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_network"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._network = self._open()

    def detect(self, image: UInt8Image) -> list[Detection]:
        """Find faces in H x W x 3 RGB uint8; best score first."""
        half = self.max_side / 2
        if max(image.shape[:2]) <= half:
            return self._look(image, self.max_side)
        if not self.glance:
            return self._look(image, self.max_side) or self._look(image, half)
        seen = self._look(image, half, min(_SMALL_HINT, self.score_threshold))
        sure = [face for face in seen if (face.score or 0.0) >= self.score_threshold]
        if sure:
            unit = max(image.shape[:2]) / half
            clear = [face for face in sure if face.size >= _LARGE * unit]
            small = [face for face in sure if face.size < _LARGE * unit]
            hints = [
                face
                for face in seen[len(sure) :]
                if face.size < _SMALL * unit or (face.score or 0.0) >= _HINT
            ]
            closer = self._look_closer(image, small + hints)
            if closer is not None and clear + closer:
                return without_doubles(clear + closer)
        return self._look(image, self.max_side) or sure

    def _look(
        self, image: UInt8Image, side: float, threshold: float | None = None
    ) -> list[Detection]:
        """The faces of an image that is shrunk to a longer side of `side` pixels."""
        small, scale = shrunk(image, side)
        return [face.moved(1 / scale) for face in self._faces(small, threshold)]

    def _look_closer(self, image: UInt8Image, hints: list[Detection]) -> list[Detection] | None:
        """The faces where a glance saw a small face or what might be one, in the whole size.

        None if that is half of the picture or more: a look at all of it is as quick then.
        """
        if not hints:
            return []
        small, scale = shrunk(image, self.max_side)
        places = [hint.moved(scale) for hint in hints]
        parts = [_surroundings(place, small) for place in places]
        if 2 * sum(part.size for part, _ in parts) >= small.size:
            return None
        faces = []
        for place, (part, corner) in zip(places, parts, strict=True):
            near = [face.moved(1.0, corner) for face in self._faces(part)]
            # Others are seen by the glance, or are cut off at the part's edge.
            faces += [face.moved(1 / scale) for face in near if box_iou(face.box, place.box) > 0.1]
        return faces

    def _faces(self, image: UInt8Image, threshold: float | None = None) -> list[Detection]:
        """What the network sees in an image as it is."""
        rows = self._network.detect(image, self.score_threshold if threshold is None else threshold)
        detections = []
        for row in rows[np.isfinite(rows).all(axis=1)].tolist():
            left, top, width, height, *points, score = row
            if width <= 0 or height <= 0:
                continue
            landmarks = cast(Landmarks, tuple(zip(points[::2], points[1::2], strict=True)))
            box = (left, top, left + width, top + height)
            detections.append(Detection(box, landmarks, score))
        return sorted(detections, key=lambda face: -(face.score or 0.0))


def shrunk(image: UInt8Image, side: float) -> tuple[UInt8Image, float]:
    """An image with a longer side of at most `side` pixels, and its size over the old one."""
    # First by powers of two, as a JPEG can be decoded, so that a photo shows the same
    # faces either way. Down to half the size two neighbours a side see every pixel.
    factor = 2 ** int(math.log2(max(1.0, max(image.shape[:2]) / side)))
    if factor > 1:
        image = block_mean(image, factor)
    height, width = image.shape[:2]
    scale = min(1.0, side / max(height, width))
    if scale < 1.0:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        small = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
        image = np.asarray(small, np.uint8)
    return image, scale / factor


def without_doubles(faces: list[Detection]) -> list[Detection]:
    """Of faces that overlap, the one with the best score; best score first."""
    kept: list[Detection] = []
    for face in sorted(faces, key=lambda face: -(face.score or 0.0)):
        if all(box_iou(face.box, other.box) <= NMS_THRESHOLD for other in kept):
            kept.append(face)
    return kept


def _surroundings(face: Detection, image: UInt8Image) -> tuple[UInt8Image, tuple[float, float]]:
    """The part of an image with a face and some room around it, and the part's corner (x, y).

    The corner lies on the network's grid, so that it sees nearly the same there as in the
    whole image.
    """
    left, top, right, bottom = face.box
    margin = max(_MARGIN, face.size)
    height, width = image.shape[:2]
    first_x, first_y = (max(0, int(end - margin) // 32 * 32) for end in (left, top))
    last_x = min(width, -(-int(right + margin) // 32) * 32)
    last_y = min(height, -(-int(bottom + margin) // 32) * 32)
    return image[first_y:last_y, first_x:last_x], (float(first_x), float(first_y))
