from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from skimage import data

from facelage.data.align import (
    DEFAULT_CROP,
    CropSpec,
    align,
    fit_crop,
    max_pad,
    normalise,
    similarity_to_crop,
    whole_image,
)
from facelage.data.detect import Detection
from facelage.errors import ConfigError, InvalidArrayError

coordinates = st.floats(-50, 300)
points = st.tuples(*[st.tuples(coordinates, coordinates)] * 5).filter(
    lambda p: np.ptp(np.array(p), axis=0).min() > 5
)
specs = st.builds(CropSpec, size=st.integers(16, 80))


PHOTO = np.ascontiguousarray(data.astronaut()[:300, 60:380])
# The astronaut's face as YuNet finds it, in whole pixels of the photo.
LANDMARKS = ((140.0, 102.0), (187.0, 103.0), (160.0, 125.0), (139.0, 143.0), (180.0, 144.0))
BOX = (118.0, 63.0, 208.0, 176.0)
FACE = Detection(BOX, LANDMARKS)


def similarity(angle: float, scale: float, x: float, y: float) -> np.ndarray:
    a, b = scale * math.cos(angle), scale * math.sin(angle)
    return np.array([[a, -b, x], [b, a, y]])


def moved(matrix: np.ndarray, landmarks: tuple[tuple[float, float], ...]) -> Detection:
    found = np.array(landmarks) @ matrix[:, :2].T + matrix[:, 2]
    return Detection(BOX, tuple(map(tuple, found.tolist())))


def test_the_default_crop_is_the_one_the_weights_were_trained_on() -> None:
    # Another digest means another crop, and every model trained before is wrong with it:
    # a change here needs new weights and a new version of them.
    assert (
        DEFAULT_CROP.digest() == "09b4274d83bb56cc8cb3aa9e611dfac50cb508562ab2631b901da764c2fc4771"
    )


@given(points, st.floats(-3.1, 3.1), st.floats(0.2, 5), coordinates, coordinates)
def test_moving_the_face_moves_the_crop_with_it(
    landmarks: tuple[tuple[float, float], ...], angle: float, scale: float, x: float, y: float
) -> None:
    motion = similarity(angle, scale, x, y)
    before = similarity_to_crop(Detection(BOX, landmarks))
    after = similarity_to_crop(moved(motion, landmarks))
    composed = after @ np.vstack([motion, [0, 0, 1]])
    assert np.allclose(composed, before, atol=1e-6)


@given(points)
def test_the_fit_is_the_least_squares_one(landmarks: tuple[tuple[float, float], ...]) -> None:
    matrix = similarity_to_crop(Detection(BOX, landmarks))
    target = np.array(DEFAULT_CROP.landmarks) * DEFAULT_CROP.size - 0.5
    rows, values = [], []
    for (x, y), (u, v) in zip(landmarks, target, strict=True):
        rows += [[x, -y, 1, 0], [y, x, 0, 1]]
        values += [u, v]
    a, b, shift_x, shift_y = np.linalg.lstsq(np.array(rows), np.array(values), rcond=None)[0]
    assert np.allclose(matrix, [[a, -b, shift_x], [b, a, shift_y]], atol=1e-6)


@given(specs, st.floats(-3.1, 3.1), st.floats(0.5, 5))
def test_a_mean_face_lands_on_its_places(spec: CropSpec, angle: float, scale: float) -> None:
    target = np.array(spec.landmarks) * spec.size - 0.5
    face = moved(similarity(angle, scale, 40, 30), tuple(map(tuple, target)))
    matrix = similarity_to_crop(face, spec)
    found = np.array(face.landmarks) @ matrix[:, :2].T + matrix[:, 2]
    assert np.allclose(found, target)


@settings(max_examples=25)
@given(st.floats(-3.1, 3.1), st.floats(0.6, 3.5), st.floats(-20, 20), st.floats(-20, 20))
@example(0.0, 1.0, 7.0, -5.0)
@example(math.pi / 2, 1.0, 0.0, 0.0)
def test_a_turned_scaled_and_shifted_photo_gives_nearly_the_same_crop(
    angle: float, scale: float, x: float, y: float
) -> None:
    motion = similarity(angle, scale, 0, 0)
    motion[:, 2] = 300 + np.array([x, y]) - motion[:, :2] @ [160.0, 120.0]
    turned = cv2.warpAffine(PHOTO, motion, (600, 600), flags=cv2.INTER_CUBIC)
    spec = CropSpec(size=64)
    before = align(PHOTO, FACE, spec)
    after = align(turned, moved(motion, LANDMARKS), spec)
    assert np.abs(after.astype(int) - before).mean() < 3


@pytest.mark.parametrize("factor", [2, 3, 5, 8, 13])
def test_a_larger_photo_gives_nearly_the_same_crop(factor: int) -> None:
    large = cv2.resize(PHOTO, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
    enlarged = moved(similarity(0, factor, (factor - 1) / 2, (factor - 1) / 2), LANDMARKS)
    before, after = align(PHOTO, FACE), align(large, enlarged)
    assert np.abs(after.astype(int) - before).mean() < 1.5


@pytest.mark.parametrize("scale", [2, 3, 4, 7, 12])
def test_fine_texture_is_blurred_not_aliased(scale: int) -> None:
    rows, columns = np.indices((128 * scale,) * 2)
    board = np.uint8(255) * ((rows + columns) % 2).astype(np.uint8)
    image = np.dstack([board] * 3)
    crop = align(image, whole_image(image))
    assert np.abs(crop[4:-4, 4:-4].astype(int) - 127).max() <= 20


@given(points, specs, st.data())
def test_the_middle_of_a_padded_crop_is_the_crop_bit_for_bit(
    landmarks: tuple[tuple[float, float], ...], spec: CropSpec, choice: st.DataObject
) -> None:
    face = Detection(BOX, choice.draw(st.sampled_from([landmarks, None])))
    pad = choice.draw(st.integers(1, max_pad(spec)))
    crop = align(PHOTO, face, spec)
    assert crop.shape == (spec.size, spec.size, 3)
    assert crop.flags.c_contiguous
    assert np.array_equal(align(PHOTO, face, spec, pad=pad)[pad:-pad, pad:-pad], crop)


@pytest.mark.parametrize("pad", [-1, 17])
def test_pad_has_limits(pad: int) -> None:
    with pytest.raises(ConfigError, match=r"got: .*expected: 0 to 16"):
        align(PHOTO, FACE, pad=pad)


@given(points)
def test_outside_the_photo_its_edge_is_repeated(
    landmarks: tuple[tuple[float, float], ...],
) -> None:
    image = np.full((40, 50, 3), (10, 120, 230), np.uint8)
    crop = align(image, Detection(BOX, landmarks), CropSpec(size=32), pad=4)
    assert (crop == (10, 120, 230)).all()


def test_landmarks_that_say_nothing_leave_it_to_the_box() -> None:
    boxed = align(PHOTO, Detection(BOX))
    for landmarks in (((9.0, 9.0),) * 5, ((0.0, 0.0),) * 5):
        assert np.array_equal(align(PHOTO, Detection(BOX, landmarks)), boxed)


def test_box_and_landmarks_cut_about_the_same_crop() -> None:
    by_box = similarity_to_crop(Detection(BOX))
    by_landmarks = similarity_to_crop(FACE)
    nose = np.array([160.0, 125.0, 1.0])
    assert np.abs((by_box - by_landmarks) @ nose).max() < 0.06 * DEFAULT_CROP.size
    assert by_box[0, 0] == pytest.approx(by_landmarks[0, 0], rel=0.1)
    assert by_box[1, 0] == 0


def test_photos_wider_than_opencv_can_warp() -> None:
    wide = np.zeros((300, 40_000, 3), np.uint8)
    wide[:, 39_000:39_320] = PHOTO
    far = moved(similarity(0, 1, 39_000, 0), LANDMARKS)
    difference = align(wide, far).astype(int) - align(PHOTO, FACE)
    assert np.abs(difference).mean() < 0.5


@given(st.integers(1, 60), st.integers(1, 60))
def test_the_whole_image_is_the_crop_of_its_longer_side(height: int, width: int) -> None:
    image = np.zeros((height, width, 3), np.uint8)
    matrix = similarity_to_crop(whole_image(image))
    side, size = max(height, width), DEFAULT_CROP.size
    assert matrix[0, 0] == pytest.approx(size / side)
    middle = matrix @ [(width - 1) / 2, (height - 1) / 2, 1]
    assert middle == pytest.approx([(size - 1) / 2] * 2)


@pytest.mark.parametrize("side", [64, 128, 200, 384, 1000])
def test_a_ready_crop_may_be_scaled_or_aligned(side: int) -> None:
    image = cv2.resize(PHOTO[:256, 30:286], (side, side), interpolation=cv2.INTER_AREA)
    scaled, aligned = fit_crop(image), align(image, whole_image(image))
    assert np.abs(scaled.astype(int) - aligned).mean() < 2.5


def test_a_crop_of_the_right_size_stays_as_it_is() -> None:
    crop = np.ascontiguousarray(PHOTO[:128, :128])
    assert fit_crop(crop) is crop


@pytest.mark.parametrize("shape", [(100, 50), (50, 100), (1, 1), (31, 200)])
def test_other_shapes_are_made_square_by_repeating_edges(shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), 90, np.uint8)
    image[0] = image[-1] = 200
    crop = fit_crop(image)
    assert crop.shape == (128, 128, 3)
    assert crop[0].min() >= 190
    assert crop[-1].min() >= 190
    if shape[0] < shape[1]:  # the repeated rows have the edge's colour
        assert (crop[: 64 - 128 * shape[0] // shape[1] // 2 - 2] == 200).all()


@given(st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_normalise_is_torchvisions_formula(count: int, seed: int) -> None:
    spec = CropSpec(size=16, mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6))
    crops = np.random.default_rng(seed).integers(0, 256, (count, 16, 16, 3), dtype=np.uint8)
    found = normalise(crops, spec)
    assert found.shape == (count, 3, 16, 16)
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    expected = (crops / 255 - spec.mean) / spec.std
    assert np.allclose(found, expected.transpose(0, 3, 1, 2), atol=1e-5)
    assert np.array_equal(normalise(crops[0], spec), found[:1])


@pytest.mark.parametrize(
    "crops", [np.zeros((2, 8, 8, 3)), np.zeros((8, 8), np.uint8), np.zeros((1, 3, 8, 8), np.uint8)]
)
def test_normalise_takes_nothing_but_crops(crops: np.ndarray) -> None:
    with pytest.raises(InvalidArrayError, match=r"expected: uint8 \(N, 128, 128, 3\)"):
        normalise(crops)
