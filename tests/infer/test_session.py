from __future__ import annotations

import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from facelage.data.align import CropSpec, fit_crop
from facelage.errors import InvalidArrayError, WeightsError
from facelage.infer import AgePredictor
from facelage.infer.session import CPU_RUN, CROP_KEY, NAME_KEY, AgeSession


def tiny_model(path: Path, metadata: dict[str, str]) -> Path:
    """Mean of the normalised pixels times 100: an age model without weights."""
    node = helper.make_node("ReduceMean", ["input", "axes"], ["mean"], keepdims=0)
    scale = helper.make_node("Mul", ["mean", "hundred"], ["age"])
    graph = helper.make_graph(
        [node, scale],
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3, 32, 32])],
        [helper.make_tensor_value_info("age", TensorProto.FLOAT, ["batch"])],
        [
            helper.make_tensor("axes", TensorProto.INT64, [3], [1, 2, 3]),
            helper.make_tensor("hundred", TensorProto.FLOAT, [], [100.0]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, metadata)
    onnx.save(model, str(path))
    return path


PLAIN = CropSpec(size=32, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


def test_the_crop_and_the_name_come_from_the_file(tmp_path: Path) -> None:
    path = tiny_model(tmp_path / "m.onnx", {CROP_KEY: PLAIN.to_json(), NAME_KEY: "mine"})
    session = AgeSession(path)
    assert session.crop == PLAIN
    assert session.name == "mine"
    crops = np.stack([np.full((32, 32, 3), value, np.uint8) for value in (0, 51, 255)])
    assert session.ages(crops) == pytest.approx([0.0, 20.0, 100.0], abs=1e-4)
    assert session.ages(crops[:0]).shape == (0,)
    copy = pickle.loads(pickle.dumps(session))
    assert copy.name == "mine"
    assert copy.ages(crops) == pytest.approx(session.ages(crops))


@given(st.integers(1, 3 * CPU_RUN + 1))
@settings(deadline=None, max_examples=12)
def test_many_crops_are_as_many_as_one_by_one(
    tmp_path_factory: pytest.TempPathFactory, count: int
) -> None:
    path = tiny_model(tmp_path_factory.mktemp("m") / "m.onnx", {CROP_KEY: PLAIN.to_json()})
    session, sizes = AgeSession(path), []
    run = session._session.run
    session._session = SimpleNamespace(
        run=lambda names, feed: (sizes.append(len(feed["input"])), run(names, feed))[1]
    )
    crops = np.stack([np.full((32, 32, 3), 2 * value, np.uint8) for value in range(count)])
    expected = 200 * np.arange(count) / 255
    assert session.ages(crops) == pytest.approx(expected, abs=1e-4)
    assert sum(sizes) == count
    assert max(sizes) == min(count, CPU_RUN)
    assert session.ages(crops[-1]) == pytest.approx(expected[-1:], abs=1e-4)  # one without N


def test_flip_is_the_mean_of_a_face_and_its_mirror_image(
    crop_predictor: AgePredictor, portrait: np.ndarray
) -> None:
    session = crop_predictor.session
    face = fit_crop(np.ascontiguousarray(portrait[30:190, 140:300]), session.crop)
    crops = np.stack([face, face[::-1]])
    both = AgeSession(session.path, threads=1, flip=True)
    mirrored = np.ascontiguousarray(crops[:, :, ::-1])
    expected = (session.ages(crops) + session.ages(mirrored)) / 2
    assert both.ages(crops) == pytest.approx(expected, abs=1e-4)
    assert both.ages(mirrored) == pytest.approx(both.ages(crops), abs=1e-4)
    assert both.ages(face) == pytest.approx(expected[:1], abs=1e-4)  # one crop, without N
    assert abs(both.ages(crops) - session.ages(crops)).max() > 1e-3  # a face is not symmetric
    for other in (pickle.loads(pickle.dumps(both)), AgeSession(session.path, flip=True)):
        assert other.beside_threads().ages(crops) == pytest.approx(expected, abs=1e-3)


def test_negative_years_are_cut_at_zero(tmp_path: Path) -> None:
    crop = CropSpec(size=32, mean=(0.5, 0.5, 0.5), std=(1.0, 1.0, 1.0))
    path = tiny_model(tmp_path / "m.onnx", {CROP_KEY: crop.to_json()})
    assert AgeSession(path).ages(np.zeros((2, 32, 32, 3), np.uint8)).tolist() == [0.0, 0.0]


def test_crops_of_a_wrong_kind_are_refused(tmp_path: Path) -> None:
    session = AgeSession(tiny_model(tmp_path / "m.onnx", {CROP_KEY: PLAIN.to_json()}))
    with pytest.raises(InvalidArrayError, match="float64"):
        session.ages(np.zeros((1, 32, 32, 3)))  # type: ignore[arg-type]


@pytest.mark.parametrize("metadata", [{}, {CROP_KEY: "{}"}, {CROP_KEY: "not json"}])
def test_a_model_without_a_usable_crop_is_refused(tmp_path: Path, metadata: dict[str, str]) -> None:
    with pytest.raises(WeightsError, match="crop"):
        AgeSession(tiny_model(tmp_path / "m.onnx", metadata))


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x07\x12"])
def test_a_broken_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"broken\.onnx"):
        AgeSession(path)
