from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

import tiny
from facelage.errors import ExportError
from facelage.export import check_growth
from facelage.infer.session import AgeSession


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model, but everybody is two years older."""
    model = onnx.load(tiny.shared_onnx())
    [head] = [node for node in model.graph.node if node.op_type == "Gemm"]
    [bias] = [item for item in model.graph.initializer if item.name == head.input[2]]
    years = onnx.numpy_helper.to_array(bias) + np.float32(2)
    bias.CopyFrom(onnx.numpy_helper.from_array(years, bias.name))
    path = tmp_path_factory.mktemp("older") / "older.onnx"
    onnx.save(model, path)
    return path


def test_figures_are_those_of_the_two_files(older: Path) -> None:
    crops = tiny.noise_crops(70)
    ages = AgeSession(tiny.shared_onnx()).ages(crops) - np.linspace(0, 3, 70)
    growth = check_growth(tiny.shared_onnx(), older, crops, ages, limit=2.01)
    assert growth.n == 70
    assert growth.before == pytest.approx(1.5, abs=1e-3)
    assert growth.after == pytest.approx(3.5, abs=1e-3)
    assert growth.years == pytest.approx(2, abs=1e-3)
    assert growth.near == 0.0
    shrunk = check_growth(older, tiny.shared_onnx(), crops, ages, limit=0)
    assert shrunk.years == pytest.approx(-2, abs=1e-3)
    assert check_growth(older, older, crops, ages, limit=0).near == 1.0


def test_growth_past_the_limit_is_refused(older: Path) -> None:
    crops = tiny.noise_crops(8)
    ages = AgeSession(tiny.shared_onnx()).ages(crops)
    with pytest.raises(ExportError, match=r"MAE 2\.000 years after 0\.000 on 8 faces"):
        check_growth(tiny.shared_onnx(), older, crops, ages, limit=1.9)
    with pytest.raises(ExportError, match="nan"):
        check_growth(older, tiny.shared_onnx(), crops, np.full(8, np.nan))


def test_nothing_to_compare_is_no_agreement() -> None:
    path = tiny.shared_onnx()
    with pytest.raises(ExportError, match="no faces"):
        check_growth(path, path, tiny.noise_crops(0), np.empty(0))
