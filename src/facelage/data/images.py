"""Any picture in, one RGB uint8 array out: the only place where pixels enter facelage.

Training, evaluation and inference all read through :func:`load_image`, so one
picture has one set of pixels. Files, bytes and file objects share OpenCV's
decoder and agree bit for bit. A PIL image or an array was decoded by somebody
else; its pixels are taken as they are.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from facelage.data.decoding import check_encoded, check_pixels, decode_checked, over_white
from facelage.errors import (
    ImageError,
    ImageNotFoundError,
    InvalidArrayError,
    UnreadableImageError,
)
from facelage.files import write_bytes

if TYPE_CHECKING:
    import PIL.Image
    import torch

    ImageLike: TypeAlias = (
        str
        | os.PathLike[str]
        | bytes
        | bytearray
        | memoryview
        | BinaryIO
        | PIL.Image.Image
        | NDArray[Any]
        | torch.Tensor
    )
else:
    ImageLike: TypeAlias = Any

Color: TypeAlias = Literal["rgb", "bgr"]
UInt8Image: TypeAlias = NDArray[np.uint8]

#: Largest accepted image in pixels, above any camera's and below what exhausts a small machine.
MAX_PIXELS = 200_000_000

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})


def load_image(
    source: ImageLike, *, color: Color = "rgb", max_pixels: int = MAX_PIXELS
) -> UInt8Image:
    """Read an image as RGB.

    Parameters
    ----------
    source:
        A path, encoded bytes, a binary file object, a PIL image, a NumPy array
        (H x W, H x W x 1, H x W x 3 or H x W x 4) or a torch tensor
        (C x H x W, as torchvision has it). Arrays and tensors hold uint8 in
        0..255, uint16 in 0..65535 or floats in 0..1.
    color:
        Channel order of an array or tensor: ``"rgb"``, or ``"bgr"`` for what
        ``cv2.imread`` returns. It is never guessed. Files and PIL images carry
        their own order.
    max_pixels:
        Limit on width x height, checked from the header before decoding.

    Returns
    -------
    numpy.ndarray
        H x W x 3, uint8, RGB, C-contiguous. EXIF orientation is applied,
        transparency is laid over white, grey is repeated over the channels and
        16 bits are reduced to 8. An array that is RGB uint8 already is returned
        without a copy. Of a grey PNG or TIFF file's transparency OpenCV tells
        nothing, so it is ignored; of an animation the first frame counts.

    Raises
    ------
    ImageNotFoundError
        If a path names no file.
    UnreadableImageError
        If the data is empty, cut off or of an unsupported format.
    ImageTooLargeError
        If there are more than `max_pixels` pixels.
    InvalidArrayError
        If an array's shape, dtype or values do not describe an image.
    """
    check_color(color)
    if isinstance(source, np.ndarray):
        return _from_array(source, color, max_pixels)
    if (data := read_encoded(source)) is not None:
        return decode(data, max_pixels=max_pixels)
    if _is_pil(source):
        return _from_pil(source, max_pixels)
    if _is_tensor(source):
        return _from_tensor(source, color, max_pixels)
    raise InvalidArrayError(
        "not something an image can be read from",
        got=type(source).__name__,
        expected="a path, bytes, a binary file, a PIL image, an array or a tensor",
    )


def read_encoded(source: ImageLike) -> bytes | None:
    """The bytes of a path, of bytes or of a binary file; None for what is decoded already.

    Raises
    ------
    ImageNotFoundError, UnreadableImageError
        As for :func:`load_image`.
    """
    if isinstance(source, (str, os.PathLike)):
        return _read_file(Path(source))
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source)
    if _is_pil(source) or _is_tensor(source) or not hasattr(source, "read"):
        return None
    try:
        data: object = cast(BinaryIO, source).read()
    except UnicodeDecodeError:
        data = ""  # opened as text
    except (OSError, ValueError) as error:  # a ValueError where it is closed
        raise UnreadableImageError("the file object can't be read", got=str(error)) from error
    if not isinstance(data, bytes):
        raise UnreadableImageError(
            "a file object must be opened in binary mode",
            got=f"read() gave {type(data).__name__}",
            fix="open(path, 'rb')",
        )
    return data


def check_color(color: str) -> None:
    """Raise an :class:`InvalidArrayError` unless `color` is a channel order."""
    if color not in ("rgb", "bgr"):
        raise InvalidArrayError("unknown colour order", got=repr(color), expected="'rgb' or 'bgr'")


def decode(data: bytes, *, max_pixels: int = MAX_PIXELS) -> UInt8Image:
    """Decode an encoded image to H x W x 3 RGB uint8; see :func:`load_image`."""
    return decode_checked(data, check_encoded(data, max_pixels))


def save_image(path: str | os.PathLike[str], image: UInt8Image, *, quality: int = 95) -> None:
    """Write an RGB image (H x W x 3, uint8) atomically; the suffix chooses the format.

    `quality` (1..100) is for JPEG and WebP; PNG is lossless.

    Raises
    ------
    InvalidArrayError
        If the array is no RGB image, or OpenCV can't write the suffix's format.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    options: list[int] = []
    if suffix in (".jpg", ".jpeg"):
        options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    elif suffix == ".webp":
        options = [cv2.IMWRITE_WEBP_QUALITY, quality]
    elif suffix == ".png":
        # Level 1 is five times faster than the default and 5 % larger on face crops.
        options = [cv2.IMWRITE_PNG_COMPRESSION, 1]
    if suffix not in IMAGE_SUFFIXES:
        raise InvalidArrayError(
            "can't write this image format",
            got=repr(path.suffix),
            expected=", ".join(sorted(IMAGE_SUFFIXES)),
        )
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise InvalidArrayError(
            "not an image to save",
            got=f"{image.dtype} {image.shape}",
            expected="uint8 (H, W, 3)",
        )
    try:
        done, encoded = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    except cv2.error:
        done = False
    if not done:
        raise InvalidArrayError(
            "the image can't be encoded",
            got=f"{image.shape} for {path.name} with OpenCV {cv2.__version__}",
        )
    write_bytes(path, encoded.tobytes())


def list_images(folder: str | os.PathLike[str]) -> list[Path]:
    """Every image file below `folder`, sorted by its path relative to it.

    Hidden files and folders are passed over, and so are the crops and the plot that
    ``prepare`` wrote into a folder below. Only the suffix is looked at.

    Raises
    ------
    ImageNotFoundError
        If the folder does not exist or holds no image.
    """
    root = Path(folder)
    if not root.is_dir():
        raise ImageNotFoundError("no such folder", got=str(root), expected="a folder of images")
    everything = list(root.rglob("*"))
    prepared = {path.parent for path in everything if path.name == "prepare.json"} - {root}
    written = {folder / name for folder in prepared for name in ("crops", "ages.png")}
    found = [
        path
        for path in everything
        if path.suffix.lower() in IMAGE_SUFFIXES
        and not path.is_dir()
        and not any(part.startswith(".") for part in path.relative_to(root).parts)
        and not (written and (path in written or not written.isdisjoint(path.parents)))
    ]
    if not found:
        raise ImageNotFoundError(
            "the folder holds no image",
            got=str(root),
            expected="files ending in " + ", ".join(sorted(IMAGE_SUFFIXES)),
        )
    return sorted(found, key=lambda path: path.relative_to(root).as_posix())


def _is_pil(source: Any) -> bool:
    return type(source).__module__.partition(".")[0] == "PIL" or hasattr(source, "getexif")


def _is_tensor(source: Any) -> bool:
    return type(source).__module__.partition(".")[0] == "torch" or hasattr(source, "permute")


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ImageNotFoundError(
            "no such image",
            got=str(path),
            fix=f"check the path; it is relative to {Path.cwd()}"
            if not path.is_absolute()
            else "check the path",
        ) from error
    except IsADirectoryError as error:
        raise UnreadableImageError(
            "a folder, not an image", got=str(path), fix="pass the files in it"
        ) from error
    except OSError as error:
        raise UnreadableImageError(
            "the file can't be read", got=f"{path}: {error.strerror or error}"
        ) from error
    except ValueError as error:  # a null byte
        raise ImageNotFoundError("not a path", got=f"{str(path)!r}: {error}") from error


def _from_pil(image: Any, max_pixels: int) -> UInt8Image:
    from PIL import ImageOps

    check_pixels(image.width, image.height, max_pixels)
    try:
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I"):
            # Pillow clips 16-bit grey on conversion; scale it as the file decoder does.
            wide = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
            return _from_array(wide.astype(np.uint16), "rgb", max_pixels)
        if image.mode == "F":
            return _from_array(np.asarray(image), "rgb", max_pixels)
        if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
            return _from_array(np.asarray(image.convert("RGBA")), "rgb", max_pixels)
        return _from_array(np.asarray(image.convert("RGB")), "rgb", max_pixels)
    except ImageError:  # named already, and a ValueError
        raise
    # Pillow's asserts and attributes fail on a closed image, its ValueErrors on odd modes.
    except (
        OSError, SyntaxError, struct.error, ValueError, AssertionError, AttributeError
    ) as error:  # fmt: skip
        raise UnreadableImageError("Pillow can't decode the image", got=str(error)) from error


def _from_tensor(tensor: Any, color: Color, max_pixels: int) -> UInt8Image:
    if tensor.ndim != 3 or tensor.shape[0] not in (1, 3, 4):
        raise InvalidArrayError(
            "a tensor must be one image",
            got=f"shape {tuple(tensor.shape)}",
            expected="(C, H, W) with C of 1, 3 or 4",
            fix="tensor.permute(2, 0, 1) for channels last; predict_batch for several images",
        )
    array = tensor.detach().permute(1, 2, 0).cpu()
    if str(array.dtype) in ("torch.bfloat16", "torch.float16"):
        array = array.float()
    return _from_array(array.numpy(), color, max_pixels)


def _from_array(array: NDArray[Any], color: Color, max_pixels: int) -> UInt8Image:
    channels = 1 if array.ndim == 2 else array.shape[-1] if array.ndim == 3 else 0
    if channels not in (1, 3, 4):
        hint = (
            "np.transpose(array, (1, 2, 0)) for channels first"
            if array.ndim == 3 and array.shape[0] in (1, 3, 4)
            else "pass one image at a time, or use predict_batch"
            if array.ndim == 4
            else ""
        )
        raise InvalidArrayError(
            "the array's shape is not an image's",
            got=str(array.shape),
            expected="(H, W), (H, W, 1), (H, W, 3) or (H, W, 4)",
            fix=hint,
        )
    height, width = array.shape[:2]
    if not height or not width:
        raise InvalidArrayError("the array holds no pixels", got=str(array.shape))
    check_pixels(width, height, max_pixels)
    pixels = _to_uint8(array)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if channels == 1:
        return np.repeat(pixels, 3, axis=2)
    if channels == 4:
        pixels = over_white(pixels)
    if color == "bgr":
        pixels = pixels[..., ::-1]
    return np.ascontiguousarray(pixels)


def _to_uint8(array: NDArray[Any]) -> UInt8Image:
    if array.dtype == np.uint8:
        return cast(UInt8Image, array)
    if array.dtype == np.uint16:
        return (array >> 8).astype(np.uint8)
    if array.dtype.kind == "f":
        low, high = float(array.min()), float(array.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise InvalidArrayError(
                "the array holds NaN or infinity",
                got=f"{low} to {high}",
                expected="finite values in 0..1",
            )
        if low < 0.0 or high > 1.0:
            raise InvalidArrayError(
                "float pixels must lie in 0..1",
                got=f"{low:.4g} to {high:.4g}",
                fix="array.astype(np.uint8) if they are 0..255",
            )
        return np.rint(array * 255.0).astype(np.uint8)
    raise InvalidArrayError(
        "the array's dtype is not an image's",
        got=str(array.dtype),
        expected="uint8, uint16, or a float type in 0..1",
        fix="array.astype(np.uint8) if the values are 0..255",
    )
