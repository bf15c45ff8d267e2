"""What can be evaluated: anything that turns crops or photos into ages."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from facelage.data.align import CropSpec
from facelage.infer.session import AgeSession
from facelage.models.registry import load_weights
from facelage.models.weights import get_weights


@runtime_checkable
class CropModel(Protocol):
    """Ages from aligned crops. :class:`facelage.infer.session.AgeSession` is one."""

    @property
    def name(self) -> str:
        """Name for tables."""
        ...

    @property
    def crop(self) -> CropSpec:
        """The crop it takes."""
        ...

    def ages(self, crops: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Years (N) from N x size x size x 3, RGB, uint8."""
        ...


class TorchModel:
    """A torch checkpoint as a :class:`CropModel`."""

    def __init__(self, name_or_path: str | os.PathLike[str]) -> None:
        self._model, self.crop = load_weights(name_or_path)
        path = Path(name_or_path)
        checkpoint = path.suffix == ".safetensors"
        if checkpoint or path.is_dir():
            path = path.resolve()
        self.name = f"{path.parent.name}/{path.stem}" if checkpoint else path.name

    def ages(self, crops: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Years (N) from N x size x size x 3, RGB, uint8."""
        from facelage.export.parity import torch_ages

        return torch_ages(self._model, crops, self.crop)


def open_model(name_or_path: str | os.PathLike[str] | None) -> CropModel:
    """A model by name, ``.onnx`` file, ``.safetensors`` file or run folder.

    Named weights run in ONNX Runtime, as they do in use; checkpoints run in torch.

    Raises
    ------
    WeightsError
        If there is no such model.
    """
    if name_or_path is not None:
        path = Path(name_or_path)
        if path.suffix == ".onnx":
            return AgeSession(path)
        if path.is_dir() or path.suffix in (".safetensors", ".pt", ".pth"):
            return TorchModel(path)
    return AgeSession(get_weights(name_or_path).path("onnx"))
