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

    Raises
    ------
    ValueError
        If the file holds another network.
    """

    def __init__(self, path: str | os.PathLike[str], *, threads: int = 1) -> None:
        self._session: Any = open_session(any_size(Path(path).read_bytes()), threads=threads)
        self._outputs = [f"{kind}_{stride}" for stride in _STRIDES for kind in _KINDS]
        names = {output.name for output in self._session.get_outputs()}
        if not names.issuperset(self._outputs):
            raise ValueError(f"another network, with the outputs {', '.join(sorted(names))[:80]}")

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
        found = self._session.run(self._outputs, {"input": pixels})
        rows = _faces(found, image.shape[1], score_threshold)
        if len(rows) < 2:
            return rows
        boxes = rows[:, :4].astype(int).tolist()  # whole pixels, as FaceDetectorYN compares them
        kept = cv2.dnn.NMSBoxes(
            boxes, rows[:, 14].tolist(), score_threshold, NMS_THRESHOLD, 1.0, _MOST
        )
        best: NDArray[np.float32] = rows[np.asarray(kept, int).reshape(-1)]
        return best


def _faces(found: list[NDArray[np.float32]], width: int, threshold: float) -> NDArray[np.float32]:
    """The faces in the network's outputs, each 1 x places x numbers, for a picture so wide.

    Little is computed for all places: each call holds Python's lock, or hands it to another
    thread for a moment and waits for it again.
    """
    parts, places, strides = [], [], []
    for level, stride in enumerate(_STRIDES):
        classes, objects, boxes, points = found[level * len(_KINDS) : (level + 1) * len(_KINDS)]
        # Not yet the score: what it is for these is looked at below.
        (at,) = (classes[0, :, 0] * objects[0, :, 0] >= 0.999 * threshold**2).nonzero()
        if len(at):
            parts.append(
                np.concatenate([array[0, at] for array in (classes, objects, boxes, points)], 1)
            )
            places.append(np.stack(np.divmod(at, width // stride)[::-1], axis=1))
            strides.append(np.full((len(at), 1), stride, np.float32))
    rows = np.empty((sum(map(len, parts)), 15), np.float32)
    if not len(rows):
        return rows
    seen, unit = np.concatenate(parts), np.concatenate(strides)
    place = np.concatenate(places).astype(np.float32)
    with np.errstate(over="ignore"):  # the caller drops what is not finite
        size = np.exp(seen[:, 4:6]) * unit
    rows[:, :2] = (place + seen[:, 2:4]) * unit - size / 2
    rows[:, 2:4] = size
    rows[:, 4:14] = (seen[:, 6:] + np.tile(place, 5)) * unit
    rows[:, 14] = np.sqrt(np.clip(seen[:, 0], 0, 1) * np.clip(seen[:, 1], 0, 1))
    return rows[rows[:, 14] >= threshold]
