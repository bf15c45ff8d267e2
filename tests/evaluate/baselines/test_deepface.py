"""Against a stand-in with the functions of deepface 0.0.100 that the adapter calls.

benchmarks/accuracy/peers/check_deepface.py compares with the real package.
"""

from __future__ import annotations

import math
import sys
import types
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facelage.data.detect import Detection
from facelage.errors import (
    ConfigError,
    DetectorError,
    DownloadError,
    InvalidArrayError,
)
from facelage.evaluate.baselines import DeepFaceModel, DeepFaceWithDetector, open_baseline
from facelage.evaluate.baselines.deepface import cut_face
from facelage.evaluate.models import FaceModel, ImageModel

from .network import FACE, photo

UPRIGHT = Detection(
    (40.0, 30.0, 80.0, 82.0),
    ((50.0, 50.0), (70.0, 50.0), (60.0, 61.0), (52.0, 70.0), (68.0, 70.0)),
)


class Package:
    """What the adapter calls of DeepFace: its age is 100 times the mean of the blue channel."""

    def __init__(self) -> None:
        self.faces: Any = []
        self.asked: list[dict[str, Any]] = []
        self.predict: Any = lambda x: np.float64(100 * x[0, ..., 0].mean())
        self.fails: Exception | None = None

    def build_model(self, task: str, model_name: str) -> Any:
        assert (task, model_name) == ("facial_attribute", "Age")
        if self.fails:
            raise self.fails
        return types.SimpleNamespace(predict=lambda x: self.predict(x))

    def resize_image(self, img: np.ndarray, target_size: tuple[int, int]) -> np.ndarray:
        assert img.dtype == np.float64
        assert 0 <= img.min() <= img.max() <= 1
        return cv2.resize(img, target_size)[None].astype(np.float32)

    def extract_faces(self, **arguments: Any) -> Any:
        self.asked.append(arguments)
        if isinstance(self.faces, Exception):
            raise self.faces
        return self.faces


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Package:
    fake = Package()
    weights = tmp_path / ".deepface" / "weights"
    weights.mkdir(parents=True)
    (weights / "age_model_weights.h5").write_bytes(b"weights")
    monkeypatch.setenv("DEEPFACE_HOME", str(tmp_path))
    top = types.ModuleType("deepface")
    top.DeepFace = object()  # type: ignore[attr-defined]
    modules = types.ModuleType("deepface.modules")
    modules.detection = types.SimpleNamespace(extract_faces=fake.extract_faces)  # type: ignore[attr-defined]
    modules.modeling = types.SimpleNamespace(build_model=fake.build_model)  # type: ignore[attr-defined]
    modules.preprocessing = types.SimpleNamespace(resize_image=fake.resize_image)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "deepface", top)
    monkeypatch.setitem(sys.modules, "deepface.modules", modules)
    return fake


def found(left: int, top: int, side: int, confidence: Any = 0.9, blue: float = 0.3) -> Any:
    face = np.zeros((side, side, 3))
    face[..., 2] = blue  # RGB
    area = {"x": left, "y": top, "w": side, "h": side}
    return {"face": face, "facial_area": area, "confidence": confidence}


def test_given_faces_get_the_float_age_in_bgr(package: Package) -> None:
    model = open_baseline("deepface")
    assert isinstance(model, FaceModel)
    assert not isinstance(model, ImageModel)
    assert model.name == "deepface"
    image = photo()
    expected = 100 * image[30:82, 40:80, 2].mean() / 255
    assert model.predict_faces([image], [UPRIGHT]) == pytest.approx([expected], abs=0.3)
    assert expected % 1 > 0.01
    swapped = model.predict_faces([image[:, :, ::-1]], [UPRIGHT])
    assert abs(swapped[0] - expected) > 2


@pytest.mark.parametrize("answer", [31.7, np.float64(31.7), np.array([31.7]), np.float32(31.7)])
def test_whatever_a_version_answers_with(answer: Any, package: Package) -> None:
    package.predict = lambda x: answer
    assert DeepFaceModel().predict_faces([photo()], [FACE]) == pytest.approx([31.7])


def test_the_network_gets_one_face_of_224_pixels(package: Package) -> None:
    shapes: list[tuple[int, ...]] = []
    package.predict = lambda x: shapes.append(x.shape) or 1.0
    DeepFaceModel().predict_faces([photo(), photo()], [FACE, FACE])
    assert shapes == [(1, 224, 224, 3)] * 2


@pytest.mark.parametrize("where", [0, 1, 2])
@pytest.mark.parametrize("bad", ["no face", "empty", "outside", "not finite"])
def test_one_bad_photo_loses_nothing_else(where: int, bad: str, package: Package) -> None:
    model = DeepFaceModel()
    images, faces = [photo(seed) for seed in range(3)], [UPRIGHT] * 3
    good = model.predict_faces(images, faces)
    given_: list[Detection | None] = list(faces)
    if bad == "no face":
        given_[where] = None
    elif bad == "empty":
        images[where] = np.zeros((0, 0, 3), np.uint8)
    elif bad == "outside":
        given_[where] = Detection((500.0, 500.0, 540.0, 540.0))
    else:
        images[where] = np.full_like(images[where], 255)
        package.predict = lambda x: math.inf if x.mean() == 1 else 100 * x[0, ..., 0].mean()
    ages = model.predict_faces(images, given_)
    assert np.isnan(ages).tolist() == [row == where for row in range(3)]
    assert ages[np.arange(3) != where] == pytest.approx(good[np.arange(3) != where])


def test_as_many_faces_as_images(package: Package) -> None:
    with pytest.raises(InvalidArrayError, match="1 images and 0 faces"):
        DeepFaceModel().predict_faces([photo()], [])


def test_its_own_detector_gets_bgr_and_the_settings(package: Package) -> None:
    package.faces = [found(10, 10, 30)]
    model = open_baseline("deepface:retinaface")
    assert isinstance(model, ImageModel)
    assert not isinstance(model, FaceModel)
    assert model.name == "deepface-retinaface"
    image = photo()
    assert model.predict_images([image]) == pytest.approx([30.0], abs=1e-4)
    (asked,) = package.asked
    assert np.array_equal(asked.pop("img_path"), image[:, :, ::-1])
    assert asked == {
        "detector_backend": "retinaface",
        "enforce_detection": False,
        "align": True,
        "expand_percentage": 0,
    }


def test_the_largest_face_counts(package: Package) -> None:
    package.faces = [found(0, 0, 20), found(30, 30, 50, blue=0.6), found(5, 5, 30)]
    assert DeepFaceWithDetector().predict_images([photo()]) == pytest.approx([60.0], abs=1e-4)


@pytest.mark.parametrize("confidence", [0, 0.0, None])
def test_the_whole_frame_is_no_face(confidence: Any, package: Package) -> None:
    whole = found(0, 0, 10, confidence)
    whole["facial_area"] |= {"w": 129, "h": 119}  # of 130 x 120, as extract_faces clips it
    package.faces = [whole]
    assert np.isnan(DeepFaceWithDetector().predict_images([photo()])).all()
    # A face that fills the frame, or one whose backend has no score, is one.
    package.faces = [whole | {"confidence": 0.8}]
    assert np.isfinite(DeepFaceWithDetector().predict_images([photo()])).all()
    package.faces = [found(10, 10, 60, confidence)]
    assert np.isfinite(DeepFaceWithDetector().predict_images([photo()])).all()


def test_no_face_or_an_empty_one(package: Package) -> None:
    package.faces = []
    assert np.isnan(DeepFaceWithDetector().predict_images([photo()])).all()
    package.faces = [found(10, 10, 0)]
    assert np.isnan(DeepFaceWithDetector().predict_images([photo()])).all()


def test_a_bad_photo_among_photos(package: Package) -> None:
    package.faces = [found(10, 10, 30)]
    images = [photo(), photo()[:, :, 0], photo()]
    ages = DeepFaceWithDetector().predict_images(images)
    assert np.isnan(ages).tolist() == [False, True, False]
    package.faces = cv2.error("inside")
    assert np.isnan(DeepFaceWithDetector().predict_images(images)).all()


def test_a_detector_that_can_not_run(package: Package) -> None:
    package.faces = ValueError("retinaface is not installed")
    with pytest.raises(DetectorError, match="'retinaface' failed; got: retinaface is not"):
        DeepFaceWithDetector("retinaface").predict_images([photo()])


def test_weights_that_can_not_be_had(
    package: Package, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package.fails = ValueError("an exception occurred while downloading")
    with pytest.raises(DownloadError, match=r"can't be loaded; got: ValueError: an exc.*copy age"):
        DeepFaceModel()
    monkeypatch.setenv("DEEPFACE_HOME", str(tmp_path / "elsewhere"))
    with pytest.raises(DownloadError, match=r"FACELAGE_OFFLINE is set; got: .*elsewhere"):
        DeepFaceModel()


def test_a_negative_expansion(package: Package) -> None:
    for kind in (DeepFaceModel, DeepFaceWithDetector):
        with pytest.raises(ConfigError, match="expand_percentage"):
            kind(expand_percentage=-1)


def test_an_upright_face_is_the_photos_own_pixels() -> None:
    image = photo()
    crop = cut_face(image, UPRIGHT)
    assert np.array_equal(crop, image[30:82, 40:80] / 255)
    wide = cut_face(image, UPRIGHT, expand_percentage=50)
    assert np.array_equal(wide, image[17:95, 30:90] / 255)


def test_outside_the_photo_is_black() -> None:
    image = np.full((60, 60, 3), 200, np.uint8)
    crop = cut_face(image, Detection((40.0, -10.0, 80.0, 40.0)))
    assert crop.shape == (50, 40, 3)
    assert (crop[:10] == 0).all()
    assert (crop[:, 20:] == 0).all()
    assert (crop[10:, :20] == 200 / 255).all()


@given(angle=st.floats(-60, 60))
def test_a_turned_face_is_turned_upright(angle: float) -> None:
    big = cv2.GaussianBlur(photo(3, 300, 300), (0, 0), 2)
    middle = (150.0, 150.0)
    turn = cv2.getRotationMatrix2D(middle, -angle, 1.0)  # clockwise in the picture
    turned = cv2.warpAffine(big, turn, (300, 300), flags=cv2.INTER_CUBIC)
    points = np.array([[130, 140], [170, 140], [150, 155], [135, 170], [165, 170]], float)
    box = (120.0, 120.0, 180.0, 180.0)

    def face(landmarks: np.ndarray) -> Detection:
        return Detection(box, tuple(map(tuple, landmarks.tolist())))  # type: ignore[arg-type]

    there = points @ turn[:, :2].T + turn[:, 2]
    upright = cut_face(big, face(points))
    straightened = cut_face(turned, face(there))
    # Eyes in whole pixels, as DeepFace has them, leave a degree or two.
    assert np.abs(upright - straightened).mean() < 0.05
    crooked = cut_face(turned, face(there), align=False)
    if abs(angle) > 15:
        assert np.abs(upright - crooked).mean() > 0.07


@pytest.mark.parametrize(
    "box", [(200.0, 10.0, 240.0, 50.0), (-50.0, 10.0, -1.0, 50.0), (10.0, 10.0, 10.5, 50.0)]
)
def test_faces_that_are_not_in_the_photo(box: tuple[float, float, float, float]) -> None:
    with pytest.raises(InvalidArrayError, match="outside the photo"):
        cut_face(photo(), Detection(box))


def test_boxes_too_large_and_pictures_that_are_none() -> None:
    with pytest.raises(InvalidArrayError, match="too large"):
        cut_face(photo(), Detection((0.0, 0.0, 1e6, 1e6)))
    with pytest.raises(InvalidArrayError, match="not a photo"):
        cut_face(photo()[:, :, 0], FACE)
