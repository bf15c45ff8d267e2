from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from facelage.data.images import decode, load_image
from facelage.errors import (
    ImageError,
    ImageNotFoundError,
    ImageTooLargeError,
    InvalidArrayError,
    UnreadableImageError,
)

KINDS = ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"]
SIDES = st.integers(1, 24)


def encode(image: np.ndarray | Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(
        stream, kind, **options
    )
    return stream.getvalue()


def pixels(*channels: int) -> st.SearchStrategy[np.ndarray]:
    return st.tuples(SIDES, SIDES).flatmap(lambda sides: arrays(np.uint8, (*sides, *channels)))


def over_white(rgba: np.ndarray) -> np.ndarray:
    share = rgba[..., 3:] / 255
    return np.rint(rgba[..., :3] * share + 255 * (1 - share))


@pytest.mark.parametrize("kind", KINDS)
def test_path_bytes_and_file_objects_agree_bit_for_bit(
    kind: str, picture: np.ndarray, tmp_path: Path
) -> None:
    data = encode(picture, kind)
    path = tmp_path / "photo"
    path.write_bytes(data)
    image = load_image(path)
    assert image.shape == picture.shape
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    with path.open("rb") as buffered, open(path, "rb", buffering=0) as raw:
        sources = [str(path), data, bytearray(data), memoryview(data), io.BytesIO(data)]
        for source in (*sources, buffered, raw, image):
            assert np.array_equal(load_image(source), image)


@given(pixels(3))
def test_lossless_files_hold_what_was_saved(image: np.ndarray) -> None:
    for kind in ("PNG", "BMP", "TIFF"):
        assert np.array_equal(load_image(encode(image, kind)), image)
    assert np.array_equal(load_image(encode(image, "WEBP", lossless=True)), image)


@given(pixels(3))
def test_rgb_arrays_are_not_copied_and_bgr_is_reversed(image: np.ndarray) -> None:
    assert np.shares_memory(load_image(image), image)
    bgr = np.ascontiguousarray(image[..., ::-1])
    assert np.array_equal(load_image(bgr, color="bgr"), image)
    assert np.array_equal(load_image(image[:, ::-1]), image[:, ::-1])


@given(pixels(3))
def test_arrays_tensors_and_pil_images_agree(image: np.ndarray) -> None:
    tensor = torch.from_numpy(image).permute(2, 0, 1)
    forms = [
        image.astype(np.uint16) * 257,
        image.astype(np.float32) / 255,
        image.astype(np.float64) / 255,
        Image.fromarray(image),
        tensor,
        tensor.float() / 255,
        (tensor.double() / 255).requires_grad_(),
        tensor.as_subclass(type("Named", (torch.Tensor,), {"__module__": "elsewhere"})),
    ]
    for form in forms:
        assert np.array_equal(load_image(form), image)
    assert np.array_equal(load_image(tensor.flip(0), color="bgr"), image)
    for coarse in (torch.float16, torch.bfloat16):
        found = load_image((tensor.float() / 255).to(coarse))
        assert np.abs(found.astype(int) - image).max() <= 1


@given(pixels())
def test_grey_is_repeated_over_the_channels(grey: np.ndarray) -> None:
    image = np.dstack([grey] * 3)
    tensor = torch.from_numpy(grey)[None]
    for form in (grey, grey[..., None], tensor, tensor / 255, Image.fromarray(grey)):
        assert np.array_equal(load_image(form), image)
    for kind in ("PNG", "BMP", "TIFF"):
        assert np.array_equal(load_image(encode(grey, kind)), image)


@given(pixels(4))
def test_transparency_is_laid_over_white(rgba: np.ndarray) -> None:
    expected = over_white(rgba)
    forms = [rgba, torch.from_numpy(rgba).permute(2, 0, 1), Image.fromarray(rgba)]
    forms += [encode(rgba, "PNG"), encode(rgba, "WEBP", lossless=True, exact=True)]
    for form in forms:
        assert np.array_equal(load_image(form), expected)
    bgra = rgba[..., [2, 1, 0, 3]]
    assert np.array_equal(load_image(bgra, color="bgr"), load_image(rgba))


@given(arrays(np.uint16, (5, 7)))
def test_sixteen_bits_are_reduced_to_eight(grey: np.ndarray) -> None:
    expected = np.dstack([grey >> 8] * 3)
    for form in (grey, Image.fromarray(grey), encode(Image.fromarray(grey), "PNG")):
        assert np.array_equal(load_image(form), expected)


TRUNCATED = [(kind, {}) for kind in KINDS]
TRUNCATED += [("JPEG", {"progressive": True}), ("WEBP", {"lossless": True})]


@pytest.mark.parametrize(("kind", "options"), TRUNCATED)
def test_cut_off_files_are_unreadable(
    kind: str, options: dict[str, Any], picture: np.ndarray
) -> None:
    data = encode(picture, kind, **options)
    for length in (*range(40), len(data) // 4, len(data) // 2, len(data) * 9 // 10, len(data) - 20):
        with pytest.raises(UnreadableImageError) as caught:
            load_image(data[:length])
    if kind in ("JPEG", "PNG", "WEBP"):  # told by us: OpenCV may show a half-grey picture
        assert "cut off" in str(caught.value)
    assert load_image(data).shape == picture.shape


@given(st.data(), st.sampled_from(KINDS))
def test_damaged_bytes_give_pixels_or_a_named_error(choice: st.DataObject, kind: str) -> None:
    data = bytearray(encode(np.arange(300, dtype=np.uint8).reshape(10, 10, 3), kind))
    places = choice.draw(st.lists(st.integers(0, len(data) - 1), min_size=1, max_size=8))
    for place in places:
        data[place] = choice.draw(st.integers(0, 255))
    try:
        image = load_image(bytes(data), max_pixels=100_000)
    except ImageError:
        return
    assert image.dtype == np.uint8
    assert image.shape[2] == 3


@given(st.binary(max_size=64))
def test_noise_is_unreadable(noise: bytes) -> None:
    with pytest.raises(UnreadableImageError, match=r"got: \d+ bytes|announces no pixels"):
        load_image(noise)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the image is empty"),
        (b"Dear diary, this is text and not a picture.", "not an image that facelage can read"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "pillow-heif"),
    ],
)
def test_what_is_no_image_says_so(data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "renamed.jpg"
    path.write_bytes(data)
    with pytest.raises(UnreadableImageError, match=message):
        load_image(path)


def huge_png() -> bytes:
    ihdr = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + ihdr + struct.pack(">I", zlib.crc32(ihdr))
    body = zlib.compress(bytes(1000))
    idat = struct.pack(">I", len(body)) + b"IDAT" + body + bytes(4)
    return b"\x89PNG\r\n\x1a\n" + chunk + idat + bytes(4) + b"IEND\xae\x42\x60\x82"


def test_a_header_of_60000_by_60000_is_refused_before_decoding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(ImageTooLargeError, match=r"60000 x 60000 = 3,600,000,000.*200,000,000"):
        load_image(huge_png())


@pytest.mark.parametrize("kind", KINDS)
def test_the_pixel_limit_is_the_callers(kind: str, picture: np.ndarray) -> None:
    count = picture.shape[0] * picture.shape[1]
    data = encode(picture, kind)
    assert decode(data, max_pixels=count).shape == picture.shape
    for form in (
        data,
        picture,
        Image.open(io.BytesIO(data)),
        torch.from_numpy(picture[None, ..., 0]),
    ):
        with pytest.raises(ImageTooLargeError):
            load_image(form, max_pixels=count - 1)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (np.full((4, 4, 3), np.nan), "NaN"),
        (np.full((4, 4, 3), np.inf, np.float32), "infinity"),
        (np.full((4, 4, 3), 200.0), r"must lie in 0\.\.1; got: 200 to 200; fix: .*uint8"),
        (np.full((4, 4, 3), -0.1), r"must lie in 0\.\.1"),
        (np.zeros((4, 4, 3), np.int64), "dtype"),
        (np.zeros((4, 4, 3), bool), "dtype"),
        (np.zeros((4, 4, 2), np.uint8), r"shape.*got: \(4, 4, 2\)"),
        (np.zeros((4, 4, 5), np.uint8), "shape"),
        (np.zeros((3, 8, 8), np.uint8), "channels first"),
        (np.zeros((2, 4, 4, 3), np.uint8), "predict_batch"),
        (np.zeros(5, np.uint8), "shape"),
        (np.zeros((0, 4, 3), np.uint8), "no pixels"),
        (torch.zeros(2, 3, 4, 4), "one image"),
        (torch.zeros(8, 8, 3), "permute"),
        (torch.full((3, 4, 4), torch.nan), "NaN"),
        (12, "got: int"),
        (None, "got: NoneType"),
    ],
)
def test_bad_arrays_are_named(source: Any, message: str) -> None:
    with pytest.raises(InvalidArrayError, match=message):
        load_image(source)


def test_floats_are_rounded_not_cut() -> None:
    for value, expected in (
        (0.0, 0),
        (0.4999 / 255, 0),
        (0.5001 / 255, 1),
        (0.999, 255),
        (1.0, 255),
    ):
        assert load_image(np.full((1, 1, 3), value)).max() == expected


def test_the_colour_order_is_checked(picture: np.ndarray) -> None:
    with pytest.raises(InvalidArrayError, match="'rgb' or 'bgr'"):
        load_image(picture, color="gbr")  # type: ignore[arg-type]


def test_one_pixel_is_an_image() -> None:
    image = np.array([[[1, 2, 3]]], np.uint8)
    assert np.array_equal(load_image(encode(image, "PNG")), image)


def test_bad_paths_are_named(tmp_path: Path) -> None:
    with pytest.raises(ImageNotFoundError, match=r"absent\.jpg"):
        load_image(tmp_path / "absent.jpg")
    with pytest.raises(ImageNotFoundError, match="relative to"):
        load_image("absent.jpg")
    with pytest.raises(ImageNotFoundError, match="null"):
        load_image("a\0b.jpg")
    with pytest.raises(UnreadableImageError, match="a folder, not an image"):
        load_image(tmp_path)
    with pytest.raises(UnreadableImageError, match="can't be read"):
        load_image("x" * 500 + ".jpg")
    (tmp_path / "text").write_text("hello")
    with (tmp_path / "text").open() as text, pytest.raises(UnreadableImageError, match="binary"):
        load_image(text)  # type: ignore[arg-type]


def test_a_broken_pil_image_is_unreadable(picture: np.ndarray) -> None:
    data = encode(picture, "JPEG")
    with pytest.raises(UnreadableImageError, match="Pillow"):
        load_image(Image.open(io.BytesIO(data[: len(data) // 2])))


def test_files_that_can_not_be_read_have_named_errors(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.new("RGB", (20, 10), (200, 30, 99)).save(path)
    closed = path.open("rb")
    closed.close()
    with pytest.raises(UnreadableImageError, match="closed file"):
        load_image(closed)
    with path.open(encoding="utf-8") as text, pytest.raises(UnreadableImageError, match="binary"):
        load_image(text)  # type: ignore[arg-type]


def test_pictures_that_pillow_can_not_convert_have_named_errors(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (20, 10)).save(path)
    with Image.open(path) as closed:
        pass
    for picture in (closed, Image.new("La", (5, 4))):
        with pytest.raises(UnreadableImageError, match="Pillow"):
            load_image(picture)
