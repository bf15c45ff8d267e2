"""What runs a peer's network: ONNX Runtime, OpenVINO, or anything with the same two members."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from facelage.errors import ConfigError, MissingDependencyError, WeightsError
from facelage.onnx_sessions import open_session

Arrays = Mapping[str, NDArray[Any]]


class Runner(Protocol):
    """A network that maps named arrays to named arrays."""

    @property
    def shapes(self) -> dict[str, tuple[int | None, ...]]:
        """The inputs' shapes; None where any number will do."""
        ...

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """The outputs, by name, in the network's order."""
        ...


class OnnxRunner:
    """A network in ONNX Runtime, on the CPU.

    Parameters
    ----------
    path:
        The ``.onnx`` file.
    threads:
        Threads of one run; ONNX Runtime's choice by default.

    Raises
    ------
    WeightsError
        If the file is no model.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        try:
            self._session: Any = open_session(path, threads=threads)
        except Exception as error:  # ONNX Runtime's classes are not public
            raise WeightsError(
                "the peer's model can't be opened", got=f"{path}: {str(error)[:200]}"
            ) from error
        self.shapes: dict[str, tuple[int | None, ...]] = {
            item.name: tuple(end if isinstance(end, int) else None for end in item.shape)
            for item in self._session.get_inputs()
        }
        self._outputs = [item.name for item in self._session.get_outputs()]

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """The outputs, by name, in the network's order."""
        return dict(zip(self._outputs, self._session.run(None, dict(inputs)), strict=True))


class OpenVinoRunner:
    """A network in OpenVINO, on the CPU (package ``openvino``).

    Parameters
    ----------
    path:
        The ``.xml`` file, with its ``.bin`` beside it.
    threads:
        Threads of one run; OpenVINO's choice by default.

    Raises
    ------
    MissingDependencyError
        If the package is not installed.
    WeightsError
        If the file is no model.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        try:
            openvino = import_module("openvino")
        except ImportError as error:
            raise MissingDependencyError(
                "this peer runs in OpenVINO",
                got="no package 'openvino'",
                fix="pip install openvino",
            ) from error
        settings = {} if threads is None else {"INFERENCE_NUM_THREADS": threads}
        try:
            self._model: Any = openvino.Core().compile_model(str(path), "CPU", settings)
        except RuntimeError as error:
            raise WeightsError(
                "the peer's model can't be opened", got=f"{path}: {str(error)[:200]}"
            ) from error
        self.shapes: dict[str, tuple[int | None, ...]] = {
            item.any_name: tuple(
                None if end.is_dynamic else int(end.get_length()) for end in item.partial_shape
            )
            for item in self._model.inputs
        }
        self._outputs = [item.any_name for item in self._model.outputs]

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """The outputs, by name, in the network's order."""
        found = self._model(dict(inputs))
        return {name: np.array(found[name]) for name in self._outputs}


def open_runner(path: Path, threads: int | None = None) -> Runner:
    """What runs a file, by its suffix.

    Raises
    ------
    WeightsError
        If there is no such file, or it is no model.
    ConfigError
        If nothing runs files of its kind.
    """
    kinds: dict[str, Callable[[Path, int | None], Runner]] = {
        ".onnx": OnnxRunner,
        ".xml": OpenVinoRunner,
    }
    if path.suffix not in kinds:
        raise ConfigError(
            "unknown kind of model",
            got=path.name,
            expected=" or ".join(kinds),
            fix="convert it to ONNX; benchmarks/accuracy/compare_peers.py runs the Keras and "
            "face-api.js models of benchmarks/accuracy/peers",
        )
    if not path.is_file():
        raise WeightsError(
            "there is no model file",
            got=str(path),
            fix="name the folder that holds it with --weights (weights= in Python); for the specs "
            "of benchmarks/accuracy/peers the README.md there says where to get it",
        )
    return kinds[path.suffix](path, threads)
