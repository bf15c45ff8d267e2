"""Measure age models on labelled faces."""

from facelage.evaluate.compare import Comparison, Difference, compare, compare_evaluations
from facelage.evaluate.faces import choose_rows
from facelage.evaluate.models import (
    CropModel,
    FaceModel,
    ImageModel,
    OnnxModel,
    TorchModel,
    open_model,
)
from facelage.evaluate.predictions import PredictionsTable
from facelage.evaluate.run import Evaluation, evaluate

__all__ = [
    "Comparison",
    "CropModel",
    "Difference",
    "Evaluation",
    "FaceModel",
    "ImageModel",
    "OnnxModel",
    "PredictionsTable",
    "TorchModel",
    "choose_rows",
    "compare",
    "compare_evaluations",
    "evaluate",
    "open_model",
]
