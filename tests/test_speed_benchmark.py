"""The arithmetic of benchmarks/speed: its figures are only as good as that."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

SPEED = Path(__file__).parents[1] / "benchmarks" / "speed"


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SPEED))
    return lambda name: importlib.import_module(f"parts.{name}")


def test_jobs_run_in_turn_and_each_round_begins_with_another(parts: Any) -> None:
    timing = parts("timing")
    order: list[str] = []
    jobs = [timing.Job(name, lambda name=name: order.append(name)) for name in "abc"]
    times = timing.interleaved(jobs, rounds=3)
    assert "".join(order) == "abc" + "abc" + "bca" + "cab"
    assert {name: len(each) for name, each in times.items()} == {"a": 3, "b": 3, "c": 3}


def test_times_are_per_item(parts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    timing = parts("timing")
    clock = iter([1.0, 1.5])
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(clock))
    assert timing.interleaved([timing.Job("a", lambda: None, 10)], 1) == {"a": [50.0]}


def test_ratios_are_medians_over_rounds(parts: Any) -> None:
    timing = parts("timing")
    section = timing.Section(
        "T", {"slow": [10.0, 20.0, 90.0], "fast": [5.0, 5.0, 30.0]}, {"fast": "slow"}, ["a note"]
    )
    assert section.ratio("fast") == 3.0  # of 2, 4 and 3; of the medians it were 4
    assert section.ratio("slow") is None
    text = timing.markdown([section])
    assert "| fast | 5.00 | 5.00 | 3.00 x slow |" in text
    assert "| slow | 20.00 | 10.00 |  |" in text
    assert "- a note" in text
    [plain] = json.loads(json.dumps(timing.plain([section])))
    assert plain["rows"][1]["ratio"] == 3.0
    assert plain["rows"][1]["ms"] == [5.0, 5.0, 30.0]


@pytest.mark.parametrize("batch", ["batch", 1])
def test_multiply_adds_are_counted_from_the_graph(
    parts: Any, tmp_path: Path, batch: str | int
) -> None:
    weights = [
        helper.make_tensor("w", TensorProto.FLOAT, [8, 3, 3, 3], np.zeros(216)),
        helper.make_tensor("d", TensorProto.FLOAT, [8, 1, 3, 3], np.zeros(72)),
        helper.make_tensor("g", TensorProto.FLOAT, [8, 5], np.zeros(40)),
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["a", "d"], ["b"], group=8, pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["b"], ["c"]),
        helper.make_node("Flatten", ["c"], ["f"]),
        helper.make_node("Gemm", ["f", "g"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, 16, 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 5])],
        weights,
    )
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]), str(path))
    assert parts("peak").count_macs(path) == 8 * 8 * 8 * 27 + 8 * 8 * 8 * 9 + 8 * 5


def test_the_large_photo_shows_the_portrait_in_its_middle(
    parts: Any, astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = parts("photos")
    monkeypatch.setattr(photos, "LARGE", (150, 200))
    large = photos.enlarge(astronaut)
    assert large.shape == (150, 200, 3)
    expected = astronaut[::4, ::4].mean((0, 1))
    assert large[:, 25:175].mean((0, 1)) == pytest.approx(expected, abs=3)
    assert large[:, :20].mean() == pytest.approx(128, abs=1)
    assert large[:, :20].std() > 1  # no flat wall


def test_differing_faces_are_shouted(parts: Any) -> None:
    from facelage.infer import FaceAge

    one = FaceAge(30.0, (0.0, 0.0, 10.0, 10.0), None, None, "d", "m")
    two = FaceAge(30.25, (0.0, 1.0, 10.0, 12.0), None, None, "d", "m")
    agreement = parts("own").agreement
    assert "DIFFERENT FACES: 1 against 0" in agreement([one], [])
    assert "differ by 0.25 years, boxes by 2.0 pixels" in agreement([one], [two])
