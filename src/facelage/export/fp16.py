"""Models whose weights are kept in 16 bits: half the file, computed in 32 bits as before."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from facelage.errors import ExportError
from facelage.export.proto import PRECISION_KEY, properties, read_float32, write_model

#: Tensors with fewer numbers stay as they are: together they are 2 % of the file.
_SMALLEST = 4096


def export_fp16(
    source: str | os.PathLike[str], path: str | os.PathLike[str], *, name: str = ""
) -> Path:
    """Write an exported model anew with float16 weights, atomically.

    Each large tensor is cast back to float32 inside the graph, which runtimes do once,
    when they load it. So the file runs wherever the float32 one does, as fast, and
    activations lose nothing. Input, output and metadata are the source's.

    Parameters
    ----------
    source:
        A float32 ONNX file of ``facelage export``.
    name:
        Name of the weights in the new file; the source's by default.

    Raises
    ------
    MissingDependencyError
        If ``onnx`` is not installed.
    WeightsError
        If the file is missing, broken or without a crop.
    ExportError
        If it is not a float32 model, or a weight is too large for 16 bits.
    """
    model = read_float32(source)
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for item in model.graph.initializer:
        if item.data_type != TensorProto.FLOAT or np.prod(item.dims) < _SMALLEST:
            continue
        full = numpy_helper.to_array(item)
        largest = float(np.abs(full).max())
        if not largest <= float(np.finfo(np.float16).max):
            raise ExportError(
                "a weight does not fit into 16 bits",
                got=f"{item.name} with {largest:g}",
                expected="at most 65504",
                fix="leave it in 32 bits",
            )
        half = f"{item.name}_fp16"
        casts.append(helper.make_node("Cast", [half], [item.name], to=TensorProto.FLOAT))
        item.CopyFrom(numpy_helper.from_array(full.astype(np.float16), half))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    metadata = {**properties(model), PRECISION_KEY: "fp16"}
    return write_model(model, path, name=name, metadata=metadata)
