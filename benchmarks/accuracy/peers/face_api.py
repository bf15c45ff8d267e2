"""face-api.js's age network (TinyXception), with the weights of the npm package.

The weights are 8-bit numbers beside a manifest of their names, shapes, scales
and offsets (TensorFlow.js's format). The network: two entry blocks that halve
the picture, two middle blocks with a shortcut, an exit block, a mean over the
last 4 x 4 field and one linear layer. All padding is TensorFlow's "same".
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from peers.tensorflow_js import read_weights, same, tensors


class TinyXception(nn.Module):
    """The age network: N x 3 x 112 x 112, normalised, to N x 1 years."""

    def __init__(self, arrays: dict[str, NDArray[np.float32]]) -> None:
        super().__init__()
        self._weights = tensors(arrays)

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
