"""The convolutions of an exported model, and what reaches them on real faces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from facelage.onnx_sessions import open_session

if TYPE_CHECKING:
    import onnx

#: Places taken from each batch of feature maps.
PLACES = 256


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution: names in the graph, and its weights (O x I x k x k, float32)."""

    node: str
    source: str
    weight: str
    bias: str
    weights: NDArray[np.float32]
    stride: int
    padding: int
    grouped: bool

    @property
    def rows(self) -> NDArray[np.float64]:
        """The weights as O x K, one row an output channel."""
        return self.weights.reshape(len(self.weights), -1).astype(np.float64)

    def inputs(
        self, features: NDArray[np.float32], random: np.random.Generator
    ) -> NDArray[np.float32]:
        """What the kernel sees at some places: P x K, or C x P x K where it is depthwise."""
        count, channels, height, width = features.shape
        side = self.weights.shape[2]
        if self.padding:
            edge = (self.padding, self.padding)
            features = np.pad(features, ((0, 0), (0, 0), edge, edge))
        image = random.integers(0, count, PLACES)
        row = random.integers(0, -(-height // self.stride), PLACES) * self.stride
        column = random.integers(0, -(-width // self.stride), PLACES) * self.stride
        reach = np.arange(side)
        rows = row[:, None, None] + reach[:, None]
        columns = column[:, None, None] + reach
        seen = features[image[:, None, None], :, rows, columns]  # P x k x k x C
        seen = seen.transpose(0, 3, 1, 2).reshape(PLACES, channels, side * side)
        if self.grouped:
            return seen.transpose(1, 0, 2)
        return seen.reshape(PLACES, -1)


def convolutions(model: onnx.ModelProto) -> list[Convolution]:
    """The convolutions of a graph, in its order."""
    from onnx import helper, numpy_helper

    weights = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    found = []
    for node in model.graph.node:
        if node.op_type == "Conv":
            settings = {item.name: helper.get_attribute_value(item) for item in node.attribute}
            source, weight, bias = node.input
            found.append(
                Convolution(
                    node.name,
                    source,
                    weight,
                    bias,
                    weights[weight],
                    settings.get("strides", [1])[0],
                    settings.get("pads", [0])[0],
                    settings.get("group", 1) > 1,
                )
            )
    return found


def inner_values(
    model: onnx.ModelProto, names: list[str], batches: Iterator[NDArray[np.float32]]
) -> Iterator[tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]]:
    """Each batch, and what the tensors called `names` inside the graph hold on it."""
    import onnx

    [image] = [item.name for item in model.graph.input]
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    for name in names:
        probe.graph.output.append(onnx.helper.make_tensor_value_info(name, 1, None))
    session = open_session(probe.SerializeToString())
    for images in batches:
        yield images, dict(zip(names, session.run(names, {image: images}), strict=True))


def input_moments(
    model: onnx.ModelProto, batches: Iterator[NDArray[np.float32]]
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Means and covariances of each convolution's inputs, by its node's name.

    Means are K and covariances K x K; C x K and C x K x K where it is depthwise.

    Parameters
    ----------
    batches:
        Normalised crops, each N x 3 x size x size, float32.
    """
    layers = convolutions(model)
    [image] = [item.name for item in model.graph.input]
    names = sorted({layer.source for layer in layers} - {image})
    random = np.random.default_rng(0)
    count = 0
    sums: dict[str, Any] = {layer.node: [0.0, 0.0] for layer in layers}
    for images, values in inner_values(model, names, batches):
        values[image] = images
        count += PLACES
        for layer in layers:
            seen = layer.inputs(values[layer.source], random).astype(np.float64)
            sums[layer.node][0] += seen.sum(-2)
            sums[layer.node][1] += seen.swapaxes(-1, -2) @ seen
    result = {}
    for node, (total, products) in sums.items():
        mean = total / count
        result[node] = (mean, products / count - mean[..., :, None] * mean[..., None, :])
    return result
