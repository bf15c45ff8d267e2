from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import data

from facelage.data.align import DEFAULT_CROP, similarity_to_crop
from facelage.data.detect import (
    Detection,
    FaceDetector,
    HaarDetector,
    RefinedDetector,
    YuNetDetector,
)
from facelage.data.detect.base import box_iou, largest_side
from facelage.data.images import list_images, load_image

#: The astronaut's face, as YuNet draws it.
BOX = (178.0, 63.0, 268.0, 176.0)
SIZE = 101.0


class Boxes:
    """Sees the same boxes in each picture."""

    name = "boxes"
    max_side = 700

    def __init__(self, *boxes: tuple[float, float, float, float]) -> None:
        self.boxes = boxes

    def detect(self, image: np.ndarray) -> list[Detection]:
        return [Detection(box) for box in self.boxes]


def moved(x: float, y: float, scale: float) -> tuple[float, float, float, float]:
    """The astronaut's box, shifted by shares of its size and scaled around its middle."""
    left, top, right, bottom = BOX
    width, height = scale * (right - left), scale * (bottom - top)
    middle_x, middle_y = (left + right) / 2 + x * SIZE, (top + bottom) / 2 + y * SIZE
    return (
        middle_x - width / 2, middle_y - height / 2,
        middle_x + width / 2, middle_y + height / 2,
    )  # fmt: skip


def crop_corners(face: Detection) -> np.ndarray:
    """Where the corners of the face's crop lie in the picture."""
    back = cv2.invertAffineTransform(similarity_to_crop(face))
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * DEFAULT_CROP.size
    return corners @ back[:, :2].T + back[:, 2]


def test_it_is_a_detector_by_the_name_of_the_one_below() -> None:
    detector = RefinedDetector(Boxes())
    assert isinstance(detector, FaceDetector)
    assert detector.name == "boxes"
    assert largest_side(detector) == 700
    assert largest_side(RefinedDetector(HaarDetector(max_side=500))) == 500


@given(x=st.floats(-0.12, 0.12), y=st.floats(-0.12, 0.12), scale=st.floats(0.85, 1.3))
def test_a_box_that_moves_a_little_leaves_the_crop_where_it_is(
    x: float, y: float, scale: float
) -> None:
    picture = np.ascontiguousarray(data.astronaut())
    [expected] = RefinedDetector(Boxes(BOX)).detect(picture)
    [face] = RefinedDetector(Boxes(moved(x, y, scale))).detect(picture)
    away = np.linalg.norm(crop_corners(face) - crop_corners(expected), axis=1)
    assert away.max() < 0.08 * SIZE


def test_a_mirrored_picture_has_mirrored_landmarks(astronaut: np.ndarray) -> None:
    [face] = RefinedDetector(Boxes(BOX)).detect(astronaut)
    width = astronaut.shape[1]
    left, top, right, bottom = BOX
    there = (width - right, top, width - left, bottom)
    [mirrored] = RefinedDetector(Boxes(there)).detect(np.ascontiguousarray(astronaut[:, ::-1]))
    back = np.array(mirrored.landmarks)[[1, 0, 2, 4, 3]]
    back[:, 0] = width - 1 - back[:, 0]
    assert np.linalg.norm(back - face.landmarks, axis=1).max() < 0.06 * SIZE


@pytest.mark.parametrize("angle", [-25, 25])
def test_a_tilted_face_is_turned_upright(angle: int, astronaut: np.ndarray) -> None:
    middle = (223.0, 120.0)
    turn = cv2.getRotationMatrix2D(middle, angle, 1.0)
    tilted = cv2.warpAffine(astronaut, turn, (512, 512))
    [straight] = RefinedDetector(Boxes(BOX)).detect(astronaut)
    [face] = RefinedDetector(Boxes(BOX)).detect(tilted)
    expected = np.array(straight.landmarks) @ turn[:, :2].T + turn[:, 2]
    assert np.linalg.norm(np.array(face.landmarks) - expected, axis=1).max() < 0.12 * SIZE


@pytest.mark.parametrize("name", ["brick", "coffee", "gravel", "text", "rocket"])
def test_boxes_in_pictures_without_a_face_are_dropped(name: str) -> None:
    picture = load_image(np.asarray(getattr(data, name)()))
    height, width = picture.shape[:2]
    sides = [40, 80, min(height, width) // 2]
    boxes = [
        (float(x), float(y), x + 0.87 * side, y + 1.15 * side)
        for side in sides
        for x in range(0, width - side, max(side, width // 5))
        for y in range(0, height - side, max(side, height // 5))
    ]
    kept = RefinedDetector(Boxes(*boxes)).detect(picture)
    assert len(boxes) >= 12
    assert len(kept) <= 0.02 * len(boxes)


def test_parts_of_a_face_are_not_faces(astronaut: np.ndarray) -> None:
    left, top, right, bottom = BOX
    for box in (
        (left - 110, top, right - 110, bottom),
        (left, top + 130, right, bottom + 130),
        (0.0, 0.0, 512.0, 512.0),
    ):
        for face in RefinedDetector(Boxes(box)).detect(astronaut):
            assert box_iou(face.box, BOX) > 0.5  # led to the face, or dropped


def test_two_boxes_on_one_face_are_one_face(astronaut: np.ndarray) -> None:
    detector = RefinedDetector(Boxes(BOX, moved(0.08, -0.05, 1.2), moved(-0.1, 0, 0.9)))
    [face] = detector.detect(astronaut)
    each = [
        RefinedDetector(Boxes(box)).detect(astronaut)[0].score for box in detector.detector.boxes
    ]
    assert face.score == pytest.approx(max(each), abs=1e-4)


def test_what_holds_a_whole_face_and_more_is_no_second_one(astronaut: np.ndarray) -> None:
    # 2.3 times the face: even where it ends, less than 0.4 of the union is shared.
    outer = moved(0.0, 0.2, 2.3)
    assert box_iou(outer, BOX) < 0.3
    everything = RefinedDetector(Boxes(BOX, outer), min_score=0.0)
    everything.FIRST_SCORE = 0.0
    assert len(everything.detect(astronaut)) == 1


def test_scores_are_the_networks_and_the_limit_holds(astronaut: np.ndarray) -> None:
    boxes = Boxes(BOX, (400.0, 20.0, 470.0, 110.0))
    everything = RefinedDetector(boxes, min_score=0.0).detect(astronaut)
    scores = [face.score for face in everything]
    assert scores == sorted(scores, reverse=True)
    [face] = RefinedDetector(boxes).detect(astronaut)
    assert RefinedDetector(boxes, min_score=face.score).detect(astronaut) == [face]
    assert RefinedDetector(boxes, min_score=face.score + 1e-6).detect(astronaut) == []


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (1, 3000), (3000, 1), (33, 31)])
def test_small_and_narrow_pictures_are_looked_at(shape: tuple[int, int]) -> None:
    picture = np.zeros((*shape, 3), np.uint8)
    assert RefinedDetector(Boxes((0.0, 0.0, 1.0, 1.0))).detect(picture) == []
    assert RefinedDetector(Boxes()).detect(picture) == []


def test_copies_and_threads_give_the_same_faces(astronaut: np.ndarray) -> None:
    detector = RefinedDetector(HaarDetector())
    images = [np.ascontiguousarray(astronaut[: 220 + 20 * index, 100:340]) for index in range(4)]
    expected = [detector.detect(image) for image in images]
    assert all(expected)
    copy = pickle.loads(pickle.dumps(detector))
    assert [copy.detect(image) for image in images] == expected
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(detector.detect, images * 2)) == expected * 2


def test_landmarks_are_yunets_nearly(shared: Path, yunet: Path) -> None:
    paths = list_images(shared / "data" / "appa_real_dev")[::40]
    teacher = YuNetDetector(yunet)
    away, found = [], 0
    for path in paths:
        image = load_image(path)
        for face in teacher.detect(image)[:1]:
            [refined] = RefinedDetector(Boxes(face.box), min_score=0.0).detect(image)
            distance = np.linalg.norm(np.array(refined.landmarks) - face.landmarks, axis=1)
            away.append(distance.mean() / face.size)
            found += refined.score is not None and refined.score >= 0.95
    assert len(away) >= 20
    assert np.median(away) < 0.05
    assert found >= 0.9 * len(away)
