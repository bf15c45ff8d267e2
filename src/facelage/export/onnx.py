"""A torch model as an ONNX file that carries its crop and says what it is."""

from __future__ import annotations

import contextlib
import io
import json
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facelage.data.align import CropSpec
from facelage.errors import MissingDependencyError
from facelage.export.proto import IR_VERSION, OPSET, rename_tensor
from facelage.files import write_atomically
from facelage.infer.spread import POOLED, SPREAD_KEY, SpreadNeuron
from facelage.models.weights import CROP_KEY, NAME_KEY

if TYPE_CHECKING:
    from facelage.models.mobilenet import AgeMobileNetV2


def export_onnx(
    model: AgeMobileNetV2,
    path: str | os.PathLike[str],
    crop: CropSpec,
    *,
    name: str = "",
    metadata: dict[str, Any] | None = None,
    spread: SpreadNeuron | None = None,
) -> Path:
    """Write `model` as ONNX, atomically.

    The file has one input ``input`` (N x 3 x size x size, float32, from
    :func:`facelage.data.align.normalise`, N free) and one output ``age`` (N,
    float32, years: the scaling is folded into the last layer). Its metadata hold the crop,
    the name, `metadata` as JSON texts, and `spread`, if given, which works on the tensor
    that is called ``pooled`` inside. `model` itself is left as it is.

    Raises
    ------
    MissingDependencyError
        If torch's exporter lacks ``onnx`` or ``onnxscript``.
    """
    import torch

    try:
        import onnx
        import onnxscript  # noqa: F401  # torch's exporter needs it and says so only midway
    except ImportError as error:
        raise MissingDependencyError(
            "export needs onnx and onnxscript", got=str(error), fix="pip install onnx onnxscript"
        ) from error
    folded = model.fold_scaling().cpu().float().to(memory_format=torch.contiguous_format)
    example = torch.zeros(2, 3, crop.size, crop.size)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # the exporter warns about its own internals
        program = torch.onnx.export(
            folded,
            (example,),
            input_names=["input"],
            output_names=["age"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    assert program is not None  # dynamo=True always returns one
    proto = program.model_proto
    proto.doc_string = "facelage: age in years from an aligned face crop"
    texts = {key: json.dumps(value) for key, value in (metadata or {}).items()}
    texts |= {CROP_KEY: crop.to_json(), NAME_KEY: name or Path(path).stem}
    proto.ir_version = IR_VERSION
    graph = proto.graph
    for part in (graph.node, graph.input, graph.output, graph.value_info, graph.initializer):
        for item in part:  # source paths of the exporting machine, in fields newer than the format
            del item.metadata_props[:]
            item.doc_string = ""
    del graph.metadata_props[:], proto.metadata_props[:]
    [head] = [node for node in graph.node if node.op_type == "Gemm"]
    rename_tensor(proto, head.input[0], POOLED)
    if spread is not None:
        texts[SPREAD_KEY] = spread.to_json()
    onnx.helper.set_model_props(proto, texts)
    onnx.checker.check_model(proto)
    write_atomically(path, lambda temporary: temporary.write_bytes(proto.SerializeToString()))
    return Path(path)
