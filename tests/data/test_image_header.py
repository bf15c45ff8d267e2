from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from facelage.data.image_header import read_header
from facelage.data.images import decode
from facelage.errors import UnreadableImageError

CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("JPEG", "RGB", {}),
    ("JPEG", "RGB", {"progressive": True}),
    ("JPEG", "L", {}),
    ("JPEG", "CMYK", {}),
    ("PNG", "RGB", {}),
    ("PNG", "RGBA", {}),
    ("PNG", "LA", {}),
    ("PNG", "L", {}),
    ("PNG", "P", {"transparency": 0}),
    ("WebP", "RGB", {}),
    ("WebP", "RGB", {"lossless": True}),
    ("WebP", "RGBA", {}),
    ("WebP", "RGBA", {"lossless": True}),
    ("BMP", "RGB", {}),
    ("GIF", "P", {}),
    ("TIFF", "RGB", {}),
    ("TIFF", "RGB", {"big_endian": True}),
    ("TIFF", "RGBA", {}),
]


def encode(kind: str, mode: str, size: tuple[int, int] = (31, 17), **options: Any) -> bytes:
    stream = io.BytesIO()
    channels = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 4), dtype=np.uint8)
    Image.fromarray(channels).convert("RGB").convert(mode).save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize(("kind", "mode", "options"), CASES)
@pytest.mark.parametrize("size", [(1, 1), (31, 17), (300, 5)])
def test_format_size_and_alpha_are_read(
    kind: str, mode: str, options: dict[str, Any], size: tuple[int, int]
) -> None:
    header = read_header(encode(kind, mode, size, **options))
    assert (header.format, header.width, header.height) == (kind, *size)
    assert header.complete
    if mode in ("RGBA", "LA") and kind != "WebP":  # Pillow drops WebP's opaque alpha
        assert header.has_alpha
    if mode == "RGB":
        assert not header.has_alpha


def test_webp_alpha_is_seen() -> None:
    for lossless in (False, True):
        stream = io.BytesIO()
        faded = np.random.default_rng(0).integers(0, 255, (9, 9, 4), dtype=np.uint8)
        Image.fromarray(faded).save(stream, "WEBP", lossless=lossless)
        assert read_header(stream.getvalue()).has_alpha


@pytest.mark.parametrize(("kind", "mode", "options"), CASES)
def test_a_header_alone_is_refused_or_incomplete(
    kind: str, mode: str, options: dict[str, Any]
) -> None:
    data = encode(kind, mode, **options)
    for length in range(len(data) - 20):
        try:
            header = read_header(data[:length])
        except UnreadableImageError:
            continue
        # Of these three the decoder finds out.
        assert kind in ("BMP", "GIF", "TIFF") or not header.complete


def test_an_exif_thumbnail_is_not_taken_for_the_end_of_a_jpeg() -> None:
    data = encode("JPEG", "RGB")
    thumbnail = b"Exif\0\0" + encode("JPEG", "RGB", (8, 8))
    inside = data[:2] + b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail + data[2:]
    header = read_header(inside)
    assert (header.width, header.height, header.complete) == (31, 17, True)
    assert not read_header(inside[:-40]).complete


def with_exif(data: bytes, exif: bytes) -> bytes:
    body = b"Exif\0\0" + exif
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]


@pytest.mark.parametrize("order", [">", "<"])
@pytest.mark.parametrize("value", range(10))
def test_a_jpegs_orientation_is_read(value: int, order: str) -> None:
    mark = b"MM" if order == ">" else b"II"
    directory = struct.pack(order + "HIH", 42, 8, 1)
    entry = struct.pack(order + "HHIHH", 0x0112, 3, 1, value, 0)
    header = read_header(with_exif(encode("JPEG", "RGB"), mark + directory + entry))
    assert header.orientation == (value if 1 <= value <= 8 else 1)
    assert (header.width, header.height, header.complete) == (31, 17, True)


@given(exif=st.binary(max_size=40))
def test_broken_exif_data_are_no_orientation(exif: bytes) -> None:
    header = read_header(with_exif(encode("JPEG", "RGB"), b"MM\0*" + exif))
    assert 1 <= header.orientation <= 8
    assert read_header(encode("JPEG", "RGB")).orientation == 1


def test_bytes_behind_the_end_do_no_harm() -> None:
    for kind in ("JPEG", "PNG", "WebP", "BMP"):
        assert read_header(encode(kind, "RGB") + bytes(1000)).complete


@pytest.mark.parametrize(
    "start",
    [
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\0\0\0\0WEBP",
        b"BM",
        b"GIF89a",
        b"II*\0",
        b"MM\0*",
    ],
)
@given(rest=st.binary(max_size=80))
def test_any_bytes_behind_a_known_start_give_a_header_or_the_error(
    start: bytes, rest: bytes
) -> None:
    try:
        header = read_header(start + rest)
    except UnreadableImageError:
        return
    assert header.width > 0
    assert header.height > 0


def test_an_image_of_no_pixels_is_refused() -> None:
    data = bytearray(encode("PNG", "RGB"))
    data[16:20] = bytes(4)
    with pytest.raises(UnreadableImageError, match="no pixels; got: 0 x 17"):
        read_header(bytes(data))


def test_the_short_header_of_os2_is_read(tmp_path: Any) -> None:
    row = bytes([10, 20, 30] * 5) + b"\0"  # five pixels, filled up to four bytes
    pixels = row * 3
    data = b"BM" + struct.pack("<IHHI", 26 + len(pixels), 0, 0, 26)
    data += struct.pack("<IHHHH", 12, 5, 3, 1, 24) + pixels
    header = read_header(data)
    assert (header.width, header.height, header.complete) == (5, 3, True)
    assert decode(data)[0, 0].tolist() == [30, 20, 10]
