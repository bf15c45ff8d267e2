"""TensorFlow.js's weights and padding, for networks that torch is to run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional


def read_weights(manifest: Path) -> dict[str, NDArray[np.float32]]:
    """The arrays of a TensorFlow.js weights manifest, or of a graph that holds one.

    The .bin files lie beside it.
    """
    arrays: dict[str, NDArray[np.float32]] = {}
    groups = json.loads(manifest.read_text(encoding="utf-8"))
    for group in groups["weightsManifest"] if isinstance(groups, dict) else groups:
        data = b"".join((manifest.parent / name).read_bytes() for name in group["paths"])
        position = 0
        for entry in group["weights"]:
            count = int(np.prod(entry["shape"]))
            packing = entry.get("quantization")
            kind = np.dtype(packing["dtype"] if packing else entry["dtype"]).newbyteorder("<")
            raw = np.frombuffer(data, kind, count, position).astype(np.float32)
            position += count * kind.itemsize
            if packing:
                raw = raw * np.float32(packing["scale"]) + np.float32(packing["min"])
            arrays[entry["name"]] = raw.reshape(entry["shape"])
        if position != len(data):
            raise ValueError(f"{manifest}: {len(data)} bytes of weights, {position} described")
    return arrays


def same(x: Tensor, kernel: int, stride: int, value: float = 0.0) -> Tensor:
    """TensorFlow's "same" padding, whose odd pixel lies to the right and below."""
    edges = []
    for side in (x.shape[3], x.shape[2]):
        total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        edges += [total // 2, total - total // 2]
    return functional.pad(x, edges, value=value)


def tensors(arrays: dict[str, NDArray[np.float32]]) -> dict[str, Tensor]:
    """The arrays in torch's order of axes: TensorFlow's is height, width, in, out."""
    weights: dict[str, Tensor] = {}
    for name, array in arrays.items():
        tensor = torch.from_numpy(array.copy())
        if "/depthwise_" in name:  # height, width, channels, 1
            tensor = tensor.permute(2, 3, 0, 1)
        elif array.ndim == 4:
            tensor = tensor.permute(3, 2, 0, 1)
        weights[name] = tensor.contiguous()
    return weights
