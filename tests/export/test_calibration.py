from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tiny
from facelage.data.crops import CropStore
from facelage.data.manifest import Manifest
from facelage.errors import InvalidArrayError, ManifestError
from facelage.export import calibrate, calibration_from_table
from facelage.export.parity import torch_answers
from facelage.export.spread import fit_spread
from facelage.infer.intervals import Calibration
from facelage.models import load_weights


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faces")
    tiny.write_faces(folder, {"train": 4, "val": 120}).save(folder / "manifest.csv")
    return folder


def test_it_comes_from_the_models_errors_on_the_validation_faces(folder: Path) -> None:
    model, crop = load_weights(tiny.shared_run())
    found = calibrate(model, crop, [folder])
    faces = Manifest.load(folder).usable("val")
    crops = CropStore(faces).canonical(np.arange(len(faces)), crop)
    seen, ages = torch_answers(model, crops, crop)
    neuron, spreads = fit_spread(seen, faces.ages(), ages)
    assert found.calibration == Calibration.fit(faces.ages(), ages, spreads)
    assert found.spread is not None
    assert found.spread.to_json() == neuron.to_json()


def test_too_few_faces_are_refused(folder: Path) -> None:
    model, crop = load_weights(tiny.shared_run())
    with pytest.raises(InvalidArrayError, match="at least 100"):
        calibrate(model, crop, [folder], split="train")
    with pytest.raises(ManifestError, match="no usable test rows"):
        calibrate(model, crop, [folder], split="test")


def test_a_table_leaves_out_what_has_no_age(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    true = rng.uniform(0, 90, 300)
    predicted = true + rng.normal(0, 5, 300)
    full = pd.DataFrame({"path": "x", "age": true, "predicted": predicted})
    full.to_csv(tmp_path / "full.csv", index=False)
    gaps = pd.concat([full, pd.DataFrame({"age": [3.0, np.nan], "predicted": [np.nan, 3.0]})])
    gaps.to_csv(tmp_path / "gaps.csv", index=False)
    found = calibration_from_table(tmp_path / "full.csv")
    assert found == Calibration.fit(true, predicted)
    assert calibration_from_table(tmp_path / "gaps.csv") == found


def test_a_table_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("path,age\na,3\n")
    with pytest.raises(ManifestError, match="without predicted; expected: columns age"):
        calibration_from_table(tmp_path / "t.csv")


def test_a_table_with_words_for_ages_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("path,age,predicted\na,3,4\nb,unknown,5\n")
    with pytest.raises(ManifestError, match=r"row 2 .* age that is not a number"):
        calibration_from_table(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("row", "name"), [("-1,30", "age"), ("123,30", "age"), ("30,3000000", "predicted")]
)
def test_a_table_with_impossible_ages_is_refused(row: str, name: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"age,predicted\n3,-4\n,5\n{row}\n")
    with pytest.raises(ManifestError, match=f"row 3 has an impossible {name}"):
        calibration_from_table(tmp_path / "t.csv")


def test_a_face_tells_nothing_of_another_photo_of_the_same_person() -> None:
    # Features say who somebody is and nothing else; each person's errors are alike.
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(120), 5)
    features = rng.normal(size=(120, 80))[people] + rng.normal(0, 0.1, (600, 80))
    true = rng.uniform(10, 70, 600)
    predicted = true + rng.normal(0, 3, 600) * np.exp(rng.normal(0, 1, 120))[people]
    names = [f"person {number}" for number in people]
    _, mixed = fit_spread(features, true, predicted)
    _, apart = fit_spread(features, true, predicted, names)
    size = np.log(np.abs(true - predicted) + 0.5)
    assert np.corrcoef(np.log(mixed), size)[0, 1] > 0.3  # what must not be learned
    assert np.log(apart).std() < 0.2 * np.log(mixed).std()
    blank = ["" for _ in people]
    assert np.array_equal(fit_spread(features, true, predicted, blank)[1], mixed)
    neuron, ones = fit_spread(features, true, predicted, [f"p{n % 4}" for n in people])
    assert (ones == 1).all()
    assert (neuron(features) == 1).all()
