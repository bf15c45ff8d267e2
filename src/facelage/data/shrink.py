"""Smaller versions of pictures."""

from __future__ import annotations

from typing import cast

import cv2

from facelage.data.images import UInt8Image


def block_mean(image: UInt8Image, factor: int) -> UInt8Image:
    """Each new pixel is the mean of `factor` x `factor` old ones.

    Where the last block of a row or column reaches beyond the picture, its edge is
    repeated, as JPEG does it.

    Parameters
    ----------
    image:
        H x W x 3, uint8.

    Returns
    -------
    numpy.ndarray
        ceil(H / factor) x ceil(W / factor) x 3, uint8.
    """
    height, width = image.shape[:2]
    missing_y, missing_x = -height % factor, -width % factor
    if missing_x or missing_y:
        padded = cv2.copyMakeBorder(image, 0, missing_y, 0, missing_x, cv2.BORDER_REPLICATE)
        image = cast(UInt8Image, padded)
    size = (image.shape[1] // factor, image.shape[0] // factor)
    return cast(UInt8Image, cv2.resize(image, size, interpolation=cv2.INTER_AREA))
