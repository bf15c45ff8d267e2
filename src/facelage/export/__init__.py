"""Write trained models for onnxruntime, and check that they agree."""

from facelage.export.onnx import export_onnx
from facelage.export.parity import Parity, check_parity

__all__ = ["Parity", "check_parity", "export_onnx"]
