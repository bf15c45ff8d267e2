from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from facelage.data.align import normalise
from facelage.data.detect import Detection, YuNetDetector
from facelage.data.images import UInt8Image
from facelage.errors import (
    ConfigError,
    DetectorError,
    DetectorFallbackWarning,
    ImageError,
    InvalidArrayError,
    WeightsError,
)
from facelage.infer import AgePredictor, FaceAge

BLANK = np.full((200, 300, 3), 127, np.uint8)


class OneBox:
    """A detector that always sees the same faces."""

    name = "onebox"

    def __init__(self, *boxes: tuple[float, float, float, float]) -> None:
        self.boxes = boxes

    def detect(self, image: UInt8Image) -> list[Detection]:
        return [Detection(box, None, 0.5) for box in self.boxes]


def ages(faces: list[FaceAge]) -> list[float]:
    return [face.age for face in faces]


def test_a_portrait_has_one_face_of_a_plausible_age(
    predictor: AgePredictor, portrait: np.ndarray
) -> None:
    [face] = predictor.predict(portrait)
    # A grown woman; these weights say 30.
    assert 22 <= face.age <= 50
    left, top, right, bottom = face.box
    assert left < 224 < right
    assert top < 110 < bottom
    assert face.detector == "haar"
    assert face.model == predictor.model
    assert face.model.startswith("age_prediction_")


def test_the_same_picture_gives_the_same_age_whichever_way_it_comes(
    predictor: AgePredictor, portrait: np.ndarray, portrait_file: Path
) -> None:
    expected = ages(predictor.predict(portrait_file))
    assert ages(predictor.predict(str(portrait_file))) == expected
    assert ages(predictor.predict(portrait_file.read_bytes())) == expected
    assert ages(predictor.predict(portrait)) == expected
    assert ages(predictor.predict(portrait[..., ::-1], color="bgr")) == expected
    with portrait_file.open("rb") as stream:
        assert ages(predictor.predict(stream)) == expected


def test_colour_order_matters_and_is_not_guessed(
    predictor: AgePredictor, portrait: np.ndarray
) -> None:
    assert ages(predictor.predict(portrait[..., ::-1])) != ages(predictor.predict(portrait))


def test_an_image_without_a_face_gives_an_empty_list(predictor: AgePredictor) -> None:
    assert predictor.predict(BLANK) == []


def test_faces_come_largest_first(predictor: AgePredictor, two_faces: np.ndarray) -> None:
    faces = predictor.predict(two_faces)
    assert len(faces) == 2
    widths = [face.box[2] - face.box[0] for face in faces]
    assert widths == sorted(widths, reverse=True)
    # The same person at two sizes.
    assert abs(faces[0].age - faces[1].age) < 8


def test_batches_keep_order_and_length_and_carry_errors(
    predictor: AgePredictor, portrait: np.ndarray, portrait_file: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_text("this is text")
    images = [portrait, tmp_path / "missing.jpg", BLANK, broken, portrait_file, b""]
    results = predictor.predict_batch(images, batch_size=4)
    statuses = ["ok", "unreadable", "no_face", "unreadable", "ok", "unreadable"]
    assert [result.status for result in results] == statuses
    assert results[0].faces == results[4].faces
    assert "missing.jpg" in str(results[1].error)
    assert all(isinstance(results[i].error, ImageError) for i in (1, 3, 5))
    with pytest.raises(ImageError, match=r"missing\.jpg"):
        predictor.predict_batch(images, on_error="raise")


@pytest.mark.parametrize("batch_size", [1, 2, 7])
def test_ages_do_not_depend_on_the_batch(
    predictor: AgePredictor, portrait: np.ndarray, batch_size: int
) -> None:
    images = [cv2.convertScaleAbs(portrait, alpha=a) for a in (0.5, 0.7, 0.9, 1.0, 1.1)]
    alone = [ages(predictor.predict(image)) for image in images]
    batch = predictor.predict_batch([*images, BLANK], batch_size=batch_size)
    for one, result in zip(alone, batch, strict=False):
        assert ages(list(result.faces)) == pytest.approx(one, abs=1e-4)


def test_ages_do_not_depend_on_the_number_of_threads(
    crop_predictor: AgePredictor, portrait: np.ndarray
) -> None:
    many = AgePredictor.from_pretrained(detector=None, threads=2)
    crops = [portrait[30:200, 130:300], portrait]
    one, two = crop_predictor.predict_crops(crops), many.predict_crops(crops)
    assert ages(one) == pytest.approx(ages(two), abs=1e-4)


class Broken:
    name = "broken"

    def __init__(self, error: Exception) -> None:
        self.error = error

    def detect(self, image: UInt8Image) -> list[Detection]:
        if image.shape == BLANK.shape:
            raise self.error
        return []


@pytest.mark.parametrize("error", [DetectorError("no"), cv2.error("no")])
def test_a_failing_detector_costs_one_image(error: Exception, portrait: np.ndarray) -> None:
    failing = AgePredictor.from_pretrained(detector=Broken(error))
    results = failing.predict_batch([portrait, BLANK, portrait])
    assert [result.status for result in results] == ["no_face", "unreadable", "no_face"]
    assert isinstance(results[1].error, DetectorError)


def test_an_empty_batch_is_an_empty_list(predictor: AgePredictor) -> None:
    assert predictor.predict_batch([]) == []
    assert predictor.predict_crops([]) == []


def test_a_crowd_is_aged_in_bounded_runs(portrait: np.ndarray) -> None:
    boxes = [(150.0 + i, 40.0, 290.0 + i, 200.0) for i in range(150)]
    crowd = AgePredictor.from_pretrained(detector=OneBox(*boxes))
    faces = crowd.predict(portrait)
    assert len(faces) == 150
    assert faces[0].detector == "onebox"
    assert faces[0].score == 0.5


def test_without_a_detector_the_image_is_the_crop(
    crop_predictor: AgePredictor, portrait: np.ndarray
) -> None:
    crop = portrait[20:220, 120:320]
    [face] = crop_predictor.predict(crop)
    assert face.box is None
    assert face.landmarks is None
    assert face.detector == "none"
    assert [face.age] == ages(crop_predictor.predict_crops([crop]))
    [result] = crop_predictor.predict_batch([crop])
    assert result.faces == (face,)


def test_ages_are_never_negative(crop_predictor: AgePredictor) -> None:
    rng = np.random.default_rng(0)
    noise = list(rng.integers(0, 256, (64, 128, 128, 3), dtype=np.uint8))
    flat = [np.full((128, 128, 3), value, np.uint8) for value in (0, 128, 255)]
    assert min(ages(crop_predictor.predict_crops(noise + flat))) >= 0


def test_the_default_detector_is_settled_once_with_one_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, portrait: np.ndarray
) -> None:
    monkeypatch.setenv("FACELAGE_OFFLINE", "1")
    monkeypatch.setenv("FACELAGE_CACHE", str(tmp_path))
    monkeypatch.delenv("FACELAGE_YUNET", raising=False)
    with pytest.warns(DetectorFallbackWarning, match="facelage download") as caught:
        fallback = AgePredictor.from_pretrained()
    assert len(caught) == 1
    assert fallback.predict(portrait)[0].detector == "haar"  # a second warning would fail


def test_yunet_gives_landmarks(shared: Path, portrait: np.ndarray) -> None:
    detector = YuNetDetector(shared / "models" / "face_detection_yunet_2023mar.onnx")
    [face] = AgePredictor.from_pretrained(detector=detector).predict(portrait)
    assert face.detector == "yunet"
    assert face.landmarks is not None
    assert 0.6 < face.score <= 1
    assert 22 <= face.age <= 50


def test_weights_that_do_not_exist_are_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"expected: age_prediction_\d+\.\d+\.\d+"):
        AgePredictor.from_pretrained("age_prediction_9.9.9")
    with pytest.raises(WeightsError, match="facelage export"):
        AgePredictor.from_pretrained(tmp_path / "best.safetensors")
    with pytest.raises(WeightsError, match=r"gone\.onnx"):
        AgePredictor.from_pretrained(tmp_path / "gone.onnx")


def test_wrong_settings_are_named(predictor: AgePredictor, portrait: np.ndarray) -> None:
    with pytest.raises(ConfigError, match="batch_size"):
        predictor.predict_batch([portrait], batch_size=0)
    with pytest.raises(ConfigError, match="on_error"):
        predictor.predict_batch([portrait], on_error="ignore")  # type: ignore[arg-type]
    with pytest.raises(InvalidArrayError, match="colour order"):
        predictor.predict_batch([portrait], color="BGR")  # type: ignore[arg-type]
    for one in ("portrait.jpg", b"bytes", Path("x.png"), portrait, portrait[..., 0]):
        with pytest.raises(ConfigError, match="several images"):
            predictor.predict_batch(one)
        with pytest.raises(ConfigError, match="several images"):
            predictor.predict_crops(one)
    with pytest.raises(ConfigError, match="NoSuchProvider"):
        AgePredictor.from_pretrained(providers=["NoSuchProvider"], detector=None)
    with pytest.raises(ConfigError, match="threads"):
        AgePredictor.from_pretrained(threads=0, detector=None)


def test_columns_of_paths_are_several_images(portrait_file: Path) -> None:
    predictor = AgePredictor.from_pretrained(detector=None)
    paths = [str(portrait_file)] * 2
    for several in (np.array(paths), np.array(paths, object), pd.Series(paths)):
        assert [result.status for result in predictor.predict_batch(several)] == ["ok"] * 2
    with portrait_file.open("rb") as one, pytest.raises(ConfigError, match="several images"):
        predictor.predict_batch(one)
    for row in (np.zeros(3), np.zeros(3, bool), torch.zeros(3), pd.Series([1, 2])):
        with pytest.raises(ConfigError, match="several images"):
            predictor.predict_batch(row)


def test_ages_of_crops_of_another_size_are_refused() -> None:
    session = AgePredictor.from_pretrained(detector=None).session
    with pytest.raises(InvalidArrayError, match="128, 128, 3"):
        session.ages(np.zeros((1, 160, 160, 3), np.uint8))
    with pytest.raises(InvalidArrayError, match="128, 128, 3"):
        normalise(np.zeros((64, 32, 3), np.uint8), session.crop)


def test_numbers_of_other_types_become_plain_data(portrait: UInt8Image) -> None:
    boxes = OneBox(tuple(np.float32([178, 63, 268, 176])))  # type: ignore[arg-type]
    [face] = AgePredictor.from_pretrained(detector=boxes).predict(portrait)
    face = dataclasses.replace(face, score=np.float32(0.5))
    assert json.loads(json.dumps(face.to_dict()))["box"] == [178, 63, 268, 176]
