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
