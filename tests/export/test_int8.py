from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

import tiny
from facelage.data.align import normalise
from facelage.errors import ExportError, MissingDependencyError
from facelage.export import export_int8, export_self_contained
from facelage.export.ranges import activation_ranges
from facelage.infer.session import AgeSession
from facelage.models import get_weights, load_weights
from facelage.onnx_sessions import open_session


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    faces = [tiny.face(age, 32, seed) for age in range(0, 96, 5) for seed in range(2)]
    return np.concatenate([np.stack(faces), tiny.noise_crops(8)])


@pytest.fixture(scope="module")
def small(crops: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_int8(tiny.lively_onnx(), tmp_path_factory.mktemp("small") / "small.onnx", crops)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    weights = get_weights()
    crops = patterns(40, weights.crop.size, seed=0)
    folder = tmp_path_factory.mktemp("shipped")
    return weights.path("onnx"), export_int8(weights.path("onnx"), folder / "small.onnx", crops)


def patterns(count: int, size: int, seed: int) -> np.ndarray:
    """Coloured noise from coarse to fine: the trained network's ages of it differ widely."""
    random = np.random.default_rng(seed)
    sides = random.integers(2, 33, count)
    coarse = [random.integers(0, 256, (side, side, 3), dtype=np.uint8) for side in sides]
    return np.stack([cv2.resize(c, (size, size), interpolation=cv2.INTER_CUBIC) for c in coarse])


def test_a_third_of_the_bytes_and_nearly_the_same_ages(shipped: tuple[Path, Path]) -> None:
    full, small = shipped
    assert small.stat().st_size < 3e6 < 0.35 * full.stat().st_size
    unseen = patterns(40, AgeSession(full).crop.size, seed=1)
    wanted, found = AgeSession(full).ages(unseen), AgeSession(small).ages(unseen)
    assert wanted.std() > 10
    assert np.abs(found - wanted).mean() < 1.5


def test_the_mean_age_of_the_faces_stays(small: Path, crops: np.ndarray) -> None:
    """What the network says: an untrained one also ages below 0, which ages() cuts off."""
    images = {"input": normalise(crops, AgeSession(small).crop)}
    found, wanted = (
        open_session(path).run(None, images)[0] for path in (small, tiny.lively_onnx())
    )
    assert found.mean() == pytest.approx(wanted.mean(), abs=1e-3)


def test_all_but_two_convolutions_have_8_bits_and_a_scale_a_channel(small: Path) -> None:
    model = onnx.load(small)
    held = {item.name: item for item in model.graph.initializer}
    made = {output: node for node in model.graph.node for output in node.output}
    every = [node for node in model.graph.node if node.op_type == "Conv"]
    first, convolutions = every[:2], every[2:]
    for node in first:
        assert held[node.input[1]].data_type == onnx.TensorProto.FLOAT, node.name
    assert len(convolutions) == 49
    for node in convolutions:
        kinds = [made[name].op_type for name in node.input[:2]]
        assert kinds == ["DequantizeLinear"] * 2, node.name
        weights, steps, zero = (held[name] for name in made[node.input[1]].input)
        assert weights.data_type == onnx.TensorProto.INT8
        assert steps.dims == weights.dims[:1]
        assert not onnx.numpy_helper.to_array(zero).any()
        assert np.abs(onnx.numpy_helper.to_array(weights).astype(int)).max() <= 127


def test_steps_of_activations_are_those_that_lose_least(small: Path, crops: np.ndarray) -> None:
    crop = AgeSession(small).crop
    batches = iter([normalise(crops[i : i + 16], crop) for i in range(0, len(crops), 16)])
    ranges = activation_ranges(onnx.load(tiny.lively_onnx()), batches)
    model = onnx.load(small)
    held = {item.name: onnx.numpy_helper.to_array(item) for item in model.graph.initializer}
    steps = {
        node.input[0]: float(held[node.input[1]])
        for node in model.graph.node
        if node.op_type == "QuantizeLinear" and node.input[0] in ranges
    }
    assert len(steps) > 20
    for name, step in steps.items():
        low, high = ranges[name]
        # The weights behind them were rounded meanwhile.
        assert step == pytest.approx((high - low) / 255, rel=0.25), name


def test_the_format_is_the_sources(small: Path) -> None:
    model = onnx.load(small)
    assert model.ir_version == 8
    assert [(item.domain, item.version) for item in model.opset_import if not item.domain] == [
        ("", 18)
    ]
    [image], [age] = model.graph.input, model.graph.output
    assert (image.name, age.name) == ("input", "age")


def test_metadata_say_what_it_is(small: Path) -> None:
    source = AgeSession(tiny.lively_onnx()).metadata
    assert AgeSession(small).metadata == {**source, "facelage.precision": "int8"}
    assert AgeSession(small).crop == load_weights(tiny.shared_run())[1]


def test_the_same_faces_give_the_same_file(small: Path, crops: np.ndarray, tmp_path: Path) -> None:
    again = export_int8(tiny.lively_onnx(), tmp_path / "again.onnx", crops)
    assert again.read_bytes() == small.read_bytes()
    assert [found.name for found in tmp_path.iterdir()] == ["again.onnx"]


def test_ages_do_not_depend_on_the_batch(small: Path, crops: np.ndarray) -> None:
    session = AgeSession(small)
    alone = np.concatenate([session.ages(crops[k : k + 1]) for k in range(9)])
    assert np.allclose(session.ages(crops[:9]), alone, atol=1e-4)


def test_it_may_be_self_contained(small: Path, tmp_path: Path, crops: np.ndarray) -> None:
    whole = AgeSession(export_self_contained(small, tmp_path / "whole.onnx"))
    assert np.allclose(whole.ages(crops), AgeSession(small).ages(crops), atol=1e-3)
    assert whole.metadata["facelage.precision"] == "int8"


def test_a_few_faces_are_too_few(crops: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"too few faces to quantise with; got: 31"):
        export_int8(tiny.lively_onnx(), tmp_path / "small.onnx", crops[:31])
    assert list(tmp_path.iterdir()) == []


def test_bits_are_taken_away_once(small: Path, crops: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="fewer bits already"):
        export_int8(small, tmp_path / "again.onnx", crops)


def test_a_missing_package_is_named(
    crops: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingDependencyError, match="pip install onnx"):
        export_int8(tiny.lively_onnx(), tmp_path / "small.onnx", crops)
