"""Tiny ONNX networks: the mean colour of each input, then one linear layer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import TensorProto, helper, numpy_helper

from facelage.data.detect import Detection

FACE = Detection(
    (40.0, 30.0, 80.0, 82.0),
    ((50.0, 50.0), (70.0, 50.0), (60.0, 61.0), (52.0, 70.0), (68.0, 70.0)),
)


def photo(seed: int = 0, height: int = 120, width: int = 130) -> np.ndarray:
    """A smooth picture without symmetry, RGB: every shift, turn and swap of colours shows."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = [
        128 + 100 * np.sin(x / rng.uniform(7, 15) + y / rng.uniform(9, 20) + phase)
        for phase in rng.uniform(0, 6, 3)
    ]
    return np.stack(waves, -1).astype(np.uint8)


def write_network(
    path: Path,
    weights: ArrayLike = ((1.0,), (0.0,), (0.0,)),
    *,
    inputs: Sequence[str] = ("input",),
    layout: str = "NCHW",
    size: int = 16,
    batch: int | str = "n",
    outputs: Sequence[str] = ("age",),
    bias: float = 0.0,
) -> Path:
    """A file whose outputs are all ``mean colours @ weights + bias``, 3 numbers an input.

    Several inputs stand one below the other in `weights`.
    """
    matrix = np.asarray(weights, np.float32)
    channels_first = layout == "NCHW"
    shape = [batch, 3, size, size] if channels_first else [batch, size, size, 3]
    nodes = [
        helper.make_node(
            "ReduceMean",
            [name],
            [f"{name}_mean"],
            axes=[2, 3] if channels_first else [1, 2],
            keepdims=0,
        )
        for name in inputs
    ]
    nodes += [
        helper.make_node("Concat", [f"{name}_mean" for name in inputs], ["colours"], axis=1),
        helper.make_node("MatMul", ["colours", "weights"], ["product"]),
        *(helper.make_node("Add", ["product", "bias"], [name]) for name in outputs),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in inputs],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, matrix.shape[1]])
            for name in outputs
        ],
        [
            numpy_helper.from_array(matrix, "weights"),
            numpy_helper.from_array(np.float32([bias]), "bias"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path


SPEC = """
name = "tiny"
file = "tiny.onnx"
batch = 4

[[input]]
name = "input"
size = 16
crop = { kind = "box" }

[output]
decode = "years"
"""


def write_spec(folder: Path, text: str = SPEC) -> Path:
    path = folder / "tiny.toml"
    path.write_text(text, encoding="utf-8")
    return path
