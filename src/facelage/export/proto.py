"""ONNX models as data: read them, and write them whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from facelage.errors import ExportError, MissingDependencyError, WeightsError
from facelage.files import write_bytes
from facelage.models.weights import CROP_KEY, NAME_KEY

if TYPE_CHECKING:
    import onnx

#: ONNX operator set of exported files, and the file format that came with it:
#: ONNX Runtime 1.17 and newer run them (format 10, the exporter's own, needs 1.18).
OPSET, IR_VERSION = 18, 8
#: Metadata of a file with fewer bits than float32: ``int8`` or ``fp16``.
PRECISION_KEY = "facelage.precision"


def read_float_input(path: str | os.PathLike[str]) -> onnx.ModelProto:
    """An exported model that takes normalised crops.

    Raises
    ------
    MissingDependencyError
        If ``onnx`` is not installed.
    WeightsError
        If the file is missing, broken or without a crop.
    ExportError
        If it takes something else.
    """
    try:
        import onnx
        import onnx.compose
        import onnx.parser
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingDependencyError(
            "export needs onnx", got=str(error), fix="pip install onnx"
        ) from error
    try:
        model = onnx.load(os.fspath(path))
    except (OSError, DecodeError) as error:
        raise WeightsError("the model file can't be read", got=f"{path}: {error}") from error
    if CROP_KEY not in properties(model):
        raise WeightsError(
            "the model file does not say which crop it was trained on",
            got=f"{path} without the metadata {CROP_KEY!r}",
            expected="an ONNX file written by `facelage export`",
        )
    if [i.type.tensor_type.elem_type for i in model.graph.input] != [onnx.TensorProto.FLOAT]:
        raise ExportError(
            "the model has its preprocessing inside already",
            got=str(path),
            expected="a file that `facelage export` wrote without --self-contained",
        )
    return model


def read_float32(path: str | os.PathLike[str]) -> onnx.ModelProto:
    """As :func:`read_float_input`, of a model whose numbers have all their bits yet.

    Raises
    ------
    MissingDependencyError, WeightsError
        As :func:`read_float_input`.
    ExportError
        If it takes something else than normalised crops, or has fewer bits.
    """
    model = read_float_input(path)
    if found := properties(model).get(PRECISION_KEY):
        raise ExportError(
            "the model has fewer bits already", got=f"{path}, {found}", expected="a float32 model"
        )
    return model


def properties(model: onnx.ModelProto) -> dict[str, str]:
    """A model's metadata."""
    return {item.key: item.value for item in model.metadata_props}


def rename_tensor(model: onnx.ModelProto, old: str, new: str) -> None:
    """Call a tensor inside a graph otherwise, in place."""
    for node in model.graph.node:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                if name == old:
                    names[place] = new
    for info in model.graph.value_info:
        if info.name == old:
            info.name = new


def write_model(
    model: onnx.ModelProto,
    path: str | os.PathLike[str],
    *,
    metadata: dict[str, str],
    name: str = "",
) -> Path:
    """Check a model and write it with `metadata`, atomically; `name` replaces the one in there."""
    import onnx

    texts = {**metadata, NAME_KEY: name} if name else metadata
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, dict(sorted(texts.items())))
    onnx.checker.check_model(model, full_check=True)
    write_bytes(path, model.SerializeToString(deterministic=True))
    return Path(path)
