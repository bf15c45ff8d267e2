"""What can be evaluated: anything that turns faces or photos into ages.

A model of any kind may have an attribute ``calibration``, an object with a
method ``interval(ages, coverage)`` that gives the ends of an interval (N x 2,
years) for N ages: see :class:`facelage.infer.intervals.Calibration`. Coverage
and width of the intervals are then among the figures. Where a crop model also has a
method ``answers(crops)`` that gives N x 2 numbers, years and how far off such faces
usually are, its calibration is asked for ``interval(ages, coverage, spreads)``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias, Union, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from facelage.data.align import CropSpec
from facelage.data.detect import Detection
from facelage.data.images import UInt8Image
from facelage.infer.predictor import AgePredictor
from facelage.infer.session import AgeSession
from facelage.models.registry import load_weights
from facelage.models.weights import get_weights

if TYPE_CHECKING:
    from facelage.evaluate.predictions import PredictionsTable

Years = NDArray[np.float64]


@runtime_checkable
class CropModel(Protocol):
    """Ages from aligned crops."""

    @property
    def name(self) -> str:
        """Name for tables."""
        ...

    @property
    def crop(self) -> CropSpec:
        """The crop it takes."""
        ...

    def predict_crops(self, crops: NDArray[np.uint8]) -> Years:
        """Years (N, NaN for no age) from N x size x size x 3, RGB, uint8."""
        ...


@runtime_checkable
class FaceModel(Protocol):
    """Ages from faces that were found in photos: for models with a crop of their own."""

    @property
    def name(self) -> str:
        """Name for tables."""
        ...

    def predict_faces(self, images: Sequence[UInt8Image], faces: Sequence[Detection]) -> Years:
        """Years (N, NaN where it fails) from N photos, each H x W x 3, RGB, uint8.

        Parameters
        ----------
        faces:
            One face a photo, in the photo's pixels.
        """
        ...


@runtime_checkable
class ImageModel(Protocol):
    """Ages from whole photos: for models with a detector of their own."""

    @property
    def name(self) -> str:
        """Name for tables."""
        ...

    def predict_images(self, images: Sequence[UInt8Image]) -> Years:
        """Years (N, NaN where no face was found) from N photos, each H x W x 3, RGB, uint8."""
        ...


#: What :func:`facelage.evaluate.evaluate` takes.
Model: TypeAlias = Union[
    CropModel, FaceModel, ImageModel, "PredictionsTable", AgePredictor, AgeSession
]


class OnnxModel:
    """An ONNX model (:class:`facelage.infer.session.AgeSession`) as a :class:`CropModel`."""

    def __init__(self, session: AgeSession) -> None:
        self.session = session
        self.name = session.name
        self.crop = session.crop
        self.calibration = session.calibration

    def predict_crops(self, crops: NDArray[np.uint8]) -> Years:
        """Years (N) from N x size x size x 3, RGB, uint8."""
        return self.session.ages(crops)

    def answers(self, crops: NDArray[np.uint8]) -> Years:
        """Years and spreads (N x 2) of the same."""
        return self.session.answers(crops)


class TorchModel:
    """A torch checkpoint as a :class:`CropModel`."""

    def __init__(self, name_or_path: str | os.PathLike[str]) -> None:
        self._model, self.crop = load_weights(name_or_path)
        path = Path(name_or_path)
        checkpoint = path.suffix == ".safetensors"
        if checkpoint or path.is_dir():
            path = path.resolve()
        self.name = f"{path.parent.name}/{path.stem}" if checkpoint else path.name

    def predict_crops(self, crops: NDArray[np.uint8]) -> Years:
        """Years (N) from N x size x size x 3, RGB, uint8."""
        from facelage.export.parity import torch_ages

        return torch_ages(self._model, crops, self.crop)


def open_model(
    name_or_path: str | os.PathLike[str] | None,
    *,
    weights: str | os.PathLike[str] | None = None,
) -> CropModel | FaceModel | ImageModel | PredictionsTable:
    """A model by name, file or run folder; a predictions table; a baseline.

    Parameters
    ----------
    name_or_path:
        A name of :func:`facelage.models.list_models` (None for the newest) or an
        ``.onnx`` file, which run in ONNX Runtime, as they do in use; a
        ``.safetensors`` file or a run's folder, which run in torch; a ``.csv`` or
        ``.parquet`` file of predictions
        (:class:`facelage.evaluate.predictions.PredictionsTable`);
        a baseline of :func:`facelage.evaluate.baselines.open_baseline`:
        ``constant-mean:33.1``, ``deepface``, ``deepface:BACKEND``, or a ``.toml``
        file that describes another project's model.
    weights:
        The folder of the model file that a ``.toml`` file names; its own by default.

    Raises
    ------
    ConfigError
        If there is no such baseline, or its description is wrong.
    WeightsError
        If there is no such model.
    ManifestError
        If a predictions table can't be used.
    """
    if name_or_path is not None:
        path = Path(name_or_path)
        suffix = path.suffix.lower()
        if suffix == ".onnx":
            return OnnxModel(AgeSession(path))
        if path.is_dir() or suffix in (".safetensors", ".pt", ".pth"):
            return TorchModel(path)
        if suffix in (".csv", ".parquet"):
            from facelage.evaluate.predictions import PredictionsTable

            return PredictionsTable.load(path)
        kind = os.fspath(name_or_path).partition(":")[0]
        if suffix == ".toml" or kind in ("constant", "deepface") or kind.startswith("constant-"):
            from facelage.evaluate.baselines import open_baseline

            return open_baseline(os.fspath(name_or_path), weights=weights)
    return OnnxModel(AgeSession(get_weights(name_or_path).path("onnx")))
