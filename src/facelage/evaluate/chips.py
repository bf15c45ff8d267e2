"""Face chips: each photo cut down to one face with room around it.

Every model of a comparison is given the same chips, so that damage done to a
chip is the same damage for each of them, whatever crop it takes. A chip is a
part of the photo, pixel for pixel, so that without damage a model says of it
what it says of the photo; only of very large faces it is reduced, to bound
the memory that it takes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import cv2
import numpy as np

from facelage.data.align import CropSpec, align, similarity_to_crop, whole_image
from facelage.data.detect.base import Detection, Landmarks
from facelage.data.images import UInt8Image, load_image
from facelage.data.manifest import Manifest
from facelage.errors import ConfigError, DetectorError, ImageError

MARGIN = 2.0  # the chip's side over the longer side of the face's box
FACE_SIDE = 512  # the longest side of a face's box in a chip: well above any model's crop


@dataclass(frozen=True, slots=True)
class Chip:
    """One face, cut out of its photo.

    Attributes
    ----------
    image:
        S x S x 3, RGB, uint8; the face's box lies in the middle and its longer
        side is S / 2.
    detection:
        The face, in the chip's pixels.
    """

    image: UInt8Image
    detection: Detection


@dataclass(frozen=True, slots=True)
class NoChip:
    """Why a row of a manifest gave no chip: a status and, in words, the reason."""

    status: str
    reason: str


def cut_chip(image: UInt8Image, detection: Detection, *, face_side: int = FACE_SIDE) -> Chip:
    """Cut one face out of a photo, upright, with half a face of room on every side.

    Parameters
    ----------
    image:
        H x W x 3, RGB, uint8.
    detection:
        The face, in the photo's pixels.
    face_side:
        Larger faces are averaged down until the longer side of their box has
        this many pixels (16 to 512). Smaller ones are not enlarged: their chip
        is a part of the photo, pixel for pixel.

    Returns
    -------
    Chip
        What lies outside the photo repeats its edge.

    Raises
    ------
    ConfigError
        If `face_side` is out of range.
    """
    if not 16 <= face_side <= 512:
        raise ConfigError("face_side is out of range", got=str(face_side), expected="16 to 512")
    left, top, right, bottom = detection.box
    longer = max(right - left, bottom - top)
    x, y = (left + right) / 2, (top + bottom) / 2
    if longer > face_side:
        size = round(MARGIN * face_side)
    else:
        # Scale 1 and a shift by whole pixels copy the photo, they do not resample it.
        size = max(16, math.ceil(MARGIN * longer))
        longer = size / MARGIN
        middle = (size - 1) / 2
        x, y = round(x - middle) + middle, round(y - middle) + middle
    half = longer / 2
    square = Detection((x - half, y - half, x + half, y + half))
    spec = CropSpec(size=size, box_side=MARGIN, box_shift=0.0)
    matrix = similarity_to_crop(square, spec)
    scale, shift = matrix[0, 0], matrix[:, 2]
    box = np.array(detection.box).reshape(2, 2) * scale + shift
    landmarks = None
    if detection.landmarks is not None:
        points = np.array(detection.landmarks) * scale + shift
        landmarks = cast(Landmarks, tuple((float(u), float(v)) for u, v in points))
    (x0, y0), (x1, y1) = box.tolist()
    return Chip(align(image, square, spec), Detection((x0, y0, x1, y1), landmarks, detection.score))


def iter_chips(manifest: Manifest) -> Iterator[Chip | NoChip]:
    """The chip of each row, read one by one; a row that has none says why.

    The status of a :class:`NoChip` is the row's own if it is not ok, else
    ``"unreadable"`` (no photo, or a broken one) or ``"no_box"`` (no face in
    the manifest's columns ``box`` and ``landmarks``, or not five points and a
    box). Rows of images that were prepared without a detector, as crops, have
    the whole picture for a face.

    Raises
    ------
    ManifestError
        If a path is empty or leaves its folder.
    """
    frame = manifest.frame
    columns = (frame[name] for name in ("status", "reason", "box", "landmarks", "detector"))
    for path, status, reason, box, landmarks, detector in zip(
        locate_photos(manifest), *columns, strict=True
    ):
        if status != "ok":
            yield NoChip(status, reason)
            continue
        try:
            image = load_image(path)
            if detector == "none" and not box:
                face = whole_image(image)
            else:
                face = read_detection(box, landmarks)
            yield cut_chip(image, face)
        except ImageError as error:
            yield NoChip("unreadable", str(error))
        except DetectorError as error:
            yield NoChip("no_box", str(error))
        except cv2.error as error:
            yield NoChip("unreadable", f"OpenCV: {error.err}")


def read_detection(box: str, landmarks: str = "") -> Detection:
    """A face from a manifest's cells ``box`` and ``landmarks``; the latter may be empty.

    Raises
    ------
    DetectorError
        If the cells do not hold four and ten numbers, or no face.
    """
    try:
        corners, points = (tuple(map(float, text.split())) for text in (box, landmarks))
    except ValueError:
        corners = points = ()
    if len(corners) != 4 or len(points) not in (0, 10):
        raise DetectorError(
            "these cells describe no face",
            got=f"box {box!r}, landmarks {landmarks!r}",
            expected="four numbers and, if known, ten",
            fix="run `facelage prepare` with a detector",
        )
    pairs = cast(Landmarks, tuple(zip(points[::2], points[1::2], strict=True)))
    box_sides = corners[0], corners[1], corners[2], corners[3]
    return Detection(box_sides, pairs if points else None)


def locate_photos(manifest: Manifest) -> list[Path]:
    """Absolute paths of the photos.

    ``path`` is relative to the manifest's root, or, in a folder that
    ``facelage prepare`` wrote, to the folder of photos that its
    ``prepare.json`` names; of joined manifests to the one of each.

    Raises
    ------
    ManifestError
        If a path is empty or leaves its folder.
    """
    root = manifest.root.resolve()
    sources: dict[Path, Path | None] = {}
    rows: dict[Path, list[tuple[int, str]]] = {}
    for row, path in enumerate(manifest.locate("path")):
        folders = [folder for folder in path.parents if folder.is_relative_to(root)]
        for folder in reversed(folders):  # the root first
            if folder not in sources:
                sources[folder] = _source(folder)
            source = sources[folder]
            if source is not None:
                rows.setdefault(source, []).append((row, path.relative_to(folder).as_posix()))
                break
        else:
            rows.setdefault(root, []).append((row, manifest.frame["path"][row]))
    located: dict[int, Path] = {}
    for source, found in rows.items():
        numbers, texts = zip(*found, strict=True)
        part = Manifest(manifest.frame.iloc[list(numbers)].assign(path=list(texts)), source)
        located |= dict(zip(numbers, part.locate("path"), strict=True))
    return [located[row] for row in range(len(manifest))]


def _source(folder: Path) -> Path | None:
    """The folder of photos that a prepared `folder` was made from, if it says and it exists."""
    try:
        text = (folder / "prepare.json").read_text(encoding="utf-8")
        source = Path(json.loads(text)["source"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return source if source.is_dir() else None
