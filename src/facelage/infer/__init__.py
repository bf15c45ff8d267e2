"""Ages from photos, with numpy, OpenCV and onnxruntime; torch is never imported."""

from facelage.infer.predictor import AgePredictor
from facelage.infer.result import FaceAge, ImageResult

__all__ = ["AgePredictor", "FaceAge", "ImageResult"]
