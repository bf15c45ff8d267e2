"""Patches that the landmark network learns from, cut from the photos of prepared folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facelage.data.align import DEFAULT_CROP, CropSpec, align, similarity_to_crop
from facelage.data.detect import Detection, HaarDetector
from facelage.data.detect.base import Box, box_iou
from facelage.data.images import UInt8Image, load_image
from facelage.data.manifest import Manifest

#: A patch shows this much more, a side, than the crop that ages are told from: what a
#: box that is too small, or beside the face, leaves out.
ROOM = 1.3
SIZE = 48
PATCH = CropSpec(
    size=SIZE,
    landmarks=tuple(  # type: ignore[arg-type]  # five
        (0.5 + (x - 0.5) / ROOM, 0.5 + (y - 0.5) / ROOM) for x, y in DEFAULT_CROP.landmarks
    ),
    box_side=DEFAULT_CROP.box_side * ROOM,
    box_shift=DEFAULT_CROP.box_shift / ROOM,
)
PLACES = np.array(PATCH.landmarks)

#: Overlap with YuNet's box (intersection over union) from which a box is a face's, and
#: up to which it is none; between them the network learns landmarks only.
FACE, NO_FACE = 0.45, 0.25
MIRRORED = [1, 0, 2, 4, 3]


@dataclass(frozen=True)
class Face:
    """A photo and the one face that YuNet found in it."""

    path: Path
    box: Box
    landmarks: NDArray[np.float64]


@dataclass
class Patches:
    """Patches and what the network should say of them.

    `offsets` are how far the landmarks lie from their places in the patch's crop
    (N x 5 x 2, fractions of its side; NaN where there is no face); `face` is 1, 0,
    or -1 for neither.
    """

    pixels: NDArray[np.uint8]
    offsets: NDArray[np.float32]
    face: NDArray[np.int8]


def read_faces(folders: list[Path], split: str) -> list[Face]:
    """The usable faces of a split that YuNet found."""
    faces = []
    for folder in folders:
        part = Manifest.load(folder / "manifest.csv").usable(split)
        source = Path(_settings(folder)["source"])
        for row in part.frame.itertuples():
            if row.detector != "yunet" or not row.landmarks:
                continue
            box = tuple(map(float, str(row.box).split()))
            points = np.array([float(number) for number in str(row.landmarks).split()])
            faces.append(Face(source / str(row.path), box, points.reshape(5, 2)))  # type: ignore[arg-type]
    return faces


def _settings(folder: Path) -> dict[str, Any]:
    import json

    settings: dict[str, Any] = json.loads((folder / "prepare.json").read_text(encoding="utf-8"))
    return settings


def textures() -> list[UInt8Image]:
    """Pictures without a face from scikit-image and scikit-learn; `detectors.py` judges by others.

    All are in the two packages; none is downloaded.
    """
    import skimage.data
    import sklearn.datasets

    names = ("brick", "cell", "coffee", "coins", "grass", "moon", "page")
    pictures = [load_image(np.asarray(getattr(skimage.data, name)())) for name in names]
    pictures += [load_image(sklearn.datasets.load_sample_image("china.jpg"))]
    return [
        np.asarray(cv2.resize(p, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        for p in pictures
        for scale in (1.0, 0.35)
    ]


class Sampler:
    """Cuts patches of photos: each call is decided by its generator alone."""

    def __init__(self, haar_share: float = 0.12) -> None:
        self.haar = HaarDetector(min_neighbors=1)
        self.haar_share = haar_share
        self.textures = textures()

    def photo(self, face: Face, rng: np.random.Generator, *, damaged: bool) -> Patches:
        """Patches on and beside the face of one photo, and one of a texture now and then."""
        image = load_image(face.path)
        boxes = [near(face.box, rng) for _ in range(3)]
        boxes += [_away(face.box, image.shape, rng) for _ in range(3)]
        if rng.random() < self.haar_share:
            found = [detection.box for detection in self.haar.detect(image)]
            found.sort(key=lambda box: box_iou(box, face.box))
            # What the cascade takes for a face is rarer than what it should, and worth more.
            boxes += found[:3] + found[3:][-1:]
        taken = [self._cut(image, face, box, rng) for box in boxes]
        taken += [self._aligned(image, face, rng) for _ in range(2)]
        if rng.random() < 0.3:
            taken.append(self._turned(image, face, rng))
        if rng.random() < 0.5:
            taken.append(self._texture(rng))
        rows = [_flip(*row, rng) for row in taken]
        pixels = [_damage(row[0], rng) if damaged else row[0] for row in rows]
        return Patches(
            np.stack(pixels),
            np.stack([row[1] for row in rows]).astype(np.float32),
            np.array([row[2] for row in rows], np.int8),
        )

    def _cut(
        self, image: UInt8Image, face: Face, box: Box, rng: np.random.Generator
    ) -> tuple[UInt8Image, NDArray[np.float64], int]:
        """The patch around a box, the photo turned a little: heads are."""
        angle = rng.uniform(-40, 40) if rng.random() < 0.15 else rng.normal(0, 8)
        matrix = _jitter(angle) @ _square(similarity_to_crop(Detection(box), PATCH))
        overlap = box_iou(box, face.box)
        label = 1 if overlap >= FACE else 0 if overlap <= NO_FACE else -1
        return self._patch(image, face if label else None, matrix[:2], label)

    def _aligned(
        self, image: UInt8Image, face: Face, rng: np.random.Generator
    ) -> tuple[UInt8Image, NDArray[np.float64], int]:
        """The patch of a second look, which is cut by the landmarks of the first."""
        points = tuple(map(tuple, face.landmarks))
        matrix = similarity_to_crop(Detection(face.box, points), PATCH)  # type: ignore[arg-type]
        change = _jitter(rng.normal(0, 5), _exp(rng.normal(0, 0.08)), rng.normal(0, 0.04 * SIZE, 2))
        return self._patch(image, face, (change @ _square(matrix))[:2], 1)

    def _turned(
        self, image: UInt8Image, face: Face, rng: np.random.Generator
    ) -> tuple[UInt8Image, NDArray[np.float64], int]:
        """A face on its side or head: what landmarks that went astray cut out."""
        matrix = similarity_to_crop(Detection(near(face.box, rng)), PATCH)
        change = _jitter(rng.uniform(80, 280))
        return self._patch(image, None, (change @ _square(matrix))[:2], 0)

    def _texture(self, rng: np.random.Generator) -> tuple[UInt8Image, NDArray[np.float64], int]:
        picture = self.textures[rng.integers(len(self.textures))]
        height, width = picture.shape[:2]
        side = _exp(rng.uniform(np.log(20), np.log(min(height, width))))
        x, y = rng.uniform(0, width - side + 1), rng.uniform(0, height - side + 1)
        matrix = similarity_to_crop(Detection((x, y, x + side, y + side)), PATCH)
        change = _jitter(rng.uniform(0, 360))
        return self._patch(picture, None, (change @ _square(matrix))[:2], 0)

    @staticmethod
    def _patch(
        image: UInt8Image, face: Face | None, matrix: NDArray[np.float64], label: int
    ) -> tuple[UInt8Image, NDArray[np.float64], int]:
        # Points that lie where the crop wants them let `align` cut by this very matrix.
        back = cv2.invertAffineTransform(matrix)
        points = (PLACES * SIZE - 0.5) @ back[:, :2].T + back[:, 2]
        frame = Detection((0.0, 0.0, 1.0, 1.0), tuple(map(tuple, points)))  # type: ignore[arg-type]
        pixels = align(image, frame, PATCH)
        if face is None:
            return pixels, np.full((5, 2), np.nan), label
        inside = face.landmarks @ matrix[:, :2].T + matrix[:, 2]
        return pixels, (inside + 0.5) / SIZE - PLACES, label


def _exp(value: float) -> float:
    return float(np.exp(value))


def near(box: Box, rng: np.random.Generator) -> Box:
    """A box as another detector may draw it: shifted, and 0.75 to 1.5 times as large."""
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    x = (left + right) / 2 + rng.normal(0, 0.10) * width
    y = (top + bottom) / 2 + rng.normal(0, 0.10) * height
    scale = _exp(np.clip(rng.normal(0.03, 0.2), np.log(0.75), np.log(1.5)))
    stretch = _exp(rng.normal(0, 0.06))
    width, height = width * scale * stretch, height * scale / stretch
    return (x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def _away(box: Box, shape: tuple[int, ...], rng: np.random.Generator) -> Box:
    """A box that is not the face's: background, a part of the face, or far too much."""
    left, top, right, bottom = box
    height, width = shape[:2]
    size = float(np.sqrt((right - left) * (bottom - top)))
    while True:
        scale = _exp(rng.uniform(np.log(0.2), np.log(2.5)))
        side = scale * size
        if rng.random() < 0.5:
            x, y = rng.uniform(0, width), rng.uniform(0, height)
        else:
            x = (left + right) / 2 + rng.normal(0, 0.6) * size
            y = (top + bottom) / 2 + rng.normal(0, 0.6) * size
        found = (x - 0.44 * side, y - 0.56 * side, x + 0.44 * side, y + 0.56 * side)
        if box_iou(found, box) <= NO_FACE:
            return found


def _square(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.vstack([matrix, [0.0, 0.0, 1.0]])


def _jitter(
    angle: float, scale: float = 1.0, shift: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Turn (degrees) and scale a patch around its middle, then shift it (pixels)."""
    middle = (SIZE - 1) / 2
    change = _square(cv2.getRotationMatrix2D((middle, middle), angle, scale))
    if shift is not None:
        change[:2, 2] += shift
    return change


def _flip(
    pixels: UInt8Image, offsets: NDArray[np.float64], label: int, rng: np.random.Generator
) -> tuple[UInt8Image, NDArray[np.float64], int]:
    if rng.random() < 0.5:
        return pixels, offsets, label
    inside = (offsets + PLACES)[MIRRORED]
    inside[:, 0] = 1 - inside[:, 0]
    return np.ascontiguousarray(pixels[:, ::-1]), inside - PLACES, label


def _damage(pixels: UInt8Image, rng: np.random.Generator) -> UInt8Image:
    """What happens to photos: light, grey, blur, noise, JPEG, and something in front."""
    values = pixels.astype(np.float32)
    if rng.random() < 0.15:
        values[:] = values.mean(axis=2, keepdims=True)
    if rng.random() < 0.3:
        sigma = rng.uniform(0.4, 1.3)
        values = cv2.GaussianBlur(values, (0, 0), sigma)
    if rng.random() < 0.6:
        gain = _exp(rng.normal(0, 0.3)) * np.exp(rng.normal(0, 0.06, 3))
        middle = values.mean()
        contrast = _exp(rng.normal(0, 0.2))
        values = ((values - middle) * contrast + middle) * gain.astype(np.float32)
    if rng.random() < 0.15:
        # Light from one side.
        slope = np.linspace(-1, 1, SIZE, dtype=np.float32) * rng.uniform(-0.5, 0.5)
        values *= 1 + (slope[:, None, None] if rng.random() < 0.3 else slope[None, :, None])
    if rng.random() < 0.2:
        values += rng.normal(0, rng.uniform(2, 12), values.shape).astype(np.float32)
    if rng.random() < 0.12:
        w, h = rng.integers(6, 22, 2)
        x, y = rng.integers(0, SIZE - w), rng.integers(0, SIZE - h)
        values[y : y + h, x : x + w] = rng.uniform(0, 255, 3)
    pixels = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    if rng.random() < 0.2:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 80))]
        pixels = cv2.imdecode(cv2.imencode(".jpg", pixels, quality)[1], cv2.IMREAD_COLOR)
    return pixels
