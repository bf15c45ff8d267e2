"""Find faces: boxes, landmarks and scores, whichever detector runs."""

from facelage.data.detect.auto import DetectorLike, resolve_detector
from facelage.data.detect.base import Box, Detection, FaceDetector, Landmarks
from facelage.data.detect.haar import HaarDetector
from facelage.data.detect.refined import RefinedDetector
from facelage.data.detect.yunet import YuNetDetector, download_yunet, find_yunet

__all__ = [
    "Box",
    "Detection",
    "DetectorLike",
    "FaceDetector",
    "HaarDetector",
    "Landmarks",
    "RefinedDetector",
    "YuNetDetector",
    "download_yunet",
    "find_yunet",
    "resolve_detector",
]
