"""FaceRes, the age network of the npm packages human and human-models: MobileNet, 224 pixels.

The weights are float32 numbers beside TensorFlow.js's graph, whose nodes bear the names of
Keras' MobileNet (Howard et al., 2017) with the batch norms of the pointwise convolutions
folded in. Behind the mean over the last 7 x 7 field follow a layer of 256 and a softmax over
100 ages. All padding is TensorFlow's "same".
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from peers.tensorflow_js import read_weights, same, tensors

#: Blocks (of 13) whose depthwise convolution halves the picture.
HALVING = (2, 4, 6, 12)


class FaceRes(nn.Module):
    """N x 3 x 224 x 224, BGR minus ImageNet's means in 0..255, to N x 100 and N x 1024."""

    def __init__(self, arrays: dict[str, NDArray[np.float32]]) -> None:
        super().__init__()
        self._weights = tensors(arrays)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        seen = self.features(images)
        return self.ages(seen), seen

    def ages(self, seen: Tensor) -> Tensor:
        """Probabilities of the ages 1 to 100, N x 100, from N x 1024 features."""
        hidden = functional.relu(self._linear(seen, "feats"))
        return functional.softmax(self._linear(hidden, "age_pred"), dim=1)

    def features(self, images: Tensor) -> Tensor:
        """What it tells identity, gender and age by: N x 1024."""
        x = self._convolution(images, "conv1", 2)
        for number in range(1, 14):
            x = self._depthwise(x, f"conv_dw_{number}", 2 if number in HALVING else 1)
            x = self._convolution(x, f"conv_pw_{number}", 1)
        return x.mean(dim=(2, 3))

    def _convolution(self, x: Tensor, name: str, stride: int) -> Tensor:
        filters = self._weights[f"{name}/convolution/merged_input"]
        offset = self._weights[f"{name}_bn/batchnorm_1/sub"]
        x = same(x, filters.shape[2], stride)
        return functional.relu6(functional.conv2d(x, filters, offset, stride))

    def _depthwise(self, x: Tensor, name: str, stride: int) -> Tensor:
        scale = self._weights[f"{name}_bn/batchnorm_1/mul"].view(-1, 1, 1, 1)
        filters = self._weights[f"{name}/depthwise_kernel"] * scale
        offset = self._weights[f"{name}_bn/batchnorm_1/sub"]
        x = same(x, filters.shape[2], stride)
        return functional.relu6(
            functional.conv2d(x, filters, offset, stride, groups=filters.shape[0])
        )

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return x @ self._weights[f"{name}/kernel"] + self._weights[f"{name}/bias"]


class FaceResRunner:
    """The network behind `facelage.evaluate.baselines.runners.Runner`.

    torch converts it and ONNX Runtime runs it, which is quicker. Outputs: `ages`,
    N x 100, and `features`, N x 1024.
    """

    def __init__(self, graph: Path) -> None:
        import onnxruntime

        self.shapes = {"images": (None, 3, 224, 224)}
        program = torch.onnx.export(
            FaceRes(read_weights(graph)).eval(),
            (torch.zeros(2, 3, 224, 224),),
            input_names=["images"],
            output_names=["ages", "features"],
            dynamic_shapes={"images": {0: torch.export.Dim("batch")}},
            dynamo=True,
            verbose=False,
        )
        assert program is not None
        self._session = onnxruntime.InferenceSession(
            program.model_proto.SerializeToString(), providers=["CPUExecutionProvider"]
        )

    def run(self, inputs: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        ages, features = self._session.run(["ages", "features"], {"images": inputs["images"]})
        return {"ages": ages, "features": features}
