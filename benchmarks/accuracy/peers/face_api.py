"""face-api.js's age network (TinyXception), with the weights of the npm package.

The weights are 8-bit numbers beside a manifest of their names, shapes, scales
and offsets (TensorFlow.js's format). The network: two entry blocks that halve
the picture, two middle blocks with a shortcut, an exit block, a mean over the
last 4 x 4 field and one linear layer. All padding is TensorFlow's "same".
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
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


class TinyXception(nn.Module):
    """The age network: N x 3 x 112 x 112, normalised, to N x 1 years."""

    def __init__(self, arrays: dict[str, NDArray[np.float32]]) -> None:
        super().__init__()
        self._weights: dict[str, Tensor] = {}
        for name, array in arrays.items():
            tensor = torch.from_numpy(array.copy())
            if name.endswith("depthwise_filter"):  # height, width, channels, 1
                tensor = tensor.permute(2, 3, 0, 1)
            elif array.ndim == 4:  # height, width, in, out
                tensor = tensor.permute(3, 2, 0, 1)
            self._weights[name] = tensor.contiguous()

    def forward(self, images: Tensor) -> Tensor:
        return self.age(self.features(images))

    def age(self, seen: Tensor) -> Tensor:
        """N x 1 years of N x 512 features."""
        return seen @ self._weights["fc/age/weights"] + self._weights["fc/age/bias"]

    def features(self, images: Tensor) -> Tensor:
        """What the linear layers see: N x 512."""
        x = functional.relu(self._conv(images, "entry_flow/conv_in", 2))
        x = self._reduction(x, "entry_flow/reduction_block_0", first=True)
        x = self._reduction(x, "entry_flow/reduction_block_1")
        for number in range(2):
            x = x + self._chain(x, f"middle_flow/main_block_{number}", 3)
        x = self._reduction(x, "exit_flow/reduction_block")
        x = functional.relu(self._separable(x, "exit_flow/separable_conv"))
        return functional.avg_pool2d(x, 7, 2).flatten(1)

    def _conv(self, x: Tensor, name: str, stride: int) -> Tensor:
        filters = self._weights[f"{name}/filters"]
        x = same(x, filters.shape[2], stride)
        return functional.conv2d(x, filters, self._weights[f"{name}/bias"], stride)

    def _separable(self, x: Tensor, name: str) -> Tensor:
        depth = self._weights[f"{name}/depthwise_filter"]
        x = functional.conv2d(same(x, depth.shape[2], 1), depth, groups=depth.shape[0])
        point = self._weights[f"{name}/pointwise_filter"]
        return functional.conv2d(x, point, self._weights[f"{name}/bias"])

    def _chain(self, x: Tensor, name: str, count: int, first: bool = False) -> Tensor:
        for number in range(count):
            x = x if first and number == 0 else functional.relu(x)
            x = self._separable(x, f"{name}/separable_conv{number}")
        return x

    def _reduction(self, x: Tensor, name: str, first: bool = False) -> Tensor:
        out = self._chain(x, name, 2, first)
        out = functional.max_pool2d(same(out, 3, 2, -torch.inf), 3, 2)
        return out + self._conv(x, f"{name}/expansion_conv", 2)


class FaceApiRunner:
    """The network behind `facelage.evaluate.baselines.runners.Runner`.

    torch converts it and ONNX Runtime runs it, which is quicker.
    """

    def __init__(self, manifest: Path) -> None:
        import onnxruntime

        self.shapes = {"images": (None, 3, 112, 112)}
        network = TinyXception(read_weights(manifest)).eval()
        program = torch.onnx.export(
            network,
            (torch.zeros(2, 3, 112, 112),),
            input_names=["images"],
            output_names=["age"],
            dynamic_shapes={"images": {0: torch.export.Dim("batch")}},
            dynamo=True,
            verbose=False,
        )
        assert program is not None
        self._session = onnxruntime.InferenceSession(
            program.model_proto.SerializeToString(), providers=["CPUExecutionProvider"]
        )

    def run(self, inputs: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        [ages] = self._session.run(["age"], {"images": inputs["images"]})
        return {"age": ages}
