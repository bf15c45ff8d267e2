from __future__ import annotations

import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from facelage.data.detect import Detection, FaceDetector, YuNetDetector, download_yunet, find_yunet
from facelage.data.detect.yunet import YUNET_NAME, YUNET_SHA256
from facelage.data.detect.yunet_network import YuNetNetwork
from facelage.data.images import list_images, load_image
from facelage.errors import ChecksumError, DetectorError, DownloadError
from facelage.files import sha256
from facelage.models.weights import SHIPPED


@pytest.fixture(scope="module")
def detector(yunet: Path) -> YuNetDetector:
    return YuNetDetector(yunet)


@pytest.fixture(scope="module")
def photos(shared: Path) -> list[np.ndarray]:
    return [load_image(path) for path in list_images(shared / "data" / "frl_london")[:12]]


def overlap(one: Detection, other: Detection) -> float:
    a, b = np.array(one.box), np.array(other.box)
    sides = np.clip(np.minimum(a, b)[2:] - np.maximum(a, b)[:2], 0, None)
    shared = float(sides.prod())
    return shared / (one.size**2 + other.size**2 - shared)


def test_portraits_show_one_face_with_landmarks_left_to_right(
    detector: YuNetDetector, photos: list[np.ndarray]
) -> None:
    for image in photos:
        (face,) = detector.detect(image)
        left, top, right, bottom = face.box
        assert 0 < left < right < image.shape[1]
        assert 0 < top < bottom < image.shape[0]
        assert 0.6 <= face.score <= 1
        assert face.landmarks is not None
        eye, other_eye, nose, mouth, other_mouth = face.landmarks
        assert left < eye[0] < nose[0] < other_eye[0] < right
        assert mouth[0] < nose[0] < other_mouth[0]
        assert top < eye[1] < nose[1] < mouth[1] < bottom
        assert all(type(number) is float for point in face.landmarks for number in point)


def test_the_astronaut_is_found_where_she_is(
    detector: YuNetDetector, astronaut: np.ndarray
) -> None:
    (face,) = detector.detect(astronaut)
    assert overlap(face, Detection((178.0, 63.0, 268.0, 176.0))) > 0.9


def test_a_mirrored_photo_gives_a_mirrored_face(
    detector: YuNetDetector, photos: list[np.ndarray]
) -> None:
    for image in photos[:4]:
        (face,) = detector.detect(image)
        (mirrored,) = detector.detect(np.ascontiguousarray(image[:, ::-1]))
        width = image.shape[1]
        left, top, right, bottom = mirrored.box
        assert overlap(face, Detection((width - right, top, width - left, bottom))) > 0.8


def test_noise_and_tiny_pictures_show_no_face(detector: YuNetDetector) -> None:
    # Again and again: OpenCV's own class reads unwritten memory, and finds faces now and then.
    random = np.random.default_rng(0)
    for _ in range(5):
        for shape in ((200, 200), (1, 1), (2, 3), (1, 3000), (3000, 1), (33, 31), (20, 640)):
            noise = random.integers(0, 256, (*shape, 3), dtype=np.uint8)
            assert detector.detect(noise) == []


def test_a_strip_has_the_same_answer_every_time(yunet: Path, astronaut: np.ndarray) -> None:
    strip = np.ascontiguousarray(astronaut[90:120])
    detector = YuNetDetector(yunet, score_threshold=1e-3)
    answers = []
    for _ in range(4):
        detector.detect(astronaut)
        answers.append(detector.detect(strip))
    assert answers[0]
    assert answers == [answers[0]] * 4


def test_several_faces_come_best_first(detector: YuNetDetector, photos: list[np.ndarray]) -> None:
    side_by_side = np.hstack([photos[0], photos[1][: photos[0].shape[0]]])
    faces = detector.detect(side_by_side)
    assert len(faces) == 2
    assert faces[0].score >= faces[1].score


@pytest.mark.parametrize("side", [1500, 4000])
def test_an_enlarged_photo_shows_the_same_face(
    side: int, detector: YuNetDetector, photos: list[np.ndarray]
) -> None:
    image = photos[0]
    factor = side / max(image.shape)
    large = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    (face,), (found,) = detector.detect(image), detector.detect(large)
    assert found.landmarks is not None
    back = Detection(tuple(number / factor for number in found.box))  # type: ignore[arg-type]
    assert overlap(face, back) > 0.9
    shift = np.array(found.landmarks) / factor - np.array(face.landmarks)
    assert np.abs(shift).max() < 0.03 * face.size


@pytest.mark.parametrize("factor", [2, 4])
def test_a_large_photo_shows_what_it_shows_at_a_power_of_two_of_its_size(
    yunet: Path, photos: list[np.ndarray], factor: int
) -> None:
    detector = YuNetDetector(yunet, glance=False)
    for image in photos[:4]:
        assert max(image.shape[:2]) == detector.max_side
        large = image.repeat(factor, 0).repeat(factor, 1)
        assert detector.detect(large) == [face.moved(factor) for face in detector.detect(image)]


def test_a_face_that_fills_the_frame_is_found(
    detector: YuNetDetector, photos: list[np.ndarray]
) -> None:
    # So close that it takes the second look, at half the size.
    (face,) = detector.detect(photos[1])
    left, top, right, bottom = (round(number) for number in face.box)
    part = photos[1][top + 40 : bottom - 40, left + 40 : right - 40]
    close = cv2.resize(part, (640, 640 * part.shape[0] // part.shape[1]))
    assert len(detector.detect(close)) == 1


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Height and width of the pictures that YuNet's network was shown."""
    shown: list[tuple[int, int]] = []
    detect = YuNetNetwork.detect

    def spy(self: YuNetNetwork, image: np.ndarray, threshold: float) -> np.ndarray:
        shown.append(image.shape[:2])
        return detect(self, image, threshold)

    monkeypatch.setattr(YuNetNetwork, "detect", spy)
    return shown


def beside(photo: np.ndarray, face_side: int) -> np.ndarray:
    """The photo and, to its right, itself so small that its face has about so many pixels."""
    scale = face_side / 240  # what the portraits' faces have
    small = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    # 640 pixels a side, so that nothing is shrunk for the full look.
    canvas = np.full((640, 640, 3), photo[0, 0], np.uint8)
    half = cv2.resize(photo, (448, 448), interpolation=cv2.INTER_AREA)
    canvas[:448, :448] = half
    canvas[470 : 470 + small.shape[0], 460 : 460 + small.shape[1]] = small
    return canvas


def test_most_portraits_are_only_glanced_at_in_half_size(
    detector: YuNetDetector, photos: list[np.ndarray], looks: list[tuple[int, int]]
) -> None:
    whole, glances = YuNetDetector(detector.path, glance=False), 0
    for photo in photos:
        looks.clear()
        (face,) = detector.detect(photo)
        assert max(looks[0]) == 320
        assert np.prod(looks, 1).sum() <= 1.3 * 640 * 640
        glances += len(looks) == 1
        (full,) = whole.detect(photo)
        assert overlap(face, full) > 0.85
    assert glances >= 8  # of 12


@pytest.mark.parametrize("pixels", [20, 24, 32, 60])
def test_a_small_face_beside_a_large_one_is_found_as_in_the_whole_picture(
    detector: YuNetDetector,
    photos: list[np.ndarray],
    looks: list[tuple[int, int]],
    pixels: int,
) -> None:
    whole, missed, parts = YuNetDetector(detector.path, glance=False), 0, 0
    for photo in photos:
        picture = beside(photo, pixels)
        expected = whole.detect(picture)
        looks.clear()
        faces = detector.detect(picture)
        parts += len(looks) > 1 and max(map(max, looks)) < 640
        assert [face.score for face in faces] == sorted((f.score for f in faces), reverse=True)
        missed += len(faces) < len(expected)
        for face in faces:
            assert max(overlap(face, other) for other in expected) > 0.75
    assert missed <= 1  # of 12
    assert parts >= 9  # only a part of the picture is looked at again


@pytest.mark.parametrize("pixels", [24, 32, 60])
def test_a_part_of_the_picture_shows_what_the_whole_shows_there(
    detector: YuNetDetector, photos: list[np.ndarray], pixels: int
) -> None:
    whole, shifts = YuNetDetector(detector.path, glance=False), []
    for photo in photos:
        picture = beside(photo, pixels)
        expected = [face for face in whole.detect(picture) if face.size < 100]
        found = [face for face in detector.detect(picture) if face.size < 100]
        for face, other in zip(found, expected, strict=True):
            assert abs((face.score or 0) - (other.score or 0)) < 0.02
            shifts.append(np.abs(np.subtract(face.landmarks, other.landmarks)).max() / other.size)
    # Not the very same: the network looks far around a face.
    assert np.median(shifts) < 0.05
    assert np.max(shifts) < 0.15


def test_a_picture_full_of_hints_is_looked_at_as_a_whole(
    yunet: Path, photos: list[np.ndarray], looks: list[tuple[int, int]]
) -> None:
    # A face that is sure, and around it many of 90 pixels that are hidden up to the eyes.
    picture = np.full((640, 640, 3), photos[0][0, 0], np.uint8)
    picture[190:450, 190:450] = cv2.resize(photos[0], (260, 260), interpolation=cv2.INTER_AREA)
    (face,) = YuNetDetector(yunet).detect(photos[1])
    left, top, right, bottom = (round(number) for number in face.box)
    small = cv2.resize(photos[1][top:bottom, left:right], (80, 110), interpolation=cv2.INTER_AREA)
    small[45:] = photos[0][0, 0]
    for x in range(20, 600, 130):
        for y in (30, 500):
            picture[y : y + 110, x : x + 80] = small
    detector = YuNetDetector(yunet, score_threshold=0.9)
    looks.clear()
    faces = detector.detect(picture)
    assert [max(look) for look in looks] == [320, 640]
    assert faces == YuNetDetector(yunet, score_threshold=0.9, glance=False).detect(picture)


def test_nothing_is_looked_for_twice_and_not_found_once(
    yunet: Path, photos: list[np.ndarray], looks: list[tuple[int, int]]
) -> None:
    blank = np.full((640, 480, 3), 128, np.uint8)
    for glance, expected in ((True, [320, 640]), (False, [640, 320])):
        looks.clear()
        assert YuNetDetector(yunet, glance=glance).detect(blank) == []
        assert [max(look) for look in looks] == expected
        looks.clear()
        YuNetDetector(yunet, glance=glance).detect(photos[0][:300, :300])
        assert looks == [(300, 300)]  # no more than half of max_side: one look


def test_opencv_itself_gives_the_same_numbers(yunet: Path, photos: list[np.ndarray]) -> None:
    detector, image = YuNetDetector(yunet, glance=False), photos[0]
    network = cv2.FaceDetectorYN.create(str(yunet), "", image.shape[1::-1], 0.6, 0.3, 200)
    _, (row,) = network.detect(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    (face,) = detector.detect(image)
    left, top, right, bottom = face.box
    assert (left, top, right - left, bottom - top) == pytest.approx(row[:4].tolist())
    assert np.ravel(face.landmarks) == pytest.approx(row[4:14])
    assert face.score == pytest.approx(row[14])


def test_copies_and_threads_give_the_same_faces(
    detector: YuNetDetector, photos: list[np.ndarray]
) -> None:
    # Of different sizes, so that none can be mistaken for another.
    images = [image[: 500 + 10 * index] for index, image in enumerate(photos)]
    expected = [detector.detect(image) for image in images]
    copy = pickle.loads(pickle.dumps(detector))
    assert [copy.detect(image) for image in images] == expected
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(detector.detect, images * 3)) == expected * 3


def test_the_threshold_drops_weak_faces(yunet: Path, photos: list[np.ndarray]) -> None:
    assert YuNetDetector(yunet, score_threshold=0.999).detect(photos[0]) == []


def test_it_is_a_detector(detector: YuNetDetector, yunet: Path) -> None:
    assert isinstance(detector, FaceDetector)
    assert detector.name == "yunet"
    assert detector.path == yunet
    assert sha256(yunet) == YUNET_SHA256


def test_the_file_comes_from_path_environment_or_cache_in_this_order(
    yunet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACELAGE_CACHE", str(tmp_path))
    assert find_yunet() is None
    (tmp_path / YUNET_NAME).write_bytes(yunet.read_bytes())
    assert find_yunet() == tmp_path / YUNET_NAME
    assert YuNetDetector().path == tmp_path / YUNET_NAME
    other = tmp_path / "other.onnx"
    other.write_bytes(yunet.read_bytes())
    monkeypatch.setenv("FACELAGE_YUNET", str(other))
    assert find_yunet() == other
    assert find_yunet(yunet) == yunet
    monkeypatch.delenv("FACELAGE_YUNET")
    (tmp_path / YUNET_NAME).write_bytes(yunet.read_bytes()[:-1])
    assert find_yunet() is None  # a spoilt file in the cache is none


def test_the_download_is_pinned(
    yunet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACELAGE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FACELAGE_OFFLINE", "0")
    (tmp_path / "false.onnx").write_bytes(b"something else")
    with pytest.raises(ChecksumError):
        download_yunet((tmp_path / "false.onnx").as_uri())
    assert find_yunet() is None
    assert download_yunet(yunet.as_uri()) == tmp_path / "cache" / YUNET_NAME
    assert find_yunet() == tmp_path / "cache" / YUNET_NAME


def test_a_missing_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    absent = os.fspath(tmp_path / "absent.onnx")
    with pytest.raises(DetectorError, match=r"got: path=.*absent\.onnx.*facelage download"):
        YuNetDetector(absent)
    monkeypatch.setenv("FACELAGE_YUNET", absent)
    with pytest.raises(DetectorError, match=r"got: FACELAGE_YUNET=.*absent\.onnx"):
        YuNetDetector()
    monkeypatch.delenv("FACELAGE_YUNET")
    with pytest.raises(DownloadError, match="FACELAGE_OFFLINE"):
        YuNetDetector()


def test_another_network_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match=r"can't be loaded.*another network.*age"):
        YuNetDetector(next(SHIPPED.glob("age_prediction_*-int8.onnx")))


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"not a network")
    with pytest.raises(DetectorError, match=r"can't be loaded; got: .*broken\.onnx"):
        YuNetDetector(tmp_path / "broken.onnx")
