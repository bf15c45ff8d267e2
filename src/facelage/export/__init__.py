"""Write trained models for onnxruntime, and check that they agree."""

from facelage.export.calibration import calibrate, calibration_from_table
from facelage.export.onnx import export_onnx
from facelage.export.parity import Parity, check_parity

__all__ = [
    "Parity",
    "calibrate",
    "calibration_from_table",
    "check_parity",
    "export_onnx",
]
