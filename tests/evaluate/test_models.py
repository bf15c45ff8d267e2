from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tiny
from facelage.errors import ConfigError, ManifestError, WeightsError
from facelage.evaluate import CropModel, FaceModel, OnnxModel, TorchModel, open_model
from facelage.evaluate.predictions import PredictionsTable
from facelage.infer.session import AgeSession


def test_torch_and_onnx_say_the_same() -> None:
    checkpoint, onnx = TorchModel(tiny.shared_run()), OnnxModel(AgeSession(tiny.shared_onnx()))
    assert checkpoint.crop == onnx.crop == tiny.CROP
    crops = tiny.noise_crops(70)
    assert np.abs(checkpoint.predict_crops(crops) - onnx.predict_crops(crops)).max() <= 1e-3


@pytest.mark.parametrize("kind", ["folder", "checkpoint", "onnx"])
def test_every_kind_of_model_can_be_opened(kind: str) -> None:
    run, exported = tiny.shared_run(), tiny.shared_onnx()
    path = {"folder": run, "checkpoint": run / "last.safetensors", "onnx": exported}[kind]
    for name in (path, str(path)):
        model = open_model(name)
        assert isinstance(model, CropModel)
        assert model.predict_crops(tiny.noise_crops(3)).shape == (3,)
        assert model.name == {"folder": "run", "checkpoint": "run/last", "onnx": "tiny"}[kind]


def test_a_name_with_a_point_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "run_1.2.0"
    folder.symlink_to(tiny.shared_run(), target_is_directory=True)
    copy = tmp_path / "try_0.5"
    copy.mkdir()
    (copy / "best.safetensors").write_bytes((tiny.shared_run() / "best.safetensors").read_bytes())
    assert TorchModel(copy).name == "try_0.5"
    assert TorchModel(copy / "best.safetensors").name == "try_0.5/best"


def test_a_relative_path_names_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny.shared_run())
    assert TorchModel("best.safetensors").name == "run/best"
    assert TorchModel(".").name == "run"


def test_named_weights_run_in_onnx_and_in_torch() -> None:
    from facelage.models import get_weights

    name = get_weights().name  # int8 models run in ONNX alone
    session, checkpoint = open_model(name), TorchModel(name)
    assert isinstance(session, OnnxModel)
    assert session.name == checkpoint.name == name
    crops = tiny.noise_crops(4, session.crop.size)
    assert np.abs(session.predict_crops(crops) - checkpoint.predict_crops(crops)).max() <= 1e-3


@pytest.mark.parametrize("name", ["age_prediction_9.9.9", "m.onnx", "m.safetensors", "m.pt"])
def test_what_is_not_there_is_a_named_error(name: str) -> None:
    with pytest.raises(WeightsError):
        open_model(name)


def test_no_faces_have_no_ages() -> None:
    for model in (TorchModel(tiny.shared_run()), OnnxModel(AgeSession(tiny.shared_onnx()))):
        assert model.predict_crops(tiny.noise_crops(0)).shape == (0,)


def test_a_session_is_wrapped_with_all_it_knows() -> None:
    session = AgeSession(tiny.shared_onnx())
    model = OnnxModel(session)
    crops = tiny.noise_crops(5)
    assert np.array_equal(model.predict_crops(crops), session.ages(crops))
    assert (model.name, model.crop) == (session.name, session.crop)
    assert model.calibration is session.calibration


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_of_predictions_is_a_model(suffix: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"path": ["a.png"], "predicted": [3.0]})
    path = tmp_path / f"theirs.{suffix}"
    frame.to_csv(path) if suffix == "csv" else frame.to_parquet(path)
    model = open_model(path)
    assert isinstance(model, PredictionsTable)
    assert (model.name, len(model)) == ("theirs", 1)


def test_a_constant_is_opened_by_its_name() -> None:
    model = open_model("constant-mean:33.5")
    assert isinstance(model, FaceModel)
    assert model.name == "constant-mean:33.5"
    assert list(model.predict_faces([], [])) == []


@pytest.mark.parametrize("name", ["constant-mean", "constant:x"])
def test_a_constant_without_an_age_is_a_named_error(name: str) -> None:
    with pytest.raises(ConfigError, match="holds no age"):
        open_model(name)


def test_a_missing_table_is_a_named_error(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="no such table of predictions"):
        open_model(tmp_path / "nothing.csv")
