from __future__ import annotations

from pathlib import Path

import onnx
import pytest

import tiny
from facelage.errors import WeightsError
from facelage.export.proto import properties, read_float32, write_model


def test_a_model_is_written_as_it_was_read(tmp_path: Path) -> None:
    model = read_float32(tiny.shared_onnx())
    path = write_model(model, tmp_path / "m.onnx", metadata=properties(model))
    again = onnx.load(path)
    assert again.graph == onnx.load(tiny.shared_onnx()).graph
    assert properties(again) == properties(onnx.load(tiny.shared_onnx()))
    assert [found.name for found in tmp_path.iterdir()] == ["m.onnx"]


def test_a_broken_graph_is_not_written(tmp_path: Path) -> None:
    model = read_float32(tiny.shared_onnx())
    del model.graph.node[3]
    with pytest.raises(onnx.checker.ValidationError):
        write_model(model, tmp_path / "m.onnx", metadata={})
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_a_crop_is_not_one_of_ours(tmp_path: Path) -> None:
    model = onnx.load(tiny.shared_onnx())
    kept = {key: text for key, text in properties(model).items() if key != "facelage.crop"}
    write_model(model, tmp_path / "m.onnx", metadata=kept)
    with pytest.raises(WeightsError, match="which crop it was trained on"):
        read_float32(tmp_path / "m.onnx")
