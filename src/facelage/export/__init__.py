"""Write trained models for onnxruntime, and check that they agree."""

from facelage.export.calibration import Calibrated, calibrate, calibration_from_table
from facelage.export.faces import labelled_faces
from facelage.export.fp16 import export_fp16
from facelage.export.growth import Growth, check_growth
from facelage.export.int8 import export_int8
from facelage.export.onnx import export_onnx
from facelage.export.parity import Parity, check_parity
from facelage.export.self_contained import export_self_contained

__all__ = [
    "Calibrated",
    "Growth",
    "Parity",
    "calibrate",
    "calibration_from_table",
    "check_growth",
    "check_parity",
    "export_fp16",
    "export_int8",
    "export_onnx",
    "export_self_contained",
    "labelled_faces",
]
