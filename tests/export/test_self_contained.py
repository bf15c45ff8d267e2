from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import tiny
from facelage.data.align import fit_crop
from facelage.errors import ExportError, WeightsError
from facelage.export import export_self_contained
from facelage.infer import AgePredictor
from facelage.infer.session import AgeSession
from facelage.models import get_weights


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_self_contained(tiny.lively_onnx(), tmp_path_factory.mktemp("w") / "whole.onnx")


@pytest.fixture(scope="module")
def sessions(whole: Path) -> tuple[AgeSession, AgeSession]:
    return AgeSession(tiny.lively_onnx(), threads=1), AgeSession(whole, threads=1)


def test_the_input_is_uint8_pixels_of_any_size(whole: Path) -> None:
    graph = onnx.load(whole).graph
    [crops], [age] = graph.input, graph.output
    assert (crops.name, crops.type.tensor_type.elem_type) == ("crops", onnx.TensorProto.UINT8)
    shape = [d.dim_param or d.dim_value for d in crops.type.tensor_type.shape.dim]
    assert shape == ["batch", "height", "width", 3]
    assert (age.name, age.type.tensor_type.elem_type) == ("age", onnx.TensorProto.FLOAT)


side = st.integers(1, 260)


@given(height=side, width=side, seed=st.integers(0, 9))
@example(height=32, width=32, seed=0)
@example(height=96, width=96, seed=0)  # three times the crop's side: the last without blocks
@example(height=97, width=40, seed=0)
@example(height=92, width=192, seed=0)  # a whole number of blocks, but for the last bit
@example(height=1, width=260, seed=0)
def test_any_size_gives_the_age_of_the_fitted_crop(
    sessions: tuple[AgeSession, AgeSession], height: int, width: int, seed: int
) -> None:
    plain, whole = sessions
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    picture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    [found] = whole.ages(picture[None])
    [wanted] = plain.ages(fit_crop(picture, tiny.CROP)[None])
    assert abs(found - wanted) < 1e-3


@pytest.fixture(scope="module")
def resize(tmp_path_factory: pytest.TempPathFactory) -> ort.InferenceSession:
    """The shipped weights' file, with the crop that it makes inside as another output."""
    path = tmp_path_factory.mktemp("shipped") / "whole.onnx"
    model = onnx.load(export_self_contained(get_weights().path("onnx"), path))
    model.graph.output.append(onnx.helper.make_tensor_value_info("crop", 1, None))
    return ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


@given(height=st.integers(1, 900), width=st.integers(1, 900), seed=st.integers(0, 9))
@example(height=523, width=523, seed=0)  # where rows and columns round differently
@example(height=547, width=200, seed=0)
@example(height=91, width=565, seed=0)
def test_the_crop_inside_is_the_fitted_crop_to_the_last_bit(
    resize: ort.InferenceSession, height: int, width: int, seed: int
) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    [inside] = resize.run(["crop"], {"crops": picture[None]})
    assert np.array_equal(inside[0], fit_crop(picture, get_weights().crop))


def test_batches_give_what_single_crops_give(sessions: tuple[AgeSession, AgeSession]) -> None:
    _, whole = sessions
    crops = tiny.noise_crops(5, 50)
    alone = np.concatenate([whole.ages(crops[k : k + 1]) for k in range(5)])
    assert alone.std() > 0.01  # so there was something to mix up
    assert np.allclose(whole.ages(crops), alone, atol=1e-4)


def test_a_predictor_takes_either_file(whole: Path) -> None:
    picture = tiny.noise_crops(1, 77)[0]
    [found] = AgePredictor.from_pretrained(whole, detector=None).predict(picture)
    [wanted] = AgePredictor.from_pretrained(tiny.lively_onnx(), detector=None).predict(picture)
    assert found.age == pytest.approx(wanted.age, abs=1e-3)


def test_no_age_is_negative(tmp_path: Path) -> None:
    model = onnx.load(tiny.lively_onnx())
    biases = {item.name: item for item in model.graph.initializer}
    [head] = [node for node in model.graph.node if node.op_type == "Gemm"]
    bias = biases[head.input[2]]
    bias.CopyFrom(onnx.numpy_helper.from_array(np.array([-500], np.float32), bias.name))
    onnx.save(model, tmp_path / "low.onnx")
    path = export_self_contained(tmp_path / "low.onnx", tmp_path / "whole.onnx")
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    [ages] = session.run(None, {"crops": tiny.noise_crops(2)})
    assert ages.tolist() == [0.0, 0.0]


def test_metadata_are_the_sources_but_for_a_new_name(whole: Path, tmp_path: Path) -> None:
    source = AgeSession(tiny.lively_onnx()).metadata
    assert AgeSession(whole).metadata == source
    named = export_self_contained(tiny.lively_onnx(), tmp_path / "w.onnx", name="mine")
    assert AgeSession(named).metadata == {**source, "facelage.name": "mine"}


def test_what_is_self_contained_stays_so(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="preprocessing inside already"):
        export_self_contained(whole, tmp_path / "again.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [None, b"no model"])
def test_a_broken_source_is_named(content: bytes | None, tmp_path: Path) -> None:
    source = tmp_path / "source.onnx"
    if content is not None:
        source.write_bytes(content)
    with pytest.raises(WeightsError, match=r"source\.onnx"):
        export_self_contained(source, tmp_path / "whole.onnx")
    assert not (tmp_path / "whole.onnx").exists()


def test_the_shipped_weights_agree_on_real_faces(shared: Path, tmp_path: Path) -> None:
    from facelage.data.images import load_image

    path = get_weights().path("onnx")
    whole = AgeSession(export_self_contained(path, tmp_path / "whole.onnx"))
    predictor = AgePredictor.from_pretrained(path, detector=None)
    random = np.random.default_rng(0)
    for file in sorted((shared / "data/utkface").glob("*.webp"))[::20]:
        width, height = random.integers(24, 700, 2).tolist()
        picture = cv2.resize(load_image(file), (width, height), interpolation=cv2.INTER_AREA)
        [wanted] = predictor.predict(picture)
        [found] = whole.ages(picture[None])
        assert abs(found - wanted.age) < 0.01, (file.name, height, width)
