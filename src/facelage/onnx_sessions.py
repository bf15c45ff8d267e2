"""ONNX Runtime sessions, opened in one way: quiet, with the threads that were asked for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any


def open_session(
    model: str | os.PathLike[str] | bytes,
    *,
    threads: int | None = None,
    providers: Sequence[str] = ("CPUExecutionProvider",),
) -> Any:
    """An ``onnxruntime.InferenceSession`` that logs errors only.

    Parameters
    ----------
    model:
        A model's file, or its bytes.
    threads:
        Threads of one run; ``None`` leaves the number to ONNX Runtime.
    providers:
        ONNX Runtime's execution providers, the preferred one first.

    Raises
    ------
    Exception
        ONNX Runtime's own, whose classes are not public. Callers turn it into a
        :class:`~facelage.errors.WeightsError` that says what the file should hold.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 3
    if threads is not None:
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
    source = model if isinstance(model, bytes) else os.fspath(model)
    return ort.InferenceSession(source, options, providers=list(providers))


def with_output(content: bytes, name: str) -> bytes:
    """A model file's bytes in which the float32 tensor `name` inside is one more output.

    Protobuf merges what is appended: the model's graph (field 7) gets an output (12) with a
    name (1) and a type (2), a tensor (1) of float32 (1: 1).
    """
    kind = _field(2, _field(1, b"\x08\x01"))
    return content + _field(7, _field(12, _field(1, name.encode()) + kind))


def _field(number: int, content: bytes) -> bytes:
    """A protobuf field of less than 128 bytes."""
    assert len(content) < 128
    return bytes([number << 3 | 2, len(content)]) + content
