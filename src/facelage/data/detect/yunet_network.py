"""YuNet's network in ONNX Runtime, which runs it two to three times as fast as OpenCV's dnn."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facelage.data.images import UInt8Image
from facelage.onnx_sessions import open_session

#: The last two numbers of the input's shape in the file, 1 x 3 x 640 x 640, as protobuf has
#: them, and two names of the same length.
_FIXED, _FREE = b"\n\x03\x08\x80\x05" * 2, b"\n\x03\x12\x01h\n\x03\x12\x01w"
_STRIDES, _KINDS = (8, 16, 32), ("cls", "obj", "bbox", "kps")
#: Overlap (IoU) above which the better of two boxes is kept, and how many boxes are looked at.
NMS_THRESHOLD, _MOST = 0.3, 200


def any_size(content: bytes) -> bytes:
    """YuNet's file, changed so that it takes pictures of any height and width."""
    return content.replace(_FIXED, _FREE)


class YuNetNetwork:
    """Runs YuNet on pictures of any size, from any number of threads.

    What OpenCV's ``FaceDetectorYN`` does with the network's output is repeated here
    (``modules/objdetect/src/face_detect.cpp``, Apache 2.0, by the authors of Wu et al.,
    "YuNet: A Tiny Millisecond-level Face Detector", 2023), so the faces are the same.

    Parameters
    ----------
    path:
        ``face_detection_yunet_2023mar.onnx``.
    threads:
        Threads of one run.
    """

    def __init__(self, path: str | os.PathLike[str], *, threads: int = 1) -> None:
        self._session: Any = open_session(any_size(Path(path).read_bytes()), threads=threads)
        self._outputs = [f"{kind}_{stride}" for stride in _STRIDES for kind in _KINDS]

    def detect(self, image: UInt8Image, score_threshold: float) -> NDArray[np.float32]:
        """Faces in H x W x 3 RGB uint8, best score first.

        Returns
        -------
        numpy.ndarray
            K x 15, float32: left, top, width, height, five landmarks (x, y), score.
        """
        height, width = image.shape[:2]
        # The strides have to divide the sides.
        low, narrow = -height % _STRIDES[-1], -width % _STRIDES[-1]
        if low or narrow:
            image = np.asarray(
                cv2.copyMakeBorder(image, 0, low, 0, narrow, cv2.BORDER_CONSTANT), np.uint8
            )
        # BGR planes, one after the other: all at once takes twice as long, OpenCV's
        # blobFromImage four times.
        pixels = np.empty((1, 3, *image.shape[:2]), np.float32)
        for plane in range(3):
            pixels[0, plane] = image[..., 2 - plane]
        found = iter(self._session.run(self._outputs, {"input": pixels}))
        levels = []
        for stride in _STRIDES:
            output = {kind: next(found)[0] for kind in _KINDS}
            levels.append(_faces(output, stride, image.shape[1] // stride, score_threshold))
        rows = np.concatenate(levels)
        if len(rows) < 2:
            return rows
        boxes = rows[:, :4].astype(int).tolist()  # whole pixels, as FaceDetectorYN compares them
        kept = cv2.dnn.NMSBoxes(
            boxes, rows[:, 14].tolist(), score_threshold, NMS_THRESHOLD, 1.0, _MOST
        )
        best: NDArray[np.float32] = rows[np.asarray(kept, int).reshape(-1)]
        return best


def _faces(
    output: dict[str, NDArray[np.float32]], stride: int, columns: int, threshold: float
) -> NDArray[np.float32]:
    """One level's faces from its outputs, each places x numbers, row by row."""
    scores = np.sqrt(np.clip(output["cls"][:, 0], 0, 1) * np.clip(output["obj"][:, 0], 0, 1))
    at = np.flatnonzero(scores >= threshold)
    place = np.stack([at % columns, at // columns], axis=1).astype(np.float32)
    rows = np.empty((len(at), 15), np.float32)
    with np.errstate(over="ignore"):  # the caller drops what is not finite
        size = np.exp(output["bbox"][at, 2:]) * stride
    rows[:, :2] = (place + output["bbox"][at, :2]) * stride - size / 2
    rows[:, 2:4] = size
    rows[:, 4:14] = (output["kps"][at] + np.tile(place, 5)) * stride
    rows[:, 14] = scores[at]
    return rows
