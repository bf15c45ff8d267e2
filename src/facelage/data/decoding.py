"""From an encoded picture's bytes to pixels, whole or at a fraction of the size.

OpenCV decodes; the header is looked at first. :mod:`facelage.data.images` and
:mod:`facelage.data.photo` are what the rest of facelage reads through.
"""

from __future__ import annotations

from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from facelage.data.image_header import ImageHeader, read_header
from facelage.errors import ImageTooLargeError, UnreadableImageError

#: By how much a JPEG can be shrunk while it is decoded, and OpenCV's flag for it.
REDUCTIONS = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
# From OpenCV 4.11 on: RGB from the decoder itself, without another pass over the pixels.
_AS_RGB: int | None = getattr(cv2, "IMREAD_COLOR_RGB", None)


def check_encoded(data: bytes, max_pixels: int) -> ImageHeader:
    """The header of an encoded image, if it is complete and not too large.

    Raises
    ------
    UnreadableImageError
        If the data is empty, cut off or of an unsupported format.
    ImageTooLargeError
        If there are more than `max_pixels` pixels.
    """
    header = read_header(data)
    check_pixels(header.width, header.height, max_pixels)
    if not header.complete:
        raise UnreadableImageError(
            f"the {header.format} file is cut off",
            got=f"{len(data)} bytes for {header.width} x {header.height} pixels",
            fix="get the file again from its source",
        )
    return header


def decode_checked(data: bytes, header: ImageHeader, reduction: int = 1) -> NDArray[np.uint8]:
    """Decode what :func:`check_encoded` has passed.

    Parameters
    ----------
    data:
        The encoded image.
    header:
        Its header.
    reduction:
        One of :data:`REDUCTIONS`; 1 for what is no JPEG.

    Returns
    -------
    numpy.ndarray
        H x W x 3, uint8, RGB, EXIF orientation applied; each side is the
        photo's over `reduction`, rounded up.

    Raises
    ------
    UnreadableImageError
        If OpenCV can't decode it.
    """
    buffer, flags = np.frombuffer(data, np.uint8), REDUCTIONS[reduction]
    as_rgb = _AS_RGB if header.format == "JPEG" else None
    if as_rgb is not None:
        flags = flags & ~cv2.IMREAD_COLOR | as_rgb
    try:
        pixels = cv2.imdecode(buffer, flags)
        if pixels is not None and header.has_alpha:
            bgra = cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED)
            pixels = _with_alpha(pixels, bgra, premultiplied=header.format == "TIFF")
    except cv2.error as error:
        raise UnreadableImageError(
            f"the {header.format} data can't be decoded", got=str(error).strip()
        ) from error
    if pixels is None:
        raise UnreadableImageError(
            f"the {header.format} data can't be decoded",
            got=f"{len(data)} bytes",
            fix="open the file in an image viewer; if it shows, save it again as JPEG or PNG",
        )
    if as_rgb is None:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    return cast(NDArray[np.uint8], pixels)


def check_pixels(width: int, height: int, max_pixels: int) -> None:
    """Raise an :class:`ImageTooLargeError` if there are more than `max_pixels` pixels."""
    if width * height > max_pixels:
        raise ImageTooLargeError(
            "the image has too many pixels",
            got=f"{width} x {height} = {width * height:,}",
            expected=f"at most {max_pixels:,}",
            fix="shrink the image (load_image takes another limit, max_pixels)",
        )


def _with_alpha(
    bgr: NDArray[Any], bgra: NDArray[Any] | None, *, premultiplied: bool
) -> NDArray[Any]:
    """`bgra` over white, turned as OpenCV turned `bgr` for EXIF (it leaves `bgra` unturned).

    libtiff multiplies the colours of 8-bit files by their alpha (`premultiplied`).
    """
    if bgra is None or bgra.ndim != 3 or bgra.shape[2] != 4:
        return bgr
    if premultiplied and bgra.dtype == np.uint8:
        # TIFF's orientation is applied to both.
        return cast(NDArray[Any], cv2.add(bgra[..., :3], 255 - bgra[..., [3, 3, 3]]))
    if bgra.dtype == np.uint16:
        bgra = (bgra >> 8).astype(np.uint8)
    for turns in range(4):
        turned = np.rot90(bgra, turns)
        for candidate in (turned, turned[:, ::-1]):
            if candidate.shape[:2] == bgr.shape[:2] and np.array_equal(candidate[..., :3], bgr):
                return over_white(np.ascontiguousarray(candidate))
    return over_white(bgra) if bgra.shape[:2] == bgr.shape[:2] else bgr


def over_white(pixels: NDArray[Any]) -> NDArray[Any]:
    """H x W x 4 uint8 laid over white by its last channel: H x W x 3, uint8."""
    alpha = pixels[..., 3:].astype(np.uint16)
    colour = pixels[..., :3].astype(np.uint16)
    blended = (colour * alpha + 255 * (255 - alpha) + 127) // 255
    return blended.astype(np.uint8)
