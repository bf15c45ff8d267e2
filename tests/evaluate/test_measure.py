"""Every kind of model gets the faces it needs, and its failures keep their reason."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

import tiny
from facelage.data.align import CropSpec, align
from facelage.data.detect.base import Detection
from facelage.data.images import load_image
from facelage.data.manifest import Manifest
from facelage.errors import ConfigError, DetectorError, ManifestError
from facelage.evaluate import evaluate
from facelage.evaluate.baselines import ConstantModel
from facelage.evaluate.faces import find_faces
from facelage.infer import AgePredictor
from facelage.infer.intervals import Calibration


class Corner:
    """Finds a large face in the upper left and a small one elsewhere, if there is light."""

    name = "corner"

    def __init__(self) -> None:
        self.looked = 0

    def detect(self, image: np.ndarray) -> list[Detection]:
        self.looked += 1
        if image.mean() > 250:
            raise DetectorError("too bright")
        if image.mean() < 60:
            return []
        points = ((4.3, 5.1), (15.2, 5.0), (10.1, 11.7), (5.5, 16.2), (14.4, 16.0))
        small = Detection((25, 25, 35, 36), None, 0.9)
        return [small, Detection((1.125, 2.0, 21.75, 23.0), points, 0.5)]


class Brightness:
    """A crop model whose ages are the crops' brightness."""

    name, crop, calibration = "brightness", tiny.CROP, None

    def predict_crops(self, crops: np.ndarray) -> np.ndarray:
        return crops.mean((1, 2, 3))

    def answers(self, crops: np.ndarray) -> np.ndarray:  # as a session; bright ones are doubtful
        ages = self.predict_crops(crops)
        return np.stack([ages, ages / 100], axis=1)


class FaceSize:
    """A face model whose ages are the faces' sizes; it fails where the photo's corner is red."""

    name = "size"

    def __init__(self) -> None:
        self.faces: list[Detection] = []
        self.batches: list[int] = []

    def predict_faces(self, images: Sequence[np.ndarray], faces: Sequence[Detection]) -> np.ndarray:
        assert len(images) == len(faces)
        self.faces += faces
        self.batches.append(len(images))
        red = [tuple(image[-1, -1]) == (255, 0, 0) for image in images]
        return np.array([math.nan if r else f.size for r, f in zip(red, faces, strict=True)])


class OwnEyes:
    """An image model; sees nobody in the dark."""

    name = "own"

    def predict_images(self, images: Sequence[np.ndarray]) -> np.ndarray:
        return np.array([math.nan if image.mean() < 60 else 30.0 for image in images])


@pytest.fixture
def photos(tmp_path: Path) -> Manifest:
    faces = tiny.write_faces(tmp_path, {"test": 6})
    photos = Manifest(faces.frame.assign(path=faces.frame["crop"], crop=""), faces.root)
    paths = photos.locate("path")
    corner = load_image(paths[4])[:, :, ::-1].copy()
    corner[-1, -1] = (0, 0, 255)  # BGR
    cv2.imwrite(str(paths[4]), corner)
    paths[5].write_bytes(b"no image")
    return photos


class Sure(Brightness):
    """One whose intervals are as wide as its spreads say."""

    calibration = Calibration((40.0,), (2.0,), (4.0,), tuple(n / 10 - 5 for n in range(101)))


def test_intervals_are_as_wide_as_the_spreads_say(photos: Manifest) -> None:
    predictor = AgePredictor(Sure(), detector=Corner())  # type: ignore[arg-type]
    prepared = tiny.write_faces(photos.root / "again", {"test": 6})
    for model, manifest in ((predictor, photos), (Sure(), photos), (Sure(), prepared)):
        table = evaluate(model, manifest, detector=Corner(), nominal=0.8, rounds=1).predictions
        seen = table[np.isfinite(table["predicted"])]
        assert len(seen) >= 3
        ages = seen["predicted"].to_numpy()
        wanted = Sure.calibration.interval(ages, 0.8, ages / 100)
        assert seen[["low", "high"]].to_numpy() == pytest.approx(wanted)
        assert "spread" not in table


def test_a_crop_model_on_photos_has_the_predictors_ages(photos: Manifest) -> None:
    session = Brightness()
    predictor = AgePredictor(session, detector=Corner())  # type: ignore[arg-type]
    wanted = evaluate(predictor, photos, rounds=1).predictions
    found = evaluate(Brightness(), photos, detector=Corner(), rounds=1).predictions
    assert np.array_equal(found["predicted"], wanted["predicted"], equal_nan=True)
    assert list(found["status"]) == list(wanted["status"])
    assert wanted["status"].tolist().count("ok") >= 3
    assert "not an image" in found["reason"].iloc[5]


def test_a_face_model_gets_the_photo_and_the_largest_face(photos: Manifest) -> None:
    model = FaceSize()
    result = evaluate(model, photos, detector=Corner(), rounds=1)
    table = result.predictions
    dark = int((table["status"] == "no_face").sum())
    assert list(table["status"]) == ["no_face"] * dark + ["ok"] * (4 - dark) + [
        "no_age",
        "unreadable",
    ]
    assert dark >= 1
    assert {face.box for face in model.faces} == {(1.125, 2.0, 21.75, 23.0)}
    assert model.faces[0].landmarks == Corner().detect(np.full((40, 40, 3), 99))[1].landmarks
    assert result.figures["failures"] == {"no_face": dark, "no_age": 1, "unreadable": 1}
    assert table["predicted"].iloc[3] == pytest.approx(math.sqrt(20.625 * 21))


def test_photos_come_a_few_at_a_time(photos: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facelage.evaluate.measure.PHOTO_BATCH", 2)
    model = FaceSize()
    evaluate(model, photos, detector=Corner(), rounds=1)
    assert max(model.batches) == 2
    assert sum(model.batches) == len(model.faces)


def test_an_image_model_finds_the_faces_itself(photos: Manifest) -> None:
    frame = photos.frame.copy()
    frame.loc[3, "status"] = "no_face"  # somebody else's
    result = evaluate(OwnEyes(), Manifest(frame, photos.root), rounds=1)
    table = result.predictions
    dark = [load_image(path).mean() < 60 for path in photos.locate("path")[:5]]
    assert any(dark)
    wanted = ["no_face" if d else "ok" for d in dark]
    assert list(table["status"]) == [*wanted, "unreadable"]
    assert table["predicted"].iloc[3] == 30


def test_a_face_that_is_known_is_not_looked_for(photos: Manifest) -> None:
    found = find_faces(photos, Corner())
    model, again = FaceSize(), Corner()
    first = evaluate(FaceSize(), photos, detector=Corner(), rounds=1)
    second = evaluate(model, found, detector=again, rounds=1)
    assert again.looked == 0
    assert second.figures == first.figures
    half = Manifest(found.frame.assign(box=["", *found.frame["box"][1:]]), found.root)
    half.frame.loc[0, "status"] = "ok"
    find_faces(half, again)
    assert again.looked == 1


def test_a_detectors_failure_is_a_failure_of_one_photo(photos: Manifest) -> None:
    cv2.imwrite(str(photos.locate("path")[2]), np.full((40, 40, 3), 255, np.uint8))
    frame = find_faces(photos, Corner()).frame
    assert (frame["status"][2], frame["reason"][2]) == ("unreadable", "too bright")
    assert frame["status"][3] == "ok"


def test_photos_that_are_crops_need_no_detector(photos: Manifest) -> None:
    result = evaluate(Brightness(), photos, detector=None, rounds=1)
    session = Brightness()
    predictor = AgePredictor(session, detector=None)  # type: ignore[arg-type]
    wanted = evaluate(predictor, photos, rounds=1)
    assert np.array_equal(
        result.predictions["predicted"], wanted.predictions["predicted"], equal_nan=True
    )
    crops = find_faces(Manifest(photos.frame.assign(detector="none"), photos.root), Corner())
    assert set(crops.frame["detector"]) == {"none"}


def test_a_face_that_is_no_face_is_a_named_error(photos: Manifest) -> None:
    bad = Manifest(photos.frame.assign(box="1 2 3", landmarks=""), photos.root)
    with pytest.raises(ManifestError, match=r"the face of crops/test_000.png can't be read"):
        evaluate(FaceSize(), bad, rounds=1)


def test_a_constant_needs_no_pixels(tmp_path: Path) -> None:
    faces = tiny.write_faces(tmp_path, {"test": 4})
    for path in faces.locate("crop"):
        path.unlink()
    frame = faces.frame.copy()
    frame.loc[1, "status"] = "no_face"
    result = evaluate(ConstantModel(30), Manifest(frame, faces.root), rounds=1)
    assert list(result.predictions["predicted"].dropna()) == [30] * 3
    assert result.figures["failures"] == {"no_face": 1}


def test_a_constant_fails_where_no_face_is_found(photos: Manifest) -> None:
    constant = evaluate(ConstantModel(30), photos, detector=Corner(), rounds=1)
    other = evaluate(Brightness(), photos, detector=Corner(), rounds=1)
    assert list(constant.predictions["status"]) == list(other.predictions["status"])


def prepared(photos: Manifest, folder: Path) -> Manifest:
    """A prepared folder of the photos, cut with the default crop, as `prepare` writes it."""
    found = find_faces(photos, Corner()).usable()
    folder.mkdir()
    settings = {"source": str(photos.root), "config": {"crop": json.loads(CropSpec().to_json())}}
    (folder / "prepare.json").write_text(json.dumps(settings))
    return Manifest(found.frame.assign(crop="crops/none.png"), folder)


def test_faces_cut_for_another_model_are_cut_again_from_the_photos(
    photos: Manifest, tmp_path: Path
) -> None:
    manifest = prepared(photos, tmp_path / "prepared")
    table = evaluate(Brightness(), manifest, rounds=1).predictions
    for path, said, box in zip(
        photos.root / manifest.frame["path"], table["predicted"], table["box"], strict=True
    ):
        face = Corner().detect(np.full((40, 40, 3), 99))[1]
        assert box == "1.125 2.0 21.75 23.0"
        assert said == align(load_image(path), face, tiny.CROP).mean()


def test_faces_cut_for_another_model_are_refused_without_the_photos(
    photos: Manifest, tmp_path: Path
) -> None:
    manifest = prepared(photos, tmp_path / "prepared")
    moved = tmp_path / "moved"
    moved.mkdir()
    (tmp_path / "crops").rename(moved / "crops")
    with pytest.raises(ConfigError, match="another crop"):
        evaluate(Brightness(), manifest, rounds=1)
    found = evaluate(Brightness(), manifest, photos=moved, rounds=1).predictions
    assert found["predicted"].notna().all()
    nowhere = Manifest(manifest.frame.assign(box=""), manifest.root)
    with pytest.raises(ConfigError, match="another crop"):
        evaluate(Brightness(), nowhere, rounds=1)


def test_photos_that_were_moved_can_be_named(photos: Manifest, tmp_path: Path) -> None:
    manifest = prepared(photos, tmp_path / "prepared")
    wanted = evaluate(FaceSize(), manifest, rounds=1).figures
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "crops").rename(tmp_path / "elsewhere" / "crops")
    found = evaluate(FaceSize(), manifest, photos=tmp_path / "elsewhere", rounds=1).figures
    assert found == wanted
