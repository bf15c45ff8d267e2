from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import tiny
from facelage.errors import ExportError
from facelage.export import export_fp16, export_self_contained
from facelage.infer.session import AgeSession


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_fp16(tiny.lively_onnx(), tmp_path_factory.mktemp("half") / "half.onnx")


def test_half_the_bytes_and_the_same_ages(small: Path) -> None:
    assert small.stat().st_size < 0.53 * tiny.lively_onnx().stat().st_size
    crops = tiny.noise_crops(16)
    wanted, found = AgeSession(tiny.lively_onnx()).ages(crops), AgeSession(small).ages(crops)
    assert wanted.std() > 5
    assert 0 < np.abs(found - wanted).mean() < 0.2


def test_every_large_tensor_is_halved_and_small_ones_are_not(small: Path) -> None:
    kept = {item.name: item for item in onnx.load(tiny.lively_onnx()).graph.initializer}
    for item in onnx.load(small).graph.initializer:
        old = numpy_helper.to_array(kept[item.name.removesuffix("_fp16")])
        if old.size >= 4096:
            assert item.data_type == onnx.TensorProto.FLOAT16, item.name
        else:
            assert np.array_equal(numpy_helper.to_array(item), old)


def test_metadata_say_what_it_is_and_what_it_came_from(small: Path) -> None:
    source = AgeSession(tiny.lively_onnx()).metadata
    assert AgeSession(small).metadata == {**source, "facelage.precision": "fp16"}


def test_it_may_be_self_contained(small: Path, tmp_path: Path) -> None:
    whole = AgeSession(export_self_contained(small, tmp_path / "whole.onnx"))
    crops = tiny.noise_crops(4)
    assert np.allclose(whole.ages(crops), AgeSession(small).ages(crops), atol=1e-3)


def test_bits_are_taken_away_once(small: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="fewer bits already"):
        export_fp16(small, tmp_path / "again.onnx")


def test_a_weight_past_16_bits_is_an_error(tmp_path: Path) -> None:
    model = onnx.load(tiny.lively_onnx())
    item = max(model.graph.initializer, key=lambda each: np.prod(each.dims))
    values = numpy_helper.to_array(item).copy()
    values.flat[0] = 70_000
    item.CopyFrom(numpy_helper.from_array(values, item.name))
    onnx.save(model, tmp_path / "large.onnx")
    with pytest.raises(ExportError, match=r"does not fit into 16 bits; got: .* with 70000"):
        export_fp16(tmp_path / "large.onnx", tmp_path / "half.onnx")
    assert not (tmp_path / "half.onnx").exists()
