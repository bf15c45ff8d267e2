from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facelage.data.images import load_image
from facelage.errors import InvalidArrayError


def encode(image: np.ndarray | Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(
        stream, kind, **options
    )
    return stream.getvalue()


def over_white(rgba: np.ndarray) -> np.ndarray:
    share = rgba[..., 3:] / 255
    return np.rint(rgba[..., :3] * share + 255 * (1 - share))


def with_alpha(picture: np.ndarray, mode: str) -> Image.Image:
    fade = np.tile(np.linspace(0, 255, 140).astype(np.uint8), (120, 1))
    return Image.fromarray(np.dstack([picture, fade])).convert(mode)


@pytest.mark.parametrize(
    ("mode", "kind", "options"),
    [
        ("RGBA", "PNG", {}),
        ("RGBA", "TIFF", {}),
        ("RGBA", "TIFF", {"compression": "tiff_lzw"}),
        ("RGBA", "WEBP", {"quality": 90}),
        ("RGBA", "GIF", {}),
        ("LA", "PNG", {}),
        ("P", "PNG", {}),
        ("P", "PNG", {"transparency": bytes(range(256))}),
        ("P", "PNG", {"transparency": 5}),
        ("P", "GIF", {"transparency": 5}),
        ("P", "GIF", {}),
        ("RGB", "PNG", {"transparency": (154, 147, 151)}),
        ("1", "PNG", {}),
        ("1", "TIFF", {}),
        ("CMYK", "JPEG", {"quality": 95}),
        ("CMYK", "TIFF", {}),
        ("YCbCr", "JPEG", {"quality": 95}),
    ],
)
def test_every_colour_mode_looks_as_pillow_shows_it(
    mode: str, kind: str, options: dict[str, Any], picture: np.ndarray
) -> None:
    source = with_alpha(picture, mode)
    if mode == "P":
        source = Image.fromarray(picture).quantize(256)
    data = encode(source, kind, **options)
    expected = over_white(np.asarray(Image.open(io.BytesIO(data)).convert("RGBA")))
    for form in (data, Image.open(io.BytesIO(data))):
        image = load_image(form)
        assert image.shape == picture.shape
        assert np.abs(image - expected).max() <= 2


def test_float_pil_images_lie_in_0_to_1_as_arrays_do(picture: np.ndarray) -> None:
    grey = picture[..., 0].astype(np.float32)
    assert np.array_equal(load_image(Image.fromarray(grey / 255)), np.dstack([picture[..., 0]] * 3))
    with pytest.raises(InvalidArrayError, match=r"must lie in 0\.\.1"):
        load_image(Image.fromarray(grey))


# What turns the stored picture upright, by EXIF orientation.
UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize(
    ("kind", "mode"),
    [("JPEG", "RGB")]
    + [(kind, mode) for kind in ("PNG", "WEBP", "TIFF") for mode in ("RGB", "RGBA")],
)
def test_exif_orientation_turns_the_picture_upright(
    kind: str, mode: str, orientation: int, picture: np.ndarray
) -> None:
    stored = with_alpha(picture, mode)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(stored, kind, exif=exif, lossless=True)
    expected = UPRIGHT[orientation](load_image(encode(stored, kind, lossless=True)))
    assert np.array_equal(load_image(data), expected)
    assert np.array_equal(load_image(Image.open(io.BytesIO(data))), expected)
