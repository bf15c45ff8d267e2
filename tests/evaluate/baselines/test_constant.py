from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facelage.data.manifest import Manifest, from_records
from facelage.errors import ConfigError, ManifestError
from facelage.evaluate.baselines import ConstantModel
from facelage.evaluate.models import FaceModel, ImageModel

from .network import FACE, photo

AGES = st.lists(st.floats(0, 100), min_size=1, max_size=30)


def manifest(ages: list[float | str], split: str = "train", status: str = "ok") -> Manifest:
    rows = [
        {"path": f"{number}.jpg", "age": age, "split": split, "status": status}
        for number, age in enumerate(ages)
    ]
    return from_records(rows, Path())


def test_everybody_gets_the_same_age() -> None:
    model = ConstantModel(33.1, "constant-mean:33.1")
    assert isinstance(model, FaceModel)
    assert isinstance(model, ImageModel)
    images = [photo(), photo(1)]
    for ages in (
        model.predict_faces(images, [FACE, FACE]),
        model.predict_images(images),
        model.predict_crops(np.zeros((2, 5, 5, 3), np.uint8)),
    ):
        assert ages.dtype == np.float64
        assert ages.tolist() == [33.1, 33.1]
    assert model.predict_images([]).shape == (0,)


def test_no_face_is_a_failure_for_a_constant_too() -> None:
    ages = ConstantModel(30).predict_faces([photo(), photo()], [None, FACE])
    assert ages.tolist() == pytest.approx([np.nan, 30.0], nan_ok=True)


def test_as_many_faces_as_images() -> None:
    with pytest.raises(ValueError, match="2 images and 1 faces"):
        ConstantModel(30).predict_faces([photo(), photo()], [FACE])


@given(AGES)
def test_training_constants_are_those_of_the_train_split(ages: list[float]) -> None:
    rows = manifest([*ages, ""]).frame.to_dict("records")
    rows += manifest([99.0, 98.0], "test").frame.to_dict("records")
    rows += manifest([97.0], status="no_face").frame.to_dict("records")
    data = from_records(rows, Path())
    assert ConstantModel.training_mean(data).age == pytest.approx(np.mean(ages))
    assert ConstantModel.training_median(data).age == pytest.approx(np.median(ages))


@given(AGES, st.floats(0, 100))
def test_no_constant_beats_the_mean_in_mse_nor_the_median_in_mae(
    ages: list[float], other: float
) -> None:
    data, true = manifest(ages), np.array(ages)
    mean, median = ConstantModel.training_mean(data).age, ConstantModel.training_median(data).age
    assert ((true - mean) ** 2).mean() <= ((true - other) ** 2).mean() + 1e-6
    assert abs(true - median).mean() <= abs(true - other).mean() + 1e-9


def test_names_say_what_the_age_is() -> None:
    data = manifest([10.0, 20.0, 60.0])
    assert ConstantModel.training_mean(data).name == "constant-mean:30"
    assert ConstantModel.training_median(data).name == "constant-median:20"
    assert ConstantModel(28.5).name == "constant:28.5"
    assert repr(ConstantModel(28.5)) == "ConstantModel(28.5, 'constant:28.5')"


@pytest.mark.parametrize("data", [manifest([]), manifest([30.0], "test"), manifest([""])])
def test_no_training_ages(data: Manifest) -> None:
    with pytest.raises(ManifestError, match="train split"):
        ConstantModel.training_mean(data)


@pytest.mark.parametrize("age", [-1.0, 123.0, float("nan"), float("inf")])
def test_impossible_ages(age: float) -> None:
    with pytest.raises(ConfigError, match="0 to 122 years"):
        ConstantModel(age)
