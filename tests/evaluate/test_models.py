from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tiny
from facelage.errors import WeightsError
from facelage.evaluate import CropModel, TorchModel, open_model
from facelage.infer.session import AgeSession


def test_torch_and_onnx_say_the_same() -> None:
    checkpoint, session = TorchModel(tiny.shared_run()), AgeSession(tiny.shared_onnx())
    assert checkpoint.crop == session.crop == tiny.CROP
    crops = tiny.noise_crops(70)
    assert np.abs(checkpoint.ages(crops) - session.ages(crops)).max() <= 1e-3


@pytest.mark.parametrize("kind", ["folder", "checkpoint", "onnx"])
def test_every_kind_of_model_can_be_opened(kind: str) -> None:
    run, exported = tiny.shared_run(), tiny.shared_onnx()
    path = {"folder": run, "checkpoint": run / "last.safetensors", "onnx": exported}[kind]
    for name in (path, str(path)):
        model = open_model(name)
        assert isinstance(model, CropModel)
        assert model.ages(tiny.noise_crops(3)).shape == (3,)
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
    from facelage.models import list_models

    name = list_models()[-1]
    session, checkpoint = open_model(name), TorchModel(name)
    assert isinstance(session, AgeSession)
    assert session.name == checkpoint.name == name
    crops = tiny.noise_crops(4, session.crop.size)
    assert np.abs(session.ages(crops) - checkpoint.ages(crops)).max() <= 1e-3


@pytest.mark.parametrize("name", ["age_prediction_9.9.9", "m.onnx", "m.safetensors", "m.pt"])
def test_what_is_not_there_is_a_named_error(name: str) -> None:
    with pytest.raises(WeightsError):
        open_model(name)


def test_no_faces_have_no_ages() -> None:
    for model in (TorchModel(tiny.shared_run()), AgeSession(tiny.shared_onnx())):
        assert model.ages(tiny.noise_crops(0)).shape == (0,)
