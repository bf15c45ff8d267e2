"""Ages from photos and videos, with numpy, OpenCV and onnxruntime; torch is never imported."""

from facelage.infer.predictor import AgePredictor
from facelage.infer.result import FaceAge, ImageResult
from facelage.infer.video import TrackedFace, VideoFrame, predict_video

__all__ = [
    "AgePredictor",
    "FaceAge",
    "ImageResult",
    "TrackedFace",
    "VideoFrame",
    "predict_video",
]
