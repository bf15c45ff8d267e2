"""facelage tells a person's age from a photo of their face.

>>> from facelage import AgePredictor
>>> predictor = AgePredictor.from_pretrained()
>>> faces = predictor.predict("portrait.jpg")

The names below load their modules at first use, so that ``import facelage`` is
quick and inference never loads torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from facelage._version import __version__
from facelage.errors import FacelageError

if TYPE_CHECKING:
    from facelage.data.align import CropSpec
    from facelage.data.images import load_image
    from facelage.data.manifest import Manifest
    from facelage.data.prepare import PrepareConfig, prepare
    from facelage.export import export_onnx
    from facelage.infer import (
        AgePredictor,
        FaceAge,
        ImageResult,
        TrackedFace,
        VideoFrame,
        predict_video,
    )
    from facelage.models import create_model, get_weights, list_models, load_weights
    from facelage.train import TrainConfig, Trainer

_HOMES = {
    "AgePredictor": "facelage.infer",
    "CropSpec": "facelage.data.align",
    "FaceAge": "facelage.infer",
    "ImageResult": "facelage.infer",
    "Manifest": "facelage.data.manifest",
    "PrepareConfig": "facelage.data.prepare",
    "TrainConfig": "facelage.train",
    "TrackedFace": "facelage.infer",
    "Trainer": "facelage.train",
    "VideoFrame": "facelage.infer",
    "create_model": "facelage.models",
    "export_onnx": "facelage.export",
    "get_weights": "facelage.models",
    "list_models": "facelage.models",
    "load_image": "facelage.data.images",
    "load_weights": "facelage.models",
    "predict_video": "facelage.infer",
    "prepare": "facelage.data.prepare",
}

__all__ = [
    "AgePredictor",
    "CropSpec",
    "FaceAge",
    "FacelageError",
    "ImageResult",
    "Manifest",
    "PrepareConfig",
    "TrackedFace",
    "TrainConfig",
    "Trainer",
    "VideoFrame",
    "__version__",
    "create_model",
    "export_onnx",
    "get_weights",
    "list_models",
    "load_image",
    "load_weights",
    "predict_video",
    "prepare",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
