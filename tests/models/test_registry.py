from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import tiny
from facelage.data.align import CropSpec
from facelage.errors import ConfigError, WeightsError
from facelage.models import create_model, list_architectures, load_weights, save_weights
from facelage.models.mobilenet import AgeMobileNetV2

CROP = CropSpec(size=48, box_side=1.3)


@pytest.fixture(scope="module")
def model() -> AgeMobileNetV2:
    return create_model(age_mean=31.0, age_std=12.0)


def test_architectures_can_be_created() -> None:
    assert list_architectures() == ["mobilenet_v2"]
    assert isinstance(create_model(list_architectures()[0]), AgeMobileNetV2)


def test_an_unknown_architecture_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="got: 'vgg16'; expected: mobilenet_v2"):
        create_model("vgg16")


def test_weights_and_crop_survive_a_file(model: AgeMobileNetV2, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_weights(model.train(), path, CROP, metadata={"facelage.epoch": 3, "note": [1, "ä"]})
    loaded, crop = load_weights(path)
    assert crop == CROP
    assert not loaded.training
    state = loaded.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    with safe_open(path, framework="np") as stream:
        metadata = stream.metadata()
    assert json.loads(metadata["facelage.epoch"]) == 3
    assert json.loads(metadata["note"]) == [1, "ä"]
    assert [found.name for found in tmp_path.iterdir()] == ["model.safetensors"]


def test_equal_models_give_equal_bytes(model: AgeMobileNetV2, tmp_path: Path) -> None:
    metadata = {f"key {number}": number for number in range(8)}
    for name in "ab":
        save_weights(model, tmp_path / f"{name}.safetensors", CROP, metadata=metadata)
    backwards = dict(reversed(metadata.items()))
    save_weights(model, tmp_path / "c.safetensors", CROP, metadata=backwards)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_memory_format_does_not_reach_the_file(model: AgeMobileNetV2, tmp_path: Path) -> None:
    save_weights(model, tmp_path / "a.safetensors", CROP)
    save_weights(model.to(memory_format=torch.channels_last), tmp_path / "b.safetensors", CROP)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_a_run_folder_stands_for_its_best_weights(tmp_path: Path) -> None:
    run = tiny.shared_run()
    from_folder, crop = load_weights(run)
    from_file, _ = load_weights(str(run / "best.safetensors"))
    assert crop == tiny.CROP
    assert torch.equal(from_folder.head.weight, from_file.head.weight)
    with pytest.raises(WeightsError, match=r"no best\.safetensors"):
        load_weights(tmp_path)


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".pkl", ".bin"])
def test_pickles_are_refused_unread(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(WeightsError, match="unpickling runs code"):
        load_weights(path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("age_prediction_9.9.9", "unknown weights"),
        ("missing.safetensors", "no weights file"),
        ("model.onnx", "can't be loaded into torch"),
    ],
)
def test_what_is_not_there_is_a_named_error(name: str, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        load_weights(name)


def test_files_of_something_else_are_refused(model: AgeMobileNetV2, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    state = {key: value.contiguous() for key, value in model.state_dict().items()}
    good = {"facelage.crop": CROP.to_json(), "facelage.architecture": "mobilenet_v2"}
    for tensors, metadata, clue in (
        (state, None, "no metadata 'facelage.crop'"),
        (state, {"facelage.crop": CROP.to_json()}, "no metadata 'facelage.architecture'"),
        (state, good | {"facelage.architecture": "vgg16"}, "vgg16"),
        (state, good | {"facelage.crop": "{}"}, "crop can't be read"),
        ({"head.weight": state["head.weight"]}, good, "loading state_dict"),
    ):
        save_file(tensors, path, metadata=metadata)
        with pytest.raises(WeightsError, match=clue):
            load_weights(path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(WeightsError, match="not weights of a facelage model"):
        load_weights(path)
    path.write_bytes(b"")
    with pytest.raises(WeightsError, match="not weights of a facelage model"):
        load_weights(path)


def test_a_failed_save_leaves_the_old_file(
    model: AgeMobileNetV2, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    path = tmp_path / "m.safetensors"
    save_weights(model, path, CROP)
    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        save_weights(model, path, CropSpec())
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["m.safetensors"]


def test_looking_models_up_loads_no_torch() -> None:
    code = (
        "import sys, facelage.models as m; m.list_models(); m.list_architectures();"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
