"""Large photos: decoded no finer than needed, with the faces and ages of the whole photo."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from facelage.data.detect import Detection, YuNetDetector
from facelage.data.images import UInt8Image, load_image
from facelage.infer import AgePredictor, FaceAge
from facelage.infer.session import AgeSession

# The astronaut's head, 240 pixels; her face is 90 wide.
HEAD = (slice(0, 240), slice(100, 340))
# Framed about as the model's own crops are.
FACE = np.s_[42:202, 143:303]
BOX = np.array((178.0, 63.0, 268.0, 176.0)) - np.array((100, 0, 100, 0))


class HalfSize:
    """Knows where the astronaut's face is, whatever size of the photo it gets."""

    name = "half"

    def __init__(self, box: np.ndarray, width: int) -> None:
        self.box, self.width = box, width
        self.max_side = 640
        self.seen: list[tuple[int, ...]] = []

    def detect(self, image: UInt8Image) -> list[Detection]:
        self.seen.append(image.shape)
        left, top, right, bottom = (self.box * image.shape[1] / self.width).tolist()
        return [Detection((left, top, right, bottom), None, 0.9)]


def enlarged(image: np.ndarray, side: int) -> np.ndarray:
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC)


def jpeg(image: np.ndarray, orientation: int = 1) -> bytes:
    stream, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(image).save(stream, "JPEG", quality=92, exif=exif)
    return stream.getvalue()


@pytest.fixture(scope="module")
def session(predictor: AgePredictor) -> AgeSession:
    return predictor.session


def assert_same(found: list[FaceAge], expected: list[FaceAge], years: float = 0.5) -> None:
    assert len(found) == len(expected)
    for face, other in zip(found, expected, strict=True):
        size = face.box[2] - face.box[0]
        assert face.box == pytest.approx(other.box, abs=0.03 * size)
        assert face.age == pytest.approx(other.age, abs=years)
        if other.landmarks is not None:
            assert np.abs(np.subtract(face.landmarks, other.landmarks)).max() < 0.03 * size


def test_a_large_face_is_found_and_cut_at_half_the_size(
    session: AgeSession, portrait: np.ndarray, decoded: list[int]
) -> None:
    side = 1301
    data = jpeg(enlarged(portrait[HEAD], side))
    detector = HalfSize(BOX * side / 240, side)
    predictor = AgePredictor(session, detector)
    found = predictor.predict(data)
    assert detector.seen == [(651, 651, 3)]
    assert decoded == [2]
    assert_same(found, predictor.predict(load_image(data)))
    assert found[0].box == pytest.approx(tuple(BOX * side / 240), abs=1)


def test_a_small_face_in_a_large_photo_is_cut_from_the_whole(
    session: AgeSession, portrait: np.ndarray, decoded: list[int]
) -> None:
    canvas = np.full((700, 1300, 3), 90, np.uint8)
    canvas[230:470, 901:1141] = portrait[HEAD]
    box = BOX + np.array((901, 230, 901, 230))
    predictor = AgePredictor(session, HalfSize(box, 1300))
    data = jpeg(canvas)
    found = predictor.predict(data)
    assert decoded == [2, 1]
    # The crop comes from the very pixels of the whole photo.
    assert_same(found, predictor.predict(load_image(data)), years=1e-3)


def test_a_turned_photo_has_the_faces_that_it_shows(
    session: AgeSession, portrait: np.ndarray
) -> None:
    side = 1301
    head = enlarged(portrait[HEAD], side)
    box = BOX * side / 240
    # Of an odd side the last half-size pixel reaches beyond the photo; turned, it is the first,
    # so that the same half-size box lies a pixel further left in the photo.
    shifted = box - np.array((1, 0, 1, 0))
    upright = AgePredictor(session, HalfSize(shifted, side)).predict(jpeg(head))
    # Orientation 6: the camera stored the photo turned to the left.
    turned = jpeg(np.ascontiguousarray(np.rot90(head)), orientation=6)
    found = AgePredictor(session, HalfSize(box, side)).predict(turned)
    assert found[0].box == pytest.approx(upright[0].box, abs=0.01)
    assert_same(found, upright)
    unturned = jpeg(np.ascontiguousarray(np.rot90(head)))
    [wrong] = AgePredictor(session, HalfSize(box, side)).predict(unturned)
    assert abs(wrong.age - upright[0].age) > 3


def test_other_detectors_are_given_the_whole_photo(
    session: AgeSession, portrait: np.ndarray, decoded: list[int]
) -> None:
    detector = HalfSize(BOX * 1301 / 240, 1301)
    del detector.max_side
    data = jpeg(enlarged(portrait[HEAD], 1301))
    [face] = AgePredictor(session, detector).predict(data)
    assert detector.seen == [(1301, 1301, 3)]
    assert decoded == [1]
    assert [face] == AgePredictor(session, detector).predict(load_image(data))


def test_a_large_crop_is_decoded_smaller_too(
    crop_predictor: AgePredictor, portrait: np.ndarray, decoded: list[int]
) -> None:
    data = jpeg(enlarged(portrait[FACE], 1301))
    [face] = crop_predictor.predict(data)
    assert max(decoded) > 1
    [whole] = crop_predictor.predict(load_image(data))
    assert face.box is None
    assert face.age == pytest.approx(whole.age, abs=0.5)
    assert crop_predictor.predict_crops([data]) == [face]


def test_haar_finds_the_same_face(predictor: AgePredictor, portrait: np.ndarray) -> None:
    canvas = enlarged(portrait, 1301)
    data = jpeg(canvas)
    [face], [whole] = predictor.predict(data), predictor.predict(load_image(data))
    # Haar's squares come in steps of a tenth.
    assert face.box == pytest.approx(whole.box, abs=0.1 * (whole.box[2] - whole.box[0]))


def test_yunet_finds_the_same_faces_in_real_photos(
    session: AgeSession, shared: Path, yunet: Path, decoded: list[int]
) -> None:
    predictor = AgePredictor(session, YuNetDetector(yunet))
    for number in ("003", "017"):
        head = load_image(shared / "data" / "frl_london" / f"{number}.jpg")
        canvas = np.full((1500, 2000, 3), 120, np.uint8)
        canvas[:, 250:1750] = enlarged(head, 1500)
        data = jpeg(canvas)
        decoded.clear()
        found = predictor.predict(data)
        assert 1 not in decoded
        assert_same(found, predictor.predict(load_image(data)))
