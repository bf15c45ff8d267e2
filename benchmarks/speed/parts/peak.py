"""How near a network comes to what the machine can multiply."""

from __future__ import annotations

import time
from math import prod
from pathlib import Path

import numpy as np
import onnx
import torch

SIDE = 1024


def matrix_peak(rounds: int) -> dict[str, float]:
    """GFLOP/s of float32 matrix multiplication (1024 x 1024), the best of some rounds, by library.

    NumPy and torch are tried in turn; a multiply and an add are two operations.
    """
    a = np.random.default_rng(0).standard_normal((SIDE, SIDE)).astype(np.float32)
    out, tensor = np.empty_like(a), torch.from_numpy(a)
    result = torch.empty_like(tensor)
    best = {"NumPy": 0.0, "torch": 0.0}
    for _ in range(rounds + 1):
        for name in best:
            start = time.perf_counter()
            if name == "NumPy":
                np.matmul(a, a, out=out)
            else:
                torch.matmul(tensor, tensor, out=result)
            best[name] = max(best[name], 2 * SIDE**3 / (time.perf_counter() - start) / 1e9)
    return best


def count_macs(path: Path) -> int:
    """Multiply-adds of one face in the convolutions and matrix products of an ONNX graph."""
    model = onnx.load(str(path))
    for value in model.graph.input:
        first = value.type.tensor_type.shape.dim[0]
        if first.dim_param:
            first.Clear()
            first.dim_value = 1
    del model.graph.value_info[:]
    graph = onnx.shape_inference.infer_shapes(model).graph
    shapes = {item.name: tuple(item.dims) for item in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        shapes[value.name] = tuple(end.dim_value or 1 for end in value.type.tensor_type.shape.dim)
    total = 0
    for node in graph.node:
        if node.op_type == "Conv":
            outputs, weight = shapes[node.output[0]], shapes[node.input[1]]
            if len(outputs) != 4:
                raise SystemExit(f"{path}: the shape of {node.output[0]} is not known")
            total += prod(outputs) * prod(weight[1:])
        elif node.op_type in ("Gemm", "MatMul"):
            total += prod(shapes[node.output[0]]) * shapes[node.input[0]][-1]
    return total
