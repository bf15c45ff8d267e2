from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facelage.data.detect import Detection
from facelage.data.filters import (
    FilterConfig,
    Status,
    check_faces,
    check_label,
    check_sharpness,
    sharpness,
)
from facelage.errors import ConfigError

CONFIG = FilterConfig()
SHAPE = (400, 500, 3)


def face(side: float, left: float = 0.0) -> Detection:
    return Detection((left, 0.0, left + side, side))


@pytest.mark.parametrize(
    ("age", "status", "reason"),
    [
        (0.0, Status.OK, ""),
        (122.0, Status.OK, ""),
        (30.5, Status.OK, ""),
        (math.nan, Status.NO_LABEL, "no age"),
        (-1.0, Status.BAD_LABEL, "age -1 outside 0..122"),
        (122.5, Status.BAD_LABEL, "age 122.5 outside 0..122"),
        (1985.0, Status.BAD_LABEL, "age 1985 outside 0..122"),
        (math.inf, Status.BAD_LABEL, "age inf outside 0..122"),
    ],
)
def test_labels(age: float, status: Status, reason: str) -> None:
    assert check_label(age, CONFIG) == (status, reason)


def test_label_limits_are_settings() -> None:
    adults = FilterConfig(min_age=18, max_age=80)
    assert check_label(17.9, adults) == (Status.BAD_LABEL, "age 17.9 outside 18..80")
    assert check_label(18, adults) == (Status.OK, "")
    assert check_label(80.1, adults)[0] is Status.BAD_LABEL


@pytest.mark.parametrize(
    ("sides", "status", "words"),
    [
        ([], Status.NO_FACE, "no face"),
        ([100], Status.OK, ""),
        ([100, 59], Status.OK, ""),
        ([59, 100], Status.OK, ""),
        ([100, 60], Status.SEVERAL_FACES, "2 faces (100, 60 px)"),
        ([60, 100, 90], Status.SEVERAL_FACES, "3 faces (100, 90, 60 px)"),
        ([19], Status.SMALL_FACE, "face of 19 px, at least 20 wanted"),
        ([44], Status.SMALL_FACE, "face fills 0.97%, at least 1.00% wanted"),
        ([45], Status.OK, ""),
    ],
)
def test_faces(sides: list[float], status: Status, words: str) -> None:
    found, reason, largest = check_faces([face(side) for side in sides], SHAPE, CONFIG)
    assert found is status
    assert words in reason
    assert (reason == "") == (status is Status.OK)
    assert largest == (face(max(sides)) if sides else None)


@given(st.lists(st.floats(1, 400), max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_the_faces_does_not_matter(sides: list[float], random: Any) -> None:
    faces = [face(side, left=10.0 * index) for index, side in enumerate(sides)]
    before = check_faces(faces, SHAPE, CONFIG)
    random.shuffle(faces)
    status, reason, largest = check_faces(faces, SHAPE, CONFIG)
    assert (status, reason) == before[:2]
    assert (largest and largest.size) == (before[2] and before[2].size)


@given(st.floats(1, 300), st.floats(1, 300), st.floats(0, 1), st.floats(0, 1))
def test_a_stricter_limit_never_lets_more_faces_through(
    large: float, second: float, one: float, other: float
) -> None:
    lax, strict = max(one, other), min(one, other)
    faces = [face(large), face(second)]
    several = Status.SEVERAL_FACES
    if check_faces(faces, SHAPE, FilterConfig(several_faces=lax))[0] is several:
        assert check_faces(faces, SHAPE, FilterConfig(several_faces=strict))[0] is several
    share = FilterConfig(min_face_share=strict)
    if check_faces(faces[:1], SHAPE, share)[0] is Status.SMALL_FACE:
        assert check_faces(faces[:1], SHAPE, FilterConfig(min_face_share=lax))[0] is not Status.OK


def test_blur_lowers_sharpness_step_by_step(picture: np.ndarray) -> None:
    values = [
        sharpness(picture if sigma == 0 else cv2.GaussianBlur(picture, (0, 0), sigma))
        for sigma in (0, 0.7, 1.5, 3, 6)
    ]
    assert values == sorted(values, reverse=True)
    assert values[0] > 10 * values[-1] > 0


def test_blurred_crops_are_told_only_if_asked(picture: np.ndarray) -> None:
    blurred = cv2.GaussianBlur(picture, (0, 0), 6)
    limit = FilterConfig(min_sharpness=(sharpness(picture) + sharpness(blurred)) / 2)
    assert check_sharpness(picture, limit) == (Status.OK, "")
    status, reason = check_sharpness(blurred, limit)
    assert status is Status.BLURRED
    assert f"sharpness {sharpness(blurred):.1f}" in reason
    assert check_sharpness(blurred, CONFIG) == (Status.OK, "")


@pytest.mark.parametrize(
    "change",
    [
        {"min_face_pixels": -1},
        {"min_face_share": 1.1},
        {"min_sharpness": math.nan},
        {"several_faces": -0.1},
        {"min_age": 130},
        {"min_age": -1},
        {"near_duplicate_bits": 129},
        {"near_duplicates": "delete"},
    ],
)
def test_impossible_limits_are_named(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(change))):
        FilterConfig(**change)
