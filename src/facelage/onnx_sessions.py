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
