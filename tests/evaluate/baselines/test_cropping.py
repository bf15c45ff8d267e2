from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facelage.data.align import DEFAULT_CROP, align
from facelage.data.detect import Detection
from facelage.errors import DetectorError, InvalidArrayError
from facelage.evaluate.baselines.cropping import (
    TEMPLATES,
    BoxCrop,
    CropRule,
    NoseCrop,
    PointsCrop,
    SquareCrop,
    cut,
)

from .network import FACE, photo

RULES: dict[str, CropRule] = {
    "box": BoxCrop(),
    "box with margin": BoxCrop(0.4),
    "box by difference": BoxCrop(difference=1.0),
    "square": SquareCrop(1.2),
    "square, shifted": SquareCrop(1.0, (0.1, -0.2)),
    "nose, top": NoseCrop("top"),
    "nose, half width": NoseCrop("half_width"),
    "points": PointsCrop(),
    "points, zoomed": PointsCrop(TEMPLATES["facelage"], (0.5, 0.46), 0.95),
}
every_rule = pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())


def moved(face: Detection, x: float, y: float) -> Detection:
    left, top, right, bottom = face.box
    assert face.landmarks is not None
    points = tuple((a + x, b + y) for a, b in face.landmarks)
    return Detection((left + x, top + y, right + x, bottom + y), points)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rule", "rect"),
    [
        (BoxCrop(), (40, 30, 80, 82)),
        (BoxCrop(0.5), (20, 4, 100, 108)),
        (BoxCrop(-0.25), (50, 43, 70, 69)),
        (BoxCrop(difference=1.0), (28, 18, 92, 94)),  # |40 - 52| on each side
        (SquareCrop(), (34, 30, 86, 82)),
        (SquareCrop(2.0, (0.0, 0.25)), (8, 30, 112, 134)),
        (NoseCrop("top"), (29, 30, 91, 92)),
        (NoseCrop("half_width"), (40, 41, 80, 81)),
    ],
)
def test_where_each_rule_cuts(rule: CropRule, rect: tuple[float, ...]) -> None:
    assert not isinstance(rule, PointsCrop)
    assert rule.rect(FACE) == pytest.approx(rect)


def test_a_cut_of_the_networks_size_is_the_photos_own_pixels() -> None:
    image = photo()
    face = Detection((40.0, 30.0, 72.0, 62.0))
    assert np.array_equal(cut(image, face, 32, BoxCrop()), image[30:62, 40:72])


def test_pixels_whose_centres_lie_in_the_box_are_cut() -> None:
    image = photo()
    crop = cut(image, Detection((39.6, 29.5, 71.6, 62.4)), 32, BoxCrop())
    assert np.array_equal(crop, image[30:62, 40:72])


def test_a_box_is_stretched_and_a_square_is_not() -> None:
    image = photo()
    box = cut(image, FACE, 24, BoxCrop())
    assert np.array_equal(
        box, cv2.resize(image[30:82, 40:80], (24, 24), interpolation=cv2.INTER_AREA)
    )
    wide = cut(image, FACE, 104, SquareCrop())  # enlarged
    assert np.array_equal(
        wide, cv2.resize(image[30:82, 34:86], (104, 104), interpolation=cv2.INTER_LINEAR)
    )


@every_rule
@given(x=st.integers(-12, 12), y=st.integers(-12, 12), seed=st.integers(0, 5))
def test_the_crop_of_a_shifted_photo_is_the_same_crop(
    rule: CropRule, x: int, y: int, seed: int
) -> None:
    big = photo(seed, 300, 300)
    image, shifted = big[60:260, 60:260], big[60 - y : 260 - y, 60 - x : 260 - x]
    face = moved(FACE, 30, 30)
    first, second = cut(image, face, 48, rule), cut(shifted, moved(face, x, y), 48, rule)
    # Similarities are computed in floats and OpenCV rounds them to 1/32 pixel.
    limit = 12 if isinstance(rule, PointsCrop) else 0
    assert np.abs(first.astype(int) - second).max() <= limit
    still = cut(shifted, face, 48, rule)
    if abs(x) + abs(y) > 4:
        assert np.abs(first.astype(int) - still).max() > limit


@every_rule
def test_outside_the_photo_its_edge_is_repeated(rule: CropRule) -> None:
    image = np.full((60, 60, 3), (10, 120, 250), np.uint8)
    for x, y in ((-35, -25), (20, 20)):
        crop = cut(image, moved(FACE, x, y), 32, rule)
        assert crop.shape == (32, 32, 3)
        assert (crop == (10, 120, 250)).all()


def test_the_repeated_edge_is_the_outermost_pixel() -> None:
    image = photo(1, 32, 32)
    around = cv2.copyMakeBorder(image, 16, 16, 16, 16, cv2.BORDER_REPLICATE)
    assert np.array_equal(cut(image, Detection((-16.0, -16.0, 48.0, 48.0)), 64, BoxCrop()), around)


def test_points_go_where_the_template_has_them() -> None:
    image = np.zeros((120, 130, 3), np.uint8)
    assert FACE.landmarks is not None
    rule = PointsCrop(tuple((x / 130, y / 130) for x, y in FACE.landmarks))  # type: ignore[arg-type]
    for number, (x, y) in enumerate(FACE.landmarks):
        image[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2] = 50 * (number + 1)
    crop = cut(image, FACE, 130, rule)
    for number, (x, y) in enumerate(FACE.landmarks):
        # A fraction of 0 is the first pixel's outer edge, so its centre lies half a pixel in.
        assert crop[round(y - 0.5), round(x - 0.5), 0] == 50 * (number + 1)


def test_facelages_template_is_facelages_crop() -> None:
    image = photo()
    rule = PointsCrop(TEMPLATES["facelage"])
    assert np.array_equal(cut(image, FACE, DEFAULT_CROP.size, rule), align(image, FACE))


def test_a_part_of_the_template_is_a_part_of_the_crop() -> None:
    image = photo(2, 400, 400)
    face = Detection(
        (100.0, 100.0, 260.0, 300.0),
        tuple((2.3 * x + 40, 2.3 * y + 60) for x, y in FACE.landmarks or ()),  # type: ignore[arg-type]
    )
    whole = cut(image, face, 128, PointsCrop())
    quarter = cut(image, face, 64, PointsCrop(centre=(0.25, 0.75), side=0.5))
    assert np.abs(whole[64:, :64].astype(int) - quarter).max() <= 6
    assert np.abs(whole[64:, 64:].astype(int) - quarter).max() > 30


def test_arcfaces_template_is_in_its_own_pixels() -> None:
    left_eye = np.array(TEMPLATES["arcface"][0]) * 112 - 0.5
    assert left_eye == pytest.approx([38.2946, 51.6963])


@pytest.mark.parametrize("rule", [NoseCrop("top"), PointsCrop()])
def test_landmarks_are_needed(rule: CropRule) -> None:
    with pytest.raises(DetectorError, match="needs landmarks"):
        cut(photo(), Detection(FACE.box), 32, rule)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((50, 50), np.uint8),
        np.zeros((50, 50, 4), np.uint8),
        np.zeros((0, 50, 3), np.uint8),
        np.zeros((50, 50, 3), np.float32),
    ],
    ids=["grey", "with alpha", "empty", "float"],
)
@every_rule
def test_what_is_no_photo(image: np.ndarray, rule: CropRule) -> None:
    with pytest.raises(InvalidArrayError, match="not a photo"):
        cut(image, FACE, 32, rule)


@pytest.mark.parametrize(
    ("face", "rule"),
    [
        (Detection((0.0, 0.0, 0.2, 0.2)), BoxCrop()),
        (Detection((0.0, 0.0, 1e9, 1e9)), SquareCrop()),
        (Detection((0.0, 0.0, 9.0, 1e6)), BoxCrop()),
        # The nose above the box: there is no such face.
        (Detection((40.0, 90.0, 80.0, 100.0), FACE.landmarks), NoseCrop("top")),
    ],
    ids=["too small", "too large", "too high", "no nose in it"],
)
def test_senseless_boxes(face: Detection, rule: CropRule) -> None:
    with pytest.raises(InvalidArrayError, match="no sensible size"):
        cut(photo(), face, 32, rule)
