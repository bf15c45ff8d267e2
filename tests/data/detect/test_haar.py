from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from facelage.data.detect import FaceDetector, HaarDetector
from facelage.data.images import list_images, load_image
from facelage.errors import DetectorError


def centre(box: tuple[float, float, float, float]) -> np.ndarray:
    return np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])


@pytest.mark.parametrize("factor", [0.5, 1, 3])
def test_the_portraits_face_is_found_whatever_the_size(
    factor: float, astronaut: np.ndarray
) -> None:
    image = cv2.resize(astronaut, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    (face,) = HaarDetector(min_neighbors=8).detect(image)
    assert np.abs(centre(face.box) / factor - [223, 120]).max() < 8
    assert face.size / factor == pytest.approx(100, abs=15)
    assert face.landmarks is None
    assert face.score is None


def test_boxes_resemble_yunets(astronaut: np.ndarray) -> None:
    (face,) = HaarDetector().detect(astronaut)
    assert np.abs(np.array(face.box) - [178, 63, 268, 176]).max() < 12


def test_larger_faces_come_first(astronaut: np.ndarray) -> None:
    head = astronaut[:250, 100:350]
    small = cv2.resize(head, (150, 150), interpolation=cv2.INTER_AREA)
    image = np.full((260, 420, 3), 128, np.uint8)
    image[:150, :150] = small
    image[:250, 160:410] = head
    faces = HaarDetector().detect(image)
    assert len(faces) == 2
    assert faces[0].size > faces[1].size
    assert faces[0].box[0] > 160 > faces[1].box[2]


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (1, 3000), (3000, 1), (33, 31), (200, 200)])
def test_pictures_without_a_face_give_none(shape: tuple[int, int]) -> None:
    assert HaarDetector().detect(np.zeros((*shape, 3), np.uint8)) == []


def test_tight_chips_are_found(shared: Path) -> None:
    chips = [load_image(path) for path in list_images(shared / "data" / "utkface")[9000:9020]]
    found = [len(HaarDetector().detect(chip)) for chip in chips]
    assert sum(count >= 1 for count in found) >= 14


def test_copies_and_threads_give_the_same_faces(astronaut: np.ndarray) -> None:
    detector = HaarDetector()
    images = [astronaut[: 200 + 20 * index, 100:340] for index in range(4)]
    expected = [[face.box for face in detector.detect(image)] for image in images]
    assert all(expected)
    copy = pickle.loads(pickle.dumps(detector))
    assert [[face.box for face in copy.detect(image)] for image in images] == expected
    with ThreadPoolExecutor(3) as pool:
        found = pool.map(detector.detect, images * 2)
        assert [[face.box for face in faces] for faces in found] == expected * 2


def test_it_is_a_detector() -> None:
    assert isinstance(HaarDetector(), FaceDetector)
    assert HaarDetector().name == "haar"


@pytest.mark.parametrize("missing", ["class", "files"])
def test_an_opencv_without_cascades_is_named(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if missing == "class":
        monkeypatch.delattr(cv2, "CascadeClassifier")
    else:
        monkeypatch.setattr(cv2.data, "haarcascades", "")
    with pytest.raises(DetectorError, match=r"no face cascade.*opencv-python 4\.x"):
        HaarDetector()
