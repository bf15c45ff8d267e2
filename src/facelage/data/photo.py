"""A photo that is decoded no finer than it has to be.

A detector looks at a large photo in a smaller size, and a face crop is smaller
still. A JPEG can be decoded at a half, a quarter or an eighth of its size in a
fraction of the time, because the decoder leaves out what would be averaged away
afterwards. :class:`Photo` decodes it in the size that is asked for, once, and
says where a pixel of that size lies in the photo. Everything else, from a PNG to
an array, has one size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from facelage.data.align import DEFAULT_CROP, CropSpec, align, similarity_to_crop
from facelage.data.decoding import REDUCTIONS, check_encoded, decode_checked
from facelage.data.detect.base import Detection
from facelage.data.image_header import ImageHeader
from facelage.data.images import (
    MAX_PIXELS,
    Color,
    ImageLike,
    UInt8Image,
    check_color,
    load_image,
    read_encoded,
)

#: Pixels of a reduced photo that a pixel of a crop is made from, at least, a side. With 2,
#: ages of 102 London portraits differed by at most 0.4 year from those cut from the whole
#: photo, with 1 by up to 1.8 (benchmarks/accuracy/reduced_decoding.py, 0.3.0).
FINENESS = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A photo in one size.

    Attributes
    ----------
    pixels:
        H x W x 3, RGB, uint8.
    factor:
        Photo pixels a side that make one of them.
    origin:
        (x, y) of the view's top left corner in the photo: 0, or a few pixels
        negative where the last block of a turned JPEG reaches beyond it.
    """

    pixels: UInt8Image
    factor: int = 1
    origin: tuple[int, int] = (0, 0)

    def to_photo(self, face: Detection) -> Detection:
        """A face that was found in the view, in pixels of the photo.

        Its points are scaled as detectors scale theirs: (0, 0) is the corner.
        """
        if self.factor == 1:
            return face
        return face.moved(float(self.factor), self.origin)

    def from_photo(self, face: Detection) -> Detection:
        """A face of the photo in pixels of the view, for :func:`facelage.data.align.align`.

        To align, (0, 0) is the centre of the first pixel.
        """
        if self.factor == 1:
            return face
        x, y = ((0.5 - start) / self.factor - 0.5 for start in self.origin)
        return face.moved(1 / self.factor, (x, y))


class Photo:
    """An image that is decoded when it is needed, as finely as it is; see :func:`open_photo`.

    It keeps what it has decoded, and belongs to one thread.

    Attributes
    ----------
    longest:
        The photo's longer side in pixels.
    """

    def __init__(self, source: UInt8Image | tuple[bytes, ImageHeader]) -> None:
        self._views: dict[int, View] = {}
        self._jpeg: tuple[bytes, ImageHeader] | None = None
        if isinstance(source, tuple):
            self._jpeg = source
            self.longest = max(source[1].width, source[1].height)
        else:
            self._views[1] = View(source)
            self.longest = max(source.shape[:2])

    def at_least(self, side: float | None) -> View:
        """The smallest view whose longer side has `side` pixels; the whole photo for None.

        Raises
        ------
        UnreadableImageError
            If the photo can't be decoded.
        """
        return self.reduced(self.longest / side if side else 1.0)

    def reduced(self, limit: float) -> View:
        """The smallest view with at most `limit` photo pixels a side in each of its own.

        One that is there already is taken before another is decoded.

        Raises
        ------
        UnreadableImageError
            If the photo can't be decoded.
        """
        allowed = [factor for factor in REDUCTIONS if factor <= max(limit, 1.0)]
        factor = max((factor for factor in allowed if factor in self._views), default=0)
        if not factor and self._jpeg is not None:
            view = _decode(*self._jpeg, max(allowed))
            factor = view.factor
            self._views[factor] = view
        return self._views[factor]


def open_photo(source: ImageLike, *, color: Color = "rgb", max_pixels: int = MAX_PIXELS) -> Photo:
    """Open an image without decoding more of it than will be looked at.

    Parameters
    ----------
    source, color, max_pixels:
        As for :func:`facelage.data.images.load_image`. What is no JPEG file,
        bytes or stream is decoded at once.

    Returns
    -------
    Photo
        Its whole view holds the very pixels of :func:`load_image`.

    Raises
    ------
    ImageError
        As :func:`load_image` does; pixels that a JPEG can't give are found out when
        they are asked for.
    """
    data = read_encoded(source)
    if data is None:
        return Photo(load_image(source, color=color, max_pixels=max_pixels))
    check_color(color)
    header = check_encoded(data, max_pixels)
    if header.format != "JPEG":
        return Photo(decode_checked(data, header))
    return Photo((data, header))


def cut_faces(
    photo: Photo, faces: Sequence[Detection], spec: CropSpec = DEFAULT_CROP
) -> list[UInt8Image]:
    """The crop of each face, from the smallest view that holds as many pixels as it needs.

    Parameters
    ----------
    photo:
        The photo.
    faces:
        Its faces, in pixels of the photo.
    spec:
        The crop.

    Returns
    -------
    list of numpy.ndarray
        As :func:`facelage.data.align.align` cuts them, in the order of `faces`.

    Raises
    ------
    UnreadableImageError
        If the photo can't be decoded.

    Notes
    -----
    At most one finer view is decoded: the one for the smallest face.
    """
    crops: dict[int, UInt8Image] = {}
    limits = [_pixels_a_crop_pixel(face, spec) / FINENESS for face in faces]
    for index in sorted(range(len(faces)), key=limits.__getitem__):
        view = photo.reduced(limits[index])
        crops[index] = align(view.pixels, view.from_photo(faces[index]), spec)
    return [crops[index] for index in range(len(faces))]


def _pixels_a_crop_pixel(face: Detection, spec: CropSpec) -> float:
    matrix = similarity_to_crop(face, spec)
    return 1.0 / math.hypot(matrix[0, 0], matrix[1, 0])


def _decode(data: bytes, header: ImageHeader, factor: int) -> View:
    """A JPEG at 1/`factor` of its size, or whole if that does not give the expected size."""
    pixels = decode_checked(data, header, factor)
    width, height = -(-header.width // factor), -(-header.height // factor)
    turned = header.orientation >= 5  # on its side
    if factor > 1 and pixels.shape[:2] != ((width, height) if turned else (height, width)):
        return View(decode_checked(data, header))
    # The last block of a row or column may reach beyond the photo; turned, it comes first.
    right, bottom = header.width - width * factor, header.height - height * factor
    x, y = (bottom, right) if turned else (right, bottom)
    orientation = header.orientation
    return View(
        pixels,
        factor,
        (x if orientation in (2, 3, 6, 7) else 0, y if orientation in (3, 4, 7, 8) else 0),
    )
