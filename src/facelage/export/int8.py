"""Models with 8-bit weights and activations (static QDQ), calibrated on real faces."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from facelage.data.align import CropSpec, normalise
from facelage.errors import ExportError
from facelage.export.front import shorten_front
from facelage.export.layers import convolutions, input_moments
from facelage.export.proto import (
    PRECISION_KEY,
    properties,
    read_float32,
    write_model,
)
from facelage.export.ranges import activation_ranges
from facelage.export.rounding import round_weights, scales
from facelage.models.weights import CROP_KEY
from facelage.onnx_sessions import open_session

if TYPE_CHECKING:
    import onnx

#: The head stays float32: its 1,280 weights are 5 KB, and it speaks in years.
_QUANTISED = ["Conv", "Clip", "Add"]
#: So do the first convolution, which reads the picture, and the depthwise one that follows:
#: with 8 bits ages are less exact, and take longer.
_FLOAT = 2
_BATCH = 16


def export_int8(
    source: str | os.PathLike[str],
    path: str | os.PathLike[str],
    crops: NDArray[np.uint8],
    *,
    name: str = "",
) -> Path:
    """Write an exported model anew with 8-bit convolutions, atomically.

    Its front becomes shorter first (:mod:`facelage.export.front`), with the same ages.
    Weights are int8 with a scale for each output channel, activations uint8 with
    one scale a tensor; input and output stay float32. Weights are rounded with
    regard to what reaches them (:mod:`facelage.export.rounding`), biases and the
    last layer then take up what changed on average. The metadata are the source's.

    Parameters
    ----------
    source:
        A float32 ONNX file of ``facelage export``.
    crops:
        Real faces from the training split, N x size x size x 3, RGB, uint8; some
        hundreds.
    name:
        Name of the weights in the new file; the source's by default.

    Raises
    ------
    MissingDependencyError
        If ``onnx`` is not installed.
    WeightsError
        If the file is missing, broken or without a crop.
    ExportError
        If it is not a float32 model, or there are fewer than 32 crops.
    """
    if len(crops) < 32:
        raise ExportError(
            "too few faces to quantise with", got=str(len(crops)), expected="32 or more"
        )
    model = read_float32(source)
    metadata = properties(model)
    crop = CropSpec.from_json(metadata[CROP_KEY])
    wanted = _ages(model, crops, crop)
    shorten_front(model, crop)
    overrides = _round(model, crops, crop)
    for tensor, (low, high) in activation_ranges(model, _batches(crops, crop)).items():
        ends = {"rmin": np.array(low, np.float32), "rmax": np.array(high, np.float32)}
        overrides[tensor] = [ends]
    small = _quantise(model, crops, crop, overrides)
    _correct_head(small, _ages(small, crops, crop), wanted)
    return write_model(small, path, name=name, metadata={**metadata, PRECISION_KEY: "int8"})


def _batches(crops: NDArray[np.uint8], crop: CropSpec) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(crops), _BATCH):
        yield normalise(crops[start : start + _BATCH], crop)


def _ages(model: onnx.ModelProto, crops: NDArray[np.uint8], crop: CropSpec) -> NDArray[np.float64]:
    session = open_session(model.SerializeToString())
    [image] = session.get_inputs()
    ages = [session.run(None, {image.name: images})[0] for images in _batches(crops, crop)]
    return np.concatenate(ages).astype(np.float64)


def _round(
    model: onnx.ModelProto, crops: NDArray[np.uint8], crop: CropSpec
) -> dict[str, list[dict[str, Any]]]:
    """Put the convolutions' weights on their grids; returns the grids for ONNX Runtime."""
    from onnxruntime.quantization import QuantType

    moments = input_moments(model, _batches(crops, crop))
    grids: dict[str, list[dict[str, Any]]] = {}
    changed: dict[str, NDArray[np.float32]] = {}
    biases = {item.name: item for item in model.graph.initializer}
    from onnx import numpy_helper

    for layer in convolutions(model)[_FLOAT:]:
        mean, covariance = moments[layer.node]
        rows = layer.rows
        steps = scales(rows, pairs=not layer.grouped).astype(np.float32).astype(np.float64)
        rounded = round_weights(rows, steps, covariance) * steps[:, None]
        lost = ((rows - rounded) * mean).sum(1)
        changed[layer.weight] = rounded.reshape(layer.weights.shape).astype(np.float32)
        bias = numpy_helper.to_array(biases[layer.bias]) + lost
        changed[layer.bias] = bias.astype(np.float32)
        grids[layer.weight] = [
            {
                "axis": 0,
                "quant_type": QuantType.QInt8,
                "scale": np.array(step, np.float32),
                "zero_point": np.array(0, np.int8),
            }
            for step in steps
        ]
    _replace(model, changed)
    return grids


def _replace(model: onnx.ModelProto, changed: dict[str, NDArray[np.float32]]) -> None:
    from onnx import numpy_helper

    for item in model.graph.initializer:
        if item.name in changed:
            item.CopyFrom(numpy_helper.from_array(changed[item.name], item.name))


def _quantise(
    model: onnx.ModelProto,
    crops: NDArray[np.uint8],
    crop: CropSpec,
    overrides: dict[str, list[dict[str, Any]]],
) -> onnx.ModelProto:
    import onnx
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.quant_utils import add_pre_process_metadata

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._images = _batches(crops, crop)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            images = next(self._images, None)
            return None if images is None else {model.graph.input[0].name: images}

    add_pre_process_metadata(model)  # the exporter has folded and named everything already
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "int8.onnx"
        quantize_static(
            model,
            path,
            Reader(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=_QUANTISED,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            nodes_to_exclude=[layer.node for layer in convolutions(model)[:_FLOAT]],
            extra_options={"TensorQuantOverrides": overrides},
        )
        return onnx.load(path)


def _correct_head(
    model: onnx.ModelProto, found: NDArray[np.float64], wanted: NDArray[np.float64]
) -> None:
    """Let the last layer take up the straight line between old and new ages, in place."""
    from onnx import numpy_helper

    spread = float(((found - found.mean()) ** 2).sum())
    slope = float(((found - found.mean()) * (wanted - wanted.mean())).sum()) / max(spread, 1e-9)
    shift = float(wanted.mean() - slope * found.mean())
    [head] = [node for node in model.graph.node if node.op_type == "Gemm"]
    held = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    _, weight, bias = head.input
    weights = (held[weight] * slope).astype(np.float32)
    _replace(model, {weight: weights, bias: (held[bias] * slope + shift).astype(np.float32)})
