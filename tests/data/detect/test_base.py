from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facelage.data.detect import HaarDetector
from facelage.data.detect.base import Box, Detection, box_iou, largest_side


def box(x: float, y: float, side: float) -> Box:
    return (x - side / 2, y - side / 2, x + side / 2, y + side / 2)


boxes = st.builds(box, st.floats(0, 640), st.floats(0, 480), st.floats(8, 300))


@given(
    face=boxes,
    scale=st.floats(0.1, 8),
    x=st.floats(-50, 50),
    y=st.floats(-50, 50),
    marked=st.booleans(),
)
def test_a_face_moves_with_its_landmarks_and_back(
    face: Box, scale: float, x: float, y: float, marked: bool
) -> None:
    left, top, right, bottom = face
    corners = ((left, top), (right, top), (left, bottom), (right, bottom), (left, top))
    detection = Detection(face, corners if marked else None, 0.7)
    moved = detection.moved(scale, (x, y))
    assert moved.size == pytest.approx(scale * detection.size)
    assert moved.score == 0.7
    if marked:
        assert moved.landmarks is not None
        assert moved.landmarks[0] == pytest.approx(moved.box[:2])
        assert moved.landmarks[3] == pytest.approx(moved.box[2:])
    back = moved.moved(1 / scale, (-x / scale, -y / scale))
    assert back.box == pytest.approx(face, abs=1e-6)


class Detector:
    name = "mine"

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)

    def detect(self, image: Any) -> list[Any]:
        return []


def test_haar_says_how_small_it_makes_photos() -> None:
    assert largest_side(HaarDetector(max_side=500)) == 500


@pytest.mark.parametrize("attributes", [{}, {"max_side": None}, {"max_side": 0}, {"max_side": "x"}])
def test_other_detectors_get_whole_photos(attributes: dict[str, Any]) -> None:
    assert largest_side(Detector(**attributes)) is None


def test_a_detector_of_ones_own_may_say_it_too() -> None:
    assert largest_side(Detector(max_side=320)) == 320


@given(boxes, boxes, st.floats(0, 1))
def test_overlap_is_symmetric_and_grows_when_boxes_are_widened(
    first: Box, second: Box, widen: float
) -> None:
    assert box_iou(first, second) == pytest.approx(box_iou(second, first))
    assert 0 <= box_iou(first, second, widen=widen) <= 1 + 1e-12
    assert box_iou(first, first, widen=widen) == pytest.approx(1)
    if box_iou(first, second) > 0:
        assert box_iou(first, second, widen=widen) > 0


def test_overlap_by_hand() -> None:
    assert box_iou((0, 0, 2, 2), (1, 0, 3, 2)) == pytest.approx(1 / 3)
    assert box_iou((0, 0, 2, 2), (2, 0, 4, 2)) == 0
    assert box_iou((0, 0, 2, 2), (2, 0, 4, 2), widen=0.5) == pytest.approx(1 / 3)
