"""The front of the network with less to compute and the same answers.

Its feature maps are the largest, so that what can be left out there counts most: channels that
no picture can switch on, and the bottleneck of the first block, which only stands between two
linear layers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facelage.data.align import CropSpec
from facelage.export.layers import Convolution, convolutions

if TYPE_CHECKING:
    import onnx

#: Channels are kept in such groups, for the sake of the vector units: with 23 of 32 the next
#: two convolutions took three times as long as with 24.
GROUP = 8
_TOP = 6.0  # of ReLU6


def shorten_front(model: onnx.ModelProto, crop: CropSpec) -> None:
    """Leave out of a float32 model what its answers do not need, in place.

    The first block's projection and the second's expansion, between which nothing is
    but numbers passed on, become one convolution; channels of the first two
    convolutions that stay at 0 for every picture go. What is left is the first
    convolution, the depthwise one and the merged one, then all as it was.
    """
    from onnx import numpy_helper

    first, depthwise, projection, expansion = convolutions(model)[:4]
    held = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    most = depthwise_bound(first, depthwise, held, crop)
    kept = kept_channels(most)
    down, up = projection.rows[:, kept], expansion.rows
    changed = {
        **{name: held[name][kept] for layer in (first, depthwise) for name in _numbers(layer)},
        expansion.weight: (up @ down)[:, :, None, None],
        expansion.bias: up @ held[projection.bias].astype(np.float64) + held[expansion.bias],
    }
    gone = {projection.node, *_numbers(projection)}
    graph = model.graph
    for kind in (graph.node, graph.initializer):
        left = [item for item in kind if item.name not in gone]
        del kind[:]
        kind.extend(left)
    for item in graph.initializer:
        if item.name in changed:
            numbers = np.ascontiguousarray(changed[item.name], np.float32)
            item.CopyFrom(numpy_helper.from_array(numbers, item.name))
    for node in graph.node:
        if node.name == expansion.node:
            node.input[0] = projection.source
        if node.name == depthwise.node:
            [group] = [item for item in node.attribute if item.name == "group"]
            group.i = len(kept)
    del graph.value_info[:]  # their shapes were of the wider layers


def _numbers(layer: Convolution) -> tuple[str, str]:
    return layer.weight, layer.bias


def depthwise_bound(
    first: Convolution,
    depthwise: Convolution,
    held: dict[str, NDArray[np.float32]],
    crop: CropSpec,
) -> NDArray[np.float64]:
    """The most that each channel can be before the second ReLU6, whatever the picture.

    By interval arithmetic from pixels of 0 to 255 on; the zeros at the edges lie within.
    """
    mean, std = np.array(crop.mean)[:, None, None], np.array(crop.std)[:, None, None]
    darkest, brightest = np.minimum((0 - mean) / std, 0), np.maximum((1 - mean) / std, 0)
    weights = first.weights.astype(np.float64)
    reached = np.maximum(weights * darkest, weights * brightest).sum((1, 2, 3))
    inputs = np.clip(reached + held[first.bias], 0, _TOP)
    positive = np.maximum(depthwise.rows, 0).sum(1)
    most: NDArray[np.float64] = positive * inputs + held[depthwise.bias]
    return most


def kept_channels(most: NDArray[np.float64]) -> NDArray[np.intp]:
    """Which of the channels with these upper bounds are kept, in their order.

    All that can exceed 0, and as many of the rest as fill the last :data:`GROUP`.
    """
    size = max(int((most > 0).sum()), 1)
    size = min(-(-size // GROUP) * GROUP, len(most))
    return np.sort(np.argsort(-most, kind="stable")[:size])
