"""Measure age models on labelled faces."""

from facelage.evaluate.models import CropModel, TorchModel, open_model
from facelage.evaluate.run import Evaluation, evaluate

__all__ = ["CropModel", "Evaluation", "TorchModel", "evaluate", "open_model"]
