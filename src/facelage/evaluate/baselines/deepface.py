"""DeepFace's age model (extra ``deepface``): its float age, on given faces or its own.

DeepFace's public answer is cut off to a whole number, which costs it half a
year, and with ``enforce_detection=False`` it ages the whole frame where it
finds no face. Here its age is the float that its network gives, and no face is
no age.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from facelage.data.detect.base import Detection
from facelage.data.images import UInt8Image
from facelage.errors import (
    ConfigError,
    DetectorError,
    DownloadError,
    FacelageError,
    InvalidArrayError,
    MissingDependencyError,
)
from facelage.evaluate.baselines.cropping import check_lengths
from facelage.files import offline

_SIDE = 224
_LONGEST = 20_000  # pixels of a side: more is a broken box, not a face
_WEIGHTS = "age_model_weights.h5"


class DeepFaceModel:
    """DeepFace's age network on faces that somebody else found.

    The face is cut as ``DeepFace.analyze`` cuts it: turned until the eyes are
    level, the box expanded, black outside the photo, fitted into 224 x 224 with
    black bars. The network's 101 probabilities times 0..100 years make the age.

    Parameters
    ----------
    align:
        Turn the face by its eyes.
    expand_percentage:
        Room around the box, in per cent of its width and height.

    Raises
    ------
    ConfigError
        If `expand_percentage` is negative.
    MissingDependencyError
        If the extra is not installed.
    DownloadError
        If DeepFace's weights (539 MB) are not on this machine and can't be had;
        DeepFace fetches them from GitHub into ``~/.deepface``.
    """

    def __init__(self, *, align: bool = True, expand_percentage: int = 0) -> None:
        self.name = "deepface"
        self.align = align
        self.expand_percentage = _checked_room(expand_percentage)
        self._network = _AgeNetwork()

    def predict_faces(
        self, images: Sequence[UInt8Image], faces: Sequence[Detection | None]
    ) -> NDArray[np.float64]:
        """Ages of one face an image.

        Parameters
        ----------
        images:
            N photos, H x W x 3, RGB, uint8.
        faces:
            The face of each, in its pixels; None where none was found.

        Returns
        -------
        numpy.ndarray
            N years, float64; NaN where the face can't be cut.
        """
        check_lengths(images, faces)
        years = np.full(len(images), np.nan)
        for row, (image, face) in enumerate(zip(images, faces, strict=True)):
            if face is None:
                continue
            with contextlib.suppress(FacelageError, cv2.error):
                crop = cut_face(
                    image, face, align=self.align, expand_percentage=self.expand_percentage
                )
                years[row] = self._network.age(crop)
        return years


class DeepFaceWithDetector:
    """DeepFace as its users run it, on whole photos, with a detector of its own.

    Parameters
    ----------
    backend:
        DeepFace's name of the detector: ``"opencv"`` is its default.
    align, expand_percentage:
        As for ``DeepFace.analyze``.

    Raises
    ------
    ConfigError, MissingDependencyError, DownloadError
        As for :class:`DeepFaceModel`.
    """

    def __init__(
        self, backend: str = "opencv", *, align: bool = True, expand_percentage: int = 0
    ) -> None:
        self.name = f"deepface-{backend}"
        self.backend = backend
        self.align = align
        self.expand_percentage = _checked_room(expand_percentage)
        self._network = _AgeNetwork()

    def predict_images(self, images: Sequence[UInt8Image]) -> NDArray[np.float64]:
        """Ages of the largest face of each photo.

        Parameters
        ----------
        images:
            N photos, H x W x 3, RGB, uint8.

        Returns
        -------
        numpy.ndarray
            N years, float64; NaN where DeepFace finds no face.

        Raises
        ------
        DetectorError
            If the detector can't run at all.
        """
        years = np.full(len(images), np.nan)
        for row, image in enumerate(images):
            with contextlib.suppress(InvalidArrayError, cv2.error):
                crop = self._largest(image)
                if crop is not None:
                    years[row] = self._network.age(crop)
        return years

    def _largest(self, image: UInt8Image) -> NDArray[np.float64] | None:
        bgr = np.ascontiguousarray(_checked(image)[:, :, ::-1])
        try:
            found = self._network.detection.extract_faces(
                img_path=bgr,
                detector_backend=self.backend,
                enforce_detection=False,
                align=self.align,
                expand_percentage=self.expand_percentage,
            )
        except cv2.error:
            raise
        except Exception as error:  # each backend raises its own kinds
            raise DetectorError(
                f"DeepFace's detector {self.backend!r} failed", got=str(error)[:200]
            ) from error
        faces = [face for face in found if not _is_whole_frame(face, image.shape[:2])]
        faces = [face for face in faces if min(face["face"].shape[:2]) > 0]
        if not faces:
            return None
        largest = max(faces, key=lambda face: face["facial_area"]["w"] * face["facial_area"]["h"])
        return np.asarray(largest["face"], np.float64)  # RGB, 0..1


class _AgeNetwork:
    """DeepFace's modules and its loaded network."""

    def __init__(self) -> None:
        try:
            from deepface import DeepFace  # noqa: F401  # its modules import each other in this order
            from deepface.modules import detection, modeling, preprocessing
        except (ImportError, ValueError) as error:  # ValueError: it misses tf-keras
            raise MissingDependencyError(
                "DeepFace is not installed",
                got=str(error),
                fix="pip install 'facelage[deepface]'",
            ) from error
        self.detection: Any = detection
        self._preprocessing: Any = preprocessing
        home = Path(os.environ.get("DEEPFACE_HOME") or Path.home())
        weights = home / ".deepface" / "weights" / _WEIGHTS
        if offline() and not weights.is_file():
            raise DownloadError(
                "DeepFace's weights are not here and FACELAGE_OFFLINE is set",
                got=str(weights),
                fix="unset FACELAGE_OFFLINE once",
            )
        try:
            self._client: Any = modeling.build_model(task="facial_attribute", model_name="Age")
        except Exception as error:  # its downloaders and Keras each have their own
            raise DownloadError(
                "DeepFace's age model can't be loaded",
                got=f"{type(error).__name__}: {str(error)[:200]}",
                fix=f"check the connection, or copy {_WEIGHTS} to {weights}",
            ) from error

    def age(self, crop: NDArray[np.float64]) -> float:
        """Years from one face: H x W x 3, RGB, in 0..1."""
        prepared = self._preprocessing.resize_image(
            img=np.ascontiguousarray(crop[:, :, ::-1]), target_size=(_SIDE, _SIDE)
        )
        # A number in older versions, an array for several faces in newer ones.
        years = float(np.asarray(self._client.predict(prepared)).reshape(-1)[0])
        return years if math.isfinite(years) else math.nan


def cut_face(
    image: UInt8Image, face: Detection, *, align: bool = True, expand_percentage: int = 0
) -> NDArray[np.float64]:
    """One face as DeepFace (0.0.100) cuts it before it fits it into the network's square.

    The photo around the face is turned about the box's middle until the eyes
    are level (bicubic, black outside), then the box is cut out of it.

    Parameters
    ----------
    image:
        H x W x 3, RGB, uint8.
    face:
        The face, in the photo's pixels; DeepFace works with whole pixels, so its
        box and eyes are cut off to them.
    align, expand_percentage:
        As for :class:`DeepFaceModel`. A face without landmarks is not turned.

    Returns
    -------
    numpy.ndarray
        h x w x 3, RGB, float64, in 0..1.

    Raises
    ------
    InvalidArrayError
        If the image is no photo, or no pixel of it lies in the box.
    """
    pixels = _checked(image)
    left, top, right, bottom = face.box
    x, y = math.floor(left), math.floor(top)
    w, h = math.floor(right - left), math.floor(bottom - top)
    wide = w + math.floor(w * expand_percentage / 100)
    high = h + math.floor(h * expand_percentage / 100)
    x, y, w, h = x - (wide - w) // 2, y - (high - h) // 2, wide, high
    height, width = pixels.shape[:2]
    if w < 1 or h < 1 or x >= width or y >= height or x + w <= 0 or y + h <= 0:
        raise InvalidArrayError(
            "the face lies outside the photo",
            got=f"box {face.box} in {width} x {height} px",
            expected="some pixels of the photo",
        )
    if max(w, h) > _LONGEST:
        raise InvalidArrayError(
            "the face is too large to cut", got=f"{w} x {h} px", expected=f"up to {_LONGEST} px"
        )
    room_x, room_y = w // 2, h // 2
    around = _black_padded(pixels, x - room_x, y - room_y, w + 2 * room_x, h + 2 * room_y)
    if align and face.landmarks is not None:
        # Ours go by the picture: the first eye is the person's right one.
        (ax, ay), (bx, by) = (tuple(map(math.floor, eye)) for eye in face.landmarks[:2])
        angle = math.degrees(math.atan2(by - ay, bx - ax))
        size = (around.shape[1], around.shape[0])
        turn = cv2.getRotationMatrix2D((size[0] // 2, size[1] // 2), angle, 1.0)
        around = cast(
            UInt8Image,
            cv2.warpAffine(
                around, turn, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT
            ),
        )
    return np.asarray(around[room_y : room_y + h, room_x : room_x + w] / 255.0, np.float64)


def _checked_room(expand_percentage: int) -> int:
    if expand_percentage < 0:
        raise ConfigError(
            "expand_percentage is out of range", got=str(expand_percentage), expected="0 or more"
        )
    return expand_percentage


def _checked(image: UInt8Image) -> UInt8Image:
    pixels = np.asarray(image)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise InvalidArrayError(
            "this is not a photo",
            got=f"{pixels.dtype} {pixels.shape}",
            expected="uint8 (height, width, 3)",
        )
    return pixels


def _black_padded(image: UInt8Image, x: int, y: int, w: int, h: int) -> UInt8Image:
    out = np.zeros((h, w, 3), np.uint8)
    height, width = image.shape[:2]
    first_x, first_y, last_x, last_y = max(x, 0), max(y, 0), min(x + w, width), min(y + h, height)
    out[first_y - y : last_y - y, first_x - x : last_x - x] = image[first_y:last_y, first_x:last_x]
    return out


def _is_whole_frame(face: dict[str, Any], shape: tuple[int, ...]) -> bool:
    """Whether this is DeepFace's answer for "no face": the whole frame, without confidence."""
    area = face["facial_area"]
    whole = area["x"] <= 0 and area["y"] <= 0
    whole = whole and area["w"] >= shape[1] - 1 and area["h"] >= shape[0] - 1
    return whole and not face.get("confidence")
