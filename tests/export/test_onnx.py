from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import tiny
from facelage.data.align import CropSpec, normalise
from facelage.errors import MissingDependencyError
from facelage.export import check_parity, export_onnx
from facelage.infer.session import AgeSession
from facelage.models import load_weights


@pytest.fixture(scope="session")
def exported() -> Path:
    return tiny.shared_onnx()


@pytest.fixture(scope="session")
def proto(exported: Path) -> onnx.ModelProto:
    return onnx.load(exported)


def shape(value: onnx.ValueInfoProto) -> list[object]:
    return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]


def test_one_input_and_one_output_with_a_free_batch(proto: onnx.ModelProto) -> None:
    [image], [age] = proto.graph.input, proto.graph.output
    assert (image.name, shape(image)) == ("input", ["batch", 3, 32, 32])
    assert (age.name, shape(age)) == ("age", ["batch"])
    float32 = onnx.TensorProto.FLOAT
    assert image.type.tensor_type.elem_type == age.type.tensor_type.elem_type == float32


def test_the_format_is_the_stated_one(proto: onnx.ModelProto) -> None:
    assert [(entry.domain, entry.version) for entry in proto.opset_import] == [("", 18)]
    # ONNX Runtime 1.17 refuses anything above 9.
    assert proto.ir_version == 8
    onnx.checker.check_model(proto, full_check=True)


def test_metadata_travels_with_the_model(exported: Path) -> None:
    session = AgeSession(exported)
    assert session.crop == tiny.CROP
    assert session.name == "tiny"
    assert json.loads(session.metadata["n"]) == 24


@pytest.mark.parametrize("trace", [b"/work/", b"/root/", b"/home/", b"packages", b"mobilenet.py"])
def test_the_file_knows_nothing_of_this_machine(trace: bytes, exported: Path) -> None:
    assert trace not in exported.read_bytes()
    assert bytes(Path.cwd()) not in exported.read_bytes()


@pytest.mark.parametrize("count", [1, 2, 7, 100])
def test_any_batch_gives_torchs_ages(count: int, exported: Path) -> None:
    model, _ = load_weights(tiny.shared_run())
    crops = np.concatenate(
        [np.stack([tiny.face(age, 32) for age in range(0, 100, 10)]), tiny.noise_crops(90)]
    )[:count]
    parity = check_parity(model, exported, crops)
    assert parity.n == count
    assert parity.mean <= parity.largest <= 1e-3


def test_ages_depend_on_neither_batch_nor_threads(exported: Path) -> None:
    crops = tiny.noise_crops(9)
    wanted = AgeSession(exported).ages(crops)
    for threads in (1, 2, 4):
        session = AgeSession(exported, threads=threads)
        for size in (1, 4, 9):
            found = [session.ages(crops[start : start + size]) for start in range(0, 9, size)]
            assert np.abs(np.concatenate(found) - wanted).max() <= 1e-4


def test_the_output_is_in_years_without_scaling(exported: Path) -> None:
    import onnxruntime

    model, crop = load_weights(tiny.shared_run())
    assert float(model.age_std) > 1  # so there was something to fold
    images = normalise(tiny.noise_crops(3), crop)
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    [ages] = session.run(["age"], {"input": images})
    with torch.no_grad():
        assert np.allclose(ages, model(torch.from_numpy(images)).numpy(), atol=1e-3)


def test_exporting_leaves_model_and_random_numbers_alone(tmp_path: Path) -> None:
    model = tiny.lively_model().train()
    model.to(memory_format=torch.channels_last)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = torch.get_rng_state()
    path = export_onnx(model, tmp_path / "age_x.onnx", tiny.CROP)
    assert torch.equal(torch.get_rng_state(), state)
    assert model.training
    assert model.features[0][0].weight.is_contiguous(memory_format=torch.channels_last)
    assert all(torch.equal(value, model.state_dict()[key]) for key, value in before.items())
    assert AgeSession(path).name == "age_x"  # of the file, where none is given
    assert check_parity(model, path, tiny.noise_crops(64)).largest <= 1e-3
    assert [found.name for found in tmp_path.iterdir()] == ["age_x.onnx"]


@pytest.mark.parametrize("package", ["onnx", "onnxscript"])
def test_a_missing_package_is_named(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match="pip install onnx onnxscript"):
        export_onnx(tiny.lively_model(), tmp_path / "m.onnx", CropSpec(size=32))
    assert not list(tmp_path.iterdir())
