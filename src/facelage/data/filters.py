"""Which images are fit for use, and why the others are not.

Every check gives a status and a reason; nothing is deleted. The checks here
are on one image (label, faces, size, blur); :mod:`facelage.data.duplicates`
compares images with each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal

import cv2

from facelage.data.detect.base import Detection
from facelage.data.images import UInt8Image
from facelage.data.manifest import MAX_AGE
from facelage.errors import ConfigError


class Status(str, Enum):
    """What became of an image; the value is what the manifest's ``status`` column holds."""

    OK = "ok"
    UNREADABLE = "unreadable"
    NO_LABEL = "no_label"
    BAD_LABEL = "bad_label"
    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"
    SMALL_FACE = "small_face"
    BLURRED = "blurred"
    EXACT_DUPLICATE = "exact_duplicate"
    NEAR_DUPLICATE = "near_duplicate"


@dataclass(frozen=True, slots=True)
class FilterConfig:
    """Limits of the checks.

    Attributes
    ----------
    min_face_pixels:
        Smallest face, as the geometric mean of its box's sides, in pixels.
    min_face_share:
        Smallest face as a share of the image's area (0..1).
    min_sharpness:
        Smallest :func:`sharpness`; 0 keeps blurred faces, which a model for
        real photos has to learn from.
    several_faces:
        A second face counts if its side is at least this share of the
        largest's: a passer-by in the background does not make two portraits.
    min_age, max_age:
        Labels outside are impossible (years).
    near_duplicate_bits:
        Perceptual hashes that differ in at most this many of 256 bits are the
        same picture. Among UTKFace's 200 million pairs, those up to 52 bits
        were nearly all the same picture when looked at, and from 60 bits on
        nearly all different people.
    near_duplicates:
        ``"group"`` keeps them all in one group, which no split divides;
        ``"drop"`` keeps the first by path.
    """

    min_face_pixels: float = 20.0
    min_face_share: float = 0.01
    min_sharpness: float = 0.0
    several_faces: float = 0.6
    min_age: float = 0.0
    max_age: float = MAX_AGE
    near_duplicate_bits: int = 52
    near_duplicates: Literal["group", "drop"] = "group"

    def __post_init__(self) -> None:
        for name, low, high in (
            ("min_face_pixels", 0.0, math.inf),
            ("min_face_share", 0.0, 1.0),
            ("min_sharpness", 0.0, math.inf),
            ("several_faces", 0.0, 1.0),
            ("min_age", 0.0, self.max_age),
            ("near_duplicate_bits", 0, 128),
        ):
            if not low <= getattr(self, name) <= high:
                raise ConfigError(
                    f"{name} is out of range",
                    got=str(getattr(self, name)),
                    expected=f"{low} to {high}",
                )
        if self.near_duplicates not in ("group", "drop"):
            raise ConfigError(
                "unknown near_duplicates", got=self.near_duplicates, expected="group or drop"
            )


def check_label(age: float, config: FilterConfig) -> tuple[Status, str]:
    """Whether an age (years, NaN if missing) can be a person's."""
    if math.isnan(age):
        return Status.NO_LABEL, "no age"
    if not config.min_age <= age <= config.max_age:
        return Status.BAD_LABEL, f"age {age:g} outside {config.min_age:g}..{config.max_age:g}"
    return Status.OK, ""


def check_faces(
    detections: Sequence[Detection], shape: tuple[int, ...], config: FilterConfig
) -> tuple[Status, str, Detection | None]:
    """Whether an image (of `shape`, height first) shows one face of sufficient size.

    The third value is the largest face, also where the image is rejected.
    """
    if not detections:
        return Status.NO_FACE, "no face found", None
    faces = sorted(detections, key=lambda face: -face.size)
    largest = faces[0]
    if len(faces) > 1 and faces[1].size >= config.several_faces * largest.size:
        sizes = ", ".join(f"{face.size:.0f}" for face in faces[:4])
        return Status.SEVERAL_FACES, f"{len(faces)} faces ({sizes} px)", largest
    share = largest.size**2 / (shape[0] * shape[1])
    if largest.size < config.min_face_pixels:
        reason = f"face of {largest.size:.0f} px, at least {config.min_face_pixels:g} wanted"
        return Status.SMALL_FACE, reason, largest
    if share < config.min_face_share:
        reason = f"face fills {share:.2%}, at least {config.min_face_share:.2%} wanted"
        return Status.SMALL_FACE, reason, largest
    return Status.OK, "", largest


def check_sharpness(crop: UInt8Image, config: FilterConfig) -> tuple[Status, str]:
    """Whether an aligned crop (H x W x 3, RGB, uint8) is sharp enough."""
    if config.min_sharpness <= 0:
        return Status.OK, ""
    found = sharpness(crop)
    if found < config.min_sharpness:
        return Status.BLURRED, f"sharpness {found:.1f}, at least {config.min_sharpness:g} wanted"
    return Status.OK, ""


def sharpness(crop: UInt8Image) -> float:
    """Variance of the Laplacian of a crop's grey values (Pech-Pacheco et al., 2000).

    Only comparable between crops of the same size.
    """
    return float(cv2.Laplacian(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var())
