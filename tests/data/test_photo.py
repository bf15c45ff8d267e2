from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from facelage.data import decoding
from facelage.data import photo as module
from facelage.data.align import CropSpec, align
from facelage.data.detect import Detection
from facelage.data.images import load_image
from facelage.data.photo import FINENESS, View, cut_faces, open_photo
from facelage.errors import (
    ImageError,
    ImageNotFoundError,
    ImageTooLargeError,
    InvalidArrayError,
    UnreadableImageError,
)

WIDTH, HEIGHT = 509, 387  # no multiples of 2, 4 or 8
SPEC = CropSpec(size=16)


def jpeg(image: np.ndarray, mode: str = "RGB", orientation: int = 1, **options: Any) -> bytes:
    stream = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(image).convert(mode).save(stream, "JPEG", quality=95, exif=exif, **options)
    return stream.getvalue()


def blob(x: float, y: float) -> np.ndarray:
    """A bright spot around (x, y) on black, so large that it outlives an eighth of the size."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    spot = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 30**2))
    return np.dstack([np.rint(spot).astype(np.uint8)] * 3)


def centre(image: np.ndarray) -> tuple[float, float]:
    weight = np.maximum(image[..., 1].astype(float) - 20, 0)
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    return float((columns * weight).sum() / weight.sum()), float(
        (rows * weight).sum() / weight.sum()
    )


def around(x: float, y: float, half: float = 5.0) -> Detection:
    points = ((x, y),) * 5
    return Detection((x - half, y - half, x + half, y + half), points, 0.5)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_the_whole_view_is_what_load_image_gives(
    kind: str, picture: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "photo"
    Image.fromarray(picture).save(path, kind)
    data, expected = path.read_bytes(), load_image(path)
    with path.open("rb") as stream:
        for source in (path, str(path), data, memoryview(data), stream):
            view = open_photo(source).at_least(None)
            assert view.factor == 1
            assert np.array_equal(view.pixels, expected)
    opened = Image.open(io.BytesIO(data))
    assert np.array_equal(open_photo(opened).at_least(8).pixels, load_image(opened))


def test_arrays_pass_without_a_copy(picture: np.ndarray) -> None:
    photo = open_photo(picture)
    for view in (photo.at_least(None), photo.at_least(1), photo.reduced(100)):
        assert view.pixels is picture or np.shares_memory(view.pixels, picture)
        assert view.factor == 1
    flipped = open_photo(picture[..., ::-1], color="bgr").at_least(None)
    assert np.array_equal(flipped.pixels, picture)


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_point_of_the_photo_is_found_in_every_view(orientation: int, factor: int) -> None:
    data = jpeg(blob(400, 120), orientation=orientation)
    full = load_image(data)
    photo = open_photo(data)
    view = photo.reduced(factor)
    assert view.factor == factor
    assert view.pixels.shape == (-(-full.shape[0] // factor), -(-full.shape[1] // factor), 3)
    x, y = centre(full)
    assert centre(view.pixels) == pytest.approx(view.from_photo(around(x, y)).landmarks[0], abs=0.1)
    assert photo.longest == max(full.shape)


def test_grey_cmyk_and_progressive_photos_are_reduced(picture: np.ndarray) -> None:
    for mode, options in (("L", {}), ("CMYK", {}), ("RGB", {"progressive": True})):
        data = jpeg(picture, mode, **options)
        full, view = load_image(data).astype(float), open_photo(data).reduced(2)
        means = full.reshape(60, 2, 70, 2, 3).mean((1, 3))
        assert np.abs(view.pixels - means).mean() < 3


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_an_opencv_that_gives_no_rgb_gives_the_same_pixels(
    mode: str, factor: int, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = jpeg(picture, mode, orientation=6)
    views = [open_photo(data).reduced(factor).pixels]
    monkeypatch.setattr(decoding, "_AS_RGB", None)
    views.append(open_photo(data).reduced(factor).pixels)
    assert np.array_equal(*views)


@pytest.mark.parametrize(
    ("side", "factor"),
    [(600, 1), (509, 1), (300, 1), (254, 2), (128, 2), (127, 4), (63, 8), (1, 8), (None, 1)],
)
def test_the_smallest_view_that_is_large_enough(side: int | None, factor: int) -> None:
    view = open_photo(jpeg(blob(100, 100))).at_least(side)
    assert view.factor == factor
    assert max(view.pixels.shape) >= min(side or WIDTH, WIDTH)


def test_what_is_there_is_not_decoded_again(decoded: list[int]) -> None:
    photo = open_photo(jpeg(blob(100, 100)))
    assert decoded == []
    view = photo.reduced(4)
    assert photo.reduced(4.9) is view
    assert photo.reduced(100) is view
    assert decoded == [4]
    whole = photo.reduced(0.3)
    assert whole.factor == 1
    assert photo.reduced(2) is whole
    assert photo.reduced(4) is view
    assert decoded == [4, 1]


def test_an_odd_jpeg_is_decoded_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    data = jpeg(blob(100, 100))
    expected = load_image(data)
    # As of a lossless JPEG, which can't be reduced.
    monkeypatch.setattr(module, "decode_checked", lambda *_: expected)
    photo = open_photo(data)
    view = photo.reduced(4)
    assert (view.factor, view.origin) == (1, (0, 0))
    assert np.array_equal(view.pixels, expected)
    assert photo.reduced(8) is view


@given(
    factor=st.sampled_from([2, 4, 8]),
    origin=st.tuples(st.integers(-7, 0), st.integers(-7, 0)),
    point=st.tuples(st.integers(0, 500), st.integers(0, 500)),
)
def test_a_views_pixel_is_a_block_of_the_photo(
    factor: int, origin: tuple[int, int], point: tuple[int, int]
) -> None:
    view = View(np.zeros((1, 1, 3), np.uint8), factor, origin)
    middle = [start + factor * p + (factor - 1) / 2 for start, p in zip(origin, point, strict=True)]
    assert view.from_photo(around(*middle)).landmarks[0] == pytest.approx(point)
    corner = [start + factor * p for start, p in zip(origin, point, strict=True)]
    assert view.to_photo(around(*point)).landmarks[0] == pytest.approx(corner)
    face = around(*point)
    assert view.to_photo(face).size == pytest.approx(factor * face.size)
    assert view.from_photo(face).size == pytest.approx(face.size / factor)
    assert view.to_photo(face).score == face.score
    boxed = Detection(face.box)
    assert view.to_photo(boxed).landmarks is None


@pytest.mark.parametrize(
    ("half", "factors"),
    [
        (70 * FINENESS, [8]),
        (40 * FINENESS, [4]),
        (20 * FINENESS, [2]),
        (9 * FINENESS, [1]),
        (4 * FINENESS, [1]),
    ],
)
def test_a_crop_has_the_pixels_that_it_needs(
    half: float, factors: list[int], decoded: list[int]
) -> None:
    data = jpeg(blob(250, 190))
    face = Detection((250 - half, 190 - half, 250 + half, 190 + half))
    [crop] = cut_faces(open_photo(data), [face], SPEC)
    assert decoded == factors
    assert np.abs(crop.astype(int) - align(load_image(data), face, SPEC)).max() <= 6


def test_small_faces_cost_one_finer_view_and_keep_their_places(decoded: list[int]) -> None:
    photo = open_photo(jpeg(blob(250, 190)))
    photo.reduced(4)
    halves = [half * FINENESS for half in (50, 4, 20, 60)]
    faces = [Detection((250 - h, 190 - h, 250 + h, 190 + h)) for h in halves]
    crops = cut_faces(photo, faces, SPEC)
    assert decoded == [4, 1]
    whole = photo.at_least(None).pixels
    for face, crop in zip(faces, crops, strict=True):
        assert np.abs(crop.astype(int) - align(whole, face, SPEC)).max() <= 6
    assert np.array_equal(crops[1], align(whole, faces[1], SPEC))
    assert cut_faces(photo, [], SPEC) == []


def test_bad_sources_are_named_as_by_load_image(picture: np.ndarray, tmp_path: Path) -> None:
    data = jpeg(picture)
    with pytest.raises(UnreadableImageError, match="cut off"):
        open_photo(data[: len(data) // 2])
    with pytest.raises(UnreadableImageError, match="not an image"):
        open_photo(b"Dear diary, this is text")
    with pytest.raises(ImageNotFoundError, match=r"absent\.jpg"):
        open_photo(tmp_path / "absent.jpg")
    with pytest.raises(ImageTooLargeError):
        open_photo(data, max_pixels=100)
    with pytest.raises(ImageTooLargeError):
        open_photo(picture, max_pixels=100)
    with pytest.raises(InvalidArrayError, match="'rgb' or 'bgr'"):
        open_photo(data, color="gbr")  # type: ignore[arg-type]
    with pytest.raises(InvalidArrayError, match="got: int"):
        open_photo(12)  # type: ignore[arg-type]
    (tmp_path / "text").write_text("hello")
    with (tmp_path / "text").open() as text, pytest.raises(UnreadableImageError, match="binary"):
        open_photo(text)  # type: ignore[arg-type]


@given(st.data())
@settings(max_examples=30)
def test_damaged_photos_give_pixels_or_a_named_error(choice: st.DataObject) -> None:
    data = bytearray(jpeg(np.arange(3072, dtype=np.uint8).reshape(32, 32, 3)))
    for place in choice.draw(st.lists(st.integers(0, len(data) - 1), min_size=1, max_size=8)):
        data[place] = choice.draw(st.integers(0, 255))
    for side in (8, None):
        try:
            view = open_photo(bytes(data), max_pixels=100_000).at_least(side)
        except ImageError:
            continue
        assert view.pixels.dtype == np.uint8
        assert view.pixels.shape[2] == 3
